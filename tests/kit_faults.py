"""Planted faults in the test kit: a kit that finds nothing looks like a kit with nothing to find.

``python -m tests.run_faults`` tries them beside the others.
"""

from __future__ import annotations

from typing import Final

from tests.faults import Fault

_KIT: Final = "jobcancel/testing/"
_KNOWN: Final = "tests/testing/test_known_faults.py::test_"
_EXPLORER: Final = "tests/testing/test_explorer.py::test_"
_PLANS: Final = "tests/testing/test_plan.py::test_"
_FINDINGS: Final = "tests/testing/test_findings.py::test_"
_TASKS: Final = "tests/testing/test_tasks.py::test_"
_CORRECT: Final = "tests/testing/test_correct_code.py::test_"
_CLOCK: Final = "tests/testing/test_clock.py::test_"

SEES: Final = "what the explorer sees"
SAYS: Final = "what the explorer says"
MOMENT: Final = "the moment of a cancel"

KIT_FAULTS: Final = (
    Fault(
        SEES,
        _KIT + "findings.py",
        '            yield Symptom(Fault.SWALLOWED, earlier.location, f"it continued to {later.location}")\n',
        "            pass\n",
        _KNOWN + "explore_finds_only_the_known_fault_at_its_line",
    ),
    Fault(
        SEES,
        _KIT + "findings.py",
        "        elif not later.in_closing:\n",
        "        elif later.in_closing:\n",
        _KNOWN + "explore_finds_only_the_known_fault_at_its_line",
    ),
    Fault(
        SEES,
        _KIT + "execution.py",
        "leaked = threads.keys() - threads_before",
        "leaked = threads_before - threads.keys()",
        _KNOWN + "explore_finds_only_the_known_fault_at_its_line",
    ),
    Fault(
        SEES,
        _KIT + "execution.py",
        'warnings.simplefilter("always", ResourceWarning)',
        'warnings.simplefilter("ignore", ResourceWarning)',
        _FINDINGS + "explore_finds_a_socket_left_open_by_a_cancel",
    ),
    Fault(
        SEES,
        _KIT + "explorer.py",
        "            if point.phase is Phase.COMPENSATING:\n",
        "            if False:\n",
        _EXPLORER + "explore_covers_compensations_of_a_cancel",
    ),
    Fault(
        SAYS,
        _KIT + "recording.py",
        "            self.divergence = (expected, point)\n        elif point.id == planned:\n",
        "            pass\n        if point.id == planned:\n",
        _PLANS + "diverging_run_is_retried_and_not_covered",
    ),
    Fault(
        SAYS,
        _KIT + "explorer.py",
        "tuple(self._diverged), len(self._todo)",
        "tuple(self._diverged), 0",
        _PLANS + "budget_limits_the_runs_and_counts_the_skipped_ones",
    ),
    Fault(
        SAYS,
        _KIT + "plan.py",
        "    if text == UNCANCELED:\n        return ()\n",
        "",
        _PLANS + "only_replays_the_run_without_a_request",
    ),
    Fault(
        SAYS,
        _KIT + "report.py",
        "missing if self.expected is None else ",
        "",
        _PLANS + "plan_with_an_unknown_point_is_reported",
    ),
    Fault(
        SAYS,
        _KIT + "recording.py",
        "(self._expected.get(planned), point)",
        "(self._expected.get(planned._replace(repetition=1)), point)",
        _PLANS + "fewer_repetitions_report_the_actual_point",
    ),
    Fault(
        SEES,
        _KIT + "recording.py",
        ' and not text.endswith("; reason: deadline exceeded")',
        "",
        _CORRECT + "explore_finds_nothing_in_correct_code",
    ),
    Fault(
        SEES,
        _KIT + "recording.py",
        'getattr(error, "source", None) != "deadline"',
        "True",
        _CORRECT + "explore_finds_nothing_in_correct_code",
    ),
    Fault(
        SAYS,
        _KIT + "trio_tasks.py",
        '"_ALLOW_DETERMINISTIC_SCHEDULING": True',
        '"_ALLOW_DETERMINISTIC_SCHEDULING": False',
        _TASKS + "ready_tasks_run_in_the_same_order_in_every_run",
    ),
    Fault(
        SAYS,
        _KIT + "trio_tasks.py",
        "        names.update(previous)\n",
        "        pass\n",
        _TASKS + "explore_restores_the_loop_the_warnings_and_the_garbage_collector",
    ),
    Fault(
        SAYS,
        _KIT + "tasks.py",
        "        loop.set_task_factory(previous)\n",
        "        pass\n",
        _TASKS + "explore_restores_the_loop_the_warnings_and_the_garbage_collector",
    ),
    Fault(
        MOMENT,
        _KIT + "cancel_at.py",
        "            self._requested = True  # before the request, which is a change itself\n",
        "",
        "tests/testing/test_cancel_at.py::test_cancel_at_makes_one_request_at_the_first_entry",
    ),
    Fault(
        MOMENT,
        _KIT + "clock.py",
        "        for _ in range(_TURNS):\n            await checkpoint()\n",
        "",
        _CLOCK + "grace_counts_from_a_delivery_before_advance",
    ),
    Fault(
        MOMENT,
        _KIT + "clock.py",
        "        for _ in range(_TURNS):\n            await checkpoint()\n",
        "        await anyio.wait_all_tasks_blocked()\n",
        _CLOCK + "busy_task_does_not_block_advance",
    ),
)
