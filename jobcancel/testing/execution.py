"""Execute one run of an exploration: submit a fresh call, follow the plan, and judge the job after its end."""

from __future__ import annotations

import gc
import inspect
import logging
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Any, Final

import anyio
from anyio import to_thread
from anyio.lowlevel import checkpoint
from attrs import field, frozen

from jobcancel._core.calls import Call
from jobcancel._core.context import JobContext
from jobcancel._core.registry import Registry
from jobcancel._core.states import JobState
from jobcancel._runtime.job import Job
from jobcancel._runtime.scheduler import Scheduler

from .findings import Fault, Symptom, find_broken_guarantees, find_code_faults, find_leaked_tasks
from .frames import UNKNOWN, HostCode, Location
from .plan import Moment, Plan, Point, PointId
from .recording import RunRecord, TaskRecord
from .run import Run
from .stepping import AbandonableAwait, SteppedCoroutine, ignore_unraisable
from .tasks import record_new_tasks

_LOGGER: Final = logging.getLogger("jobcancel")
_TURNS: Final = 5  # of the loop, for tasks that are about to end


@frozen
class Submission:
    """A call with the other arguments of its submit, for ``make`` to yield.

    Attributes:
        call: The call.
        app: The handler's ``job.app``.
        compensations: See ``Scheduler.submit``.
        labels: See ``Scheduler.submit``.
        owner: See ``Scheduler.submit``.
    """

    call: Call[Any]
    app: Any = field(default=None, kw_only=True)
    compensations: Sequence[Callable[[], object]] = field(default=(), kw_only=True)
    labels: Mapping[str, str] | None = field(default=None, kw_only=True)
    owner: str | None = field(default=None, kw_only=True)


Make = Callable[[], AbstractAsyncContextManager[Call[Any] | Submission]]
Check = Callable[[Run[Any]], Awaitable[object] | object]


@frozen(eq=False)
class Execution:
    """One run after its end.

    Attributes:
        plan: Its plan.
        record: Its record.
        state: The state in which the job ended.
        delivered_to: The line at which the last request arrived.
        symptoms: The faults that the run shows.
    """

    plan: Plan
    record: RunRecord
    state: JobState
    delivered_to: Location
    symptoms: list[Symptom]


class _SteppingScheduler(Scheduler):
    """A scheduler that steps its jobs' coroutines."""

    def record_jobs(self, run: RunRecord) -> None:
        """Record every job that starts from now on."""
        main = self._dispatcher.main

        def stepped_main(job: Job) -> SteppedCoroutine:
            task = run.add_job(job)
            assert job.call is not None  # noqa: S101  # for type checkers: only an ended job has none
            job.call = _recorded_call(run, task, job.call)
            return SteppedCoroutine(main(job), task)

        self._dispatcher.main = stepped_main


def _recorded_call(run: RunRecord, task: TaskRecord, call: Call[Any]) -> Call[Any]:
    """Return a call that can be abandoned, with one more point: between its return and the end of the job."""

    async def handler(job: JobContext, *_: Any, **__: Any) -> Any:
        value = await AbandonableAwait(call.start(job), run.abandon_with)
        if task.job is run.root:
            run.add_point(task, Moment.RETURNED, run.host_code.start)
        return value

    return Call(call.kind, handler, call.args, call.kwargs)


async def execute(
    make: Make,
    check: Check | None,
    plan: Plan,
    expected: Mapping[PointId, Point],
    *,
    usual: JobState | None,
    limit: float,
    stall_s: float,
) -> Execution:
    """Execute one run.

    Args:
        make: Makes the call.
        check: The host's own judgement.
        plan: The requests to make, and where.
        expected: The points of the run from which the plan was made.
        usual: The state in which the job ends without a request; None if this run is to find out.
        limit: How many points the run may have.
        stall_s: Seconds without a new point after which the job is forced to end.
    """
    execution: Execution | None = None
    with _resource_warnings() as messages:
        try:
            async with make() as made:
                submission = made if isinstance(made, Submission) else Submission(made)
                execution = await _execute(submission, check, plan, expected, usual, limit, stall_s)
        except Exception as error:
            if execution is None:
                raise
            execution.symptoms.append(Symptom(Fault.CHECK, message=f"leaving make raised {_first_line(error)}"))
        record = execution.record
        await _cancel_leaked_tasks(record)
        for task in record.tasks:
            task.arrivals.clear()  # their exceptions refer to frames, and so to the job's resources
            task.asyncio_task = None
        with ignore_unraisable() if record.abandoned else nullcontext():
            gc.collect()
    execution.symptoms.extend(Symptom(Fault.RESOURCE, message=message) for message in messages)
    return execution


