"""Faults in what keeps jobs, callers and hosts apart: rules 14, 15, 17 and 18."""

from __future__ import annotations

from contextvars import Context
from typing import Any

from . import places
from .fault import fault

_HOST = "tests/invariants/test_host.py::test_"
_NATIVE = "tests/runtime/test_native_cancel.py::test_"


@fault("14", places.RUN, _HOST + "14_an_exception_of_any_type_ends_only_its_job")
async def what_ends_a_job_ends_the_loop(original: Any, job: Any) -> None:
    await original(job)
    if job.failure is not None and "SystemExit" in job.failure.details.get("type", ""):
        raise SystemExit(1)


@fault(
    "14",
    places.INTERRUPTS,
    "tests/runtime/test_odd_values.py::test_14_an_unformattable_error_ends_only_its_own_job",
)
def an_interrupt_does_not_reach_the_host(original: Any, error: BaseException) -> bool:
    return False


@fault("15", places.NEW_JOB, _HOST + "15_a_job_inherits_context_variables_and_leaks_none")
def a_job_inherits_no_variables(original: Any, job: Any, *args: Any) -> None:
    original(job, *args)
    job.context = Context()


@fault("17", places.REFUSE_OWN, _HOST + "17_a_wait_for_itself_or_an_ancestor_is_a_deadlock_error")
def a_job_may_wait_for_itself(original: Any, job: Any) -> None:
    return


@fault("18", places.WHEN_ENDED, _NATIVE + "a_scheduler_works_after_the_host_cancels_every_task")
def a_task_that_was_cancelled_before_its_first_step_is_lost(original: Any, loop: Any, task: Any, callback: Any) -> None:
    return


@fault("18", places.INTERRUPTION, _NATIVE + "a_native_cancel_of_a_shutdown_is_raised_at_its_end")
async def a_cancel_of_the_host_is_swallowed(original: Any, loop: Any) -> None:
    await original(loop)
