"""Planted faults in the test kit: a kit that finds nothing looks like one with nothing to find.

``python -m tests.run_faults`` tries them beside the others.
"""

from __future__ import annotations

from typing import Final

from tests.faults import Fault

_KIT: Final = "jobcancel/testing/"
_FOUND: Final = "tests/testing/test_faults_found.py::test_"
_EXPLORER: Final = "tests/testing/test_explorer.py::test_"
_PLANS: Final = "tests/testing/test_explorer_plans.py::test_"
_FINDINGS: Final = "tests/testing/test_explorer_findings.py::test_"
_TASKS: Final = "tests/testing/test_explorer_tasks.py::test_"
_HOSTS: Final = "tests/testing/test_explorer_hosts.py::test_"
_CLOCK: Final = "tests/testing/test_clock.py::test_"

SEES: Final = "what the explorer sees"
SAYS: Final = "what the explorer says"
MOMENT: Final = "the moment of a cancel"

KIT_FAULTS: Final = (
    Fault(
        SEES,
        _KIT + "findings.py",
        '            yield Symptom(Fault.SWALLOWED, earlier.spot, f"it went on to {later.spot}")\n',
        "            pass\n",
        _FOUND + "a_known_fault_is_found_at_its_line_and_nothing_else",
    ),
    Fault(
        SEES,
        _KIT + "findings.py",
        "        elif not later.closes:\n",
        "        elif later.closes:\n",
        _FOUND + "a_known_fault_is_found_at_its_line_and_nothing_else",
    ),
    Fault(
        SEES,
        _KIT + "one_run.py",
        "threads.keys() - busy]",
        "busy - threads.keys()]",
        _FOUND + "a_known_fault_is_found_at_its_line_and_nothing_else",
    ),
    Fault(
        SEES,
        _KIT + "one_run.py",
        'warnings.simplefilter("always", ResourceWarning)',
        'warnings.simplefilter("ignore", ResourceWarning)',
        _FINDINGS + "a_socket_left_open_by_a_cancel_is_found",
    ),
    Fault(
        SEES,
        _KIT + "explorer.py",
        "            if point.phase is Phase.COMPENSATING:\n",
        "            if False:\n",
        _EXPLORER + "a_second_request_is_made_at_every_await_of_the_compensations_that_a_cancel_brings_about",
    ),
    Fault(
        SAYS,
        _KIT + "trace.py",
        "            self.diverged = (expected, point)\n        elif point.place == step.place:\n",
        "            pass\n        if point.place == step.place:\n",
        _PLANS + "a_run_that_leaves_its_path_is_tried_again_and_never_covered",
    ),
    Fault(
        SAYS,
        _KIT + "explorer.py",
        "tuple(self._diverged), len(self._todo)",
        "tuple(self._diverged), 0",
        _PLANS + "a_budget_is_kept_and_says_what_it_left",
    ),
    Fault(
        SAYS,
        _KIT + "points.py",
        "    if text == UNCANCELED:\n        return ()\n",
        "",
        _PLANS + "a_finding_of_the_run_in_which_nobody_asks_is_replayed_by_its_plan",
    ),
    Fault(
        SAYS,
        _KIT + "report.py",
        "missing if self.expected is None else ",
        "",
        _PLANS + "a_plan_for_a_moment_that_the_job_does_not_have_says_so",
    ),
    Fault(
        SAYS,
        _KIT + "trace.py",
        "(self._expected.get(step.place), point)",
        "(self._expected.get(step.place._replace(time=1)), point)",
        _PLANS + "a_moment_that_comes_fewer_times_than_planned_says_what_came_instead",
    ),
    Fault(
        SEES,
        _KIT + "track.py",
        ' and not text.endswith("; reason: deadline exceeded")',
        "",
        _HOSTS + "nothing_is_found_in_what_is_right",
    ),
    Fault(
        SEES,
        _KIT + "track.py",
        'getattr(error, "source", None) != "deadline"',
        "True",
        _HOSTS + "nothing_is_found_in_what_is_right",
    ),
    Fault(
        SAYS,
        _KIT + "trio_tasks.py",
        '"_ALLOW_DETERMINISTIC_SCHEDULING": True',
        '"_ALLOW_DETERMINISTIC_SCHEDULING": False',
        _TASKS + "tasks_that_are_ready_together_take_turns_in_the_same_order_in_every_run",
    ),
    Fault(
        SAYS,
        _KIT + "trio_tasks.py",
        "        names.update(former)\n",
        "        pass\n",
        _FINDINGS + "what_was_in_place_before_is_in_place_afterwards",
    ),
    Fault(
        SAYS,
        _KIT + "tasks.py",
        "        loop.set_task_factory(former)\n",
        "        pass\n",
        _FINDINGS + "what_was_in_place_before_is_in_place_afterwards",
    ),
    Fault(
        MOMENT,
        _KIT + "at_stage.py",
        "            self._asked = True  # first: what is asked here changes the job, and brings us here again\n",
        "",
        "tests/testing/test_cancel_at.py::test_a_stage_that_is_entered_again_is_asked_in_once",
    ),
    Fault(
        MOMENT,
        _KIT + "clock.py",
        "        for _ in range(_TURNS):\n            await checkpoint()\n",
        "",
        _CLOCK + "the_grace_of_a_cancel_counts_from_before_the_time_moved",
    ),
    Fault(
        MOMENT,
        _KIT + "clock.py",
        "        for _ in range(_TURNS):\n            await checkpoint()\n",
        "        await anyio.wait_all_tasks_blocked()\n",
        _CLOCK + "code_that_is_always_ready_does_not_keep_the_time_from_moving",
    ),
)