async def _execute(
    submission: Submission,
    check: Check | None,
    plan: Plan,
    expected: Mapping[PointId, Point],
    usual: JobState | None,
    limit: float,
    stall_s: float,
) -> Execution:
    call = submission.call
    run = RunRecord(HostCode(call.kind.handler), plan, expected, limit)
    threads_before = set(_host_threads(run.host_code))
    with record_new_tasks(run):
        scheduler = _SteppingScheduler(_registry_of(call), app=submission.app)
        async with scheduler:
            scheduler.record_jobs(run)
            handle = await scheduler.submit(
                call,
                owner=submission.owner,
                labels=submission.labels,
                compensations=submission.compensations,
            )
            await _wait_or_force(scheduler, handle.id, run, stall_s)
        job = await handle.wait()
        for _ in range(_TURNS):
            await checkpoint()
        await to_thread.run_sync(int)  # after it, a thread that just got its work has begun
    symptoms = [*find_code_faults(run, job, usual or job.state), *find_broken_guarantees(run, job)]
    symptoms += find_leaked_tasks(run)
    threads = _host_threads(run.host_code)
    leaked = threads.keys() - threads_before
    symptoms += [Symptom(Fault.THREAD, threads[ident], "it is still running") for ident in leaked]
    if check is not None:
        symptoms += await _call_check(check, Run(tuple(run.verdicts), job, submission.app))
    return Execution(plan, run, job.state, run.delivery_location(), symptoms)


def _registry_of(call: Call[Any]) -> Registry:
    registry = call.kind.home
    assert isinstance(registry, Registry)  # noqa: S101  # for type checkers: a call's kind is registered
    return registry


async def _wait_or_force(scheduler: Scheduler, job_id: str, run: RunRecord, stall_s: float) -> None:
    """Wait for the end of the job; force it if it makes no progress."""
    points = -1
    while True:
        with anyio.move_on_after(stall_s):
            await scheduler.wait(job_id)
            return
        if len(run.points) == points and not run.forced:
            last = next(reversed(run.points.values()), None)
            _LOGGER.warning(
                "job %s made no progress for %g s and is forced to end; last point: %s", job_id, stall_s, last
            )
            run.forced = True
            await scheduler.cancel(job_id, force=True)
        points = len(run.points)


def _host_threads(host_code: HostCode) -> dict[int, Location]:
    """Return the other threads that run the host's code, and the line at which each stands."""
    locations = {
        ident: host_code.locate_frame(frame)
        for ident, frame in sys._current_frames().items()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if ident != threading.get_ident()
    }
    return {ident: location for ident, location in locations.items() if location is not UNKNOWN}


async def _call_check(check: Check, run: Run[Any]) -> list[Symptom]:
    try:
        answer = check(run)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:  # noqa: BLE001  # any exception of the host's check is a finding
        return [Symptom(Fault.CHECK, message=_first_line(error))]
    return []


def _first_line(error: Exception) -> str:
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


async def _cancel_leaked_tasks(run: RunRecord) -> None:
    """Cancel the tasks that the job's code left running, so that the next run starts like the first one.

    The tasks in a task group or a nursery end with it: the host opened it and closes it.
    """
    leaked = [task.asyncio_task for task in run.tasks if task.asyncio_task is not None and not task.ended]
    for task in leaked:
        task.cancel()
    for _ in range(_TURNS if leaked else 0):
        await checkpoint()


@contextmanager
def _resource_warnings() -> Generator[list[str]]:
    """Collect the messages of resource warnings and of coroutines never awaited; complete after the block."""
    messages: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        warnings.filterwarnings("always", message="coroutine .* was never awaited", category=RuntimeWarning)
        yield messages
    for warning in caught:
        text = str(warning.message)
        if issubclass(warning.category, ResourceWarning) or "was never awaited" in text:
            messages.append(text.partition("\n")[0])
        else:
            warnings.warn_explicit(text, warning.category, warning.filename, warning.lineno)
