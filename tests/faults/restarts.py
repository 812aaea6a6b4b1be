"""Faults in what outlives the process: rule 19 and what a scheduler with a store promises."""

from __future__ import annotations

from typing import Any

from jobcancel._core.states import JobState
from jobcancel._runtime.journal_writer import PendingCommit

from . import places
from .fault import fault

_COMMITS = "tests/runtime/test_commits.py::test_"
_STAGES = "tests/runtime/test_recovery_stages.py::test_"
_CANCELS = "tests/runtime/test_recovery_cancels.py::test_"


@fault(
    "19",
    places.IS_CURRENT,
    "tests/runtime/test_committed_ends.py::test_waiters_are_notified_only_once_the_end_is_committed",
)
def an_end_is_shown_before_its_commit(original: Any, writer: Any, job_id: str) -> bool:
    return True


@fault("answers", places.COMMIT, _COMMITS + "a_job_is_visible_and_starts_only_once_it_is_committed")
def an_answer_does_not_wait_for_its_commit(
    original: Any, writer: Any, journal: Any, apply: Any = None, give_up: Any = None, *, patient: bool = False
) -> PendingCommit[Any]:
    original(writer, journal, patient=patient)
    answered = PendingCommit(writer._host.loop.wakeup(), apply, give_up)
    answered.committed()
    return answered


@fault("restart", places.WHY_LOST, _STAGES + "a_job_killed_in_a_committing_stage_fails_and_names_it")
def a_stage_that_commits_is_begun_again(original: Any, *args: Any) -> str:
    return ""


@fault("restart", places.PREPARE, _CANCELS + "a_canceling_job_is_undone_newest_first_and_canceled")
def a_canceling_job_is_run_again(original: Any, job: Any, now: float) -> None:
    job.cancel = None
    original(job, now)


@fault("reuse", places.REPLAY_ENTRY, _STAGES + "finished_stages_are_not_repeated_in_a_loop_either")
def results_of_stages_are_lost_in_a_restart(original: Any, replay: Any, body: dict[str, Any]) -> None:
    original(replay, {name: value for name, value in body.items() if name != "results"})


@fault("undos", places.REPLAY_ENTRY, _CANCELS + "a_canceling_job_is_undone_newest_first_and_canceled")
def compensations_are_lost_in_a_restart(original: Any, replay: Any, body: dict[str, Any]) -> None:
    original(replay, {name: value for name, value in body.items() if name != "undo"})


@fault(
    "one entry",
    places.ENTRIES,
    "tests/runtime/test_isolation.py::test_an_entry_that_cannot_be_built_blocks_no_other_commit",
)
def an_entry_that_cannot_be_made_stops_the_journal(original: Any, writer: Any, flight: dict[str, Any]) -> Any:
    for item in flight.values():
        item.entry()
    return original(writer, flight)


@fault(
    "the file",
    places.ACQUIRE_LOCK,
    "tests/stores/test_sqlite.py::test_another_process_holds_the_journal_until_it_is_killed",
)
def a_journal_of_another_process_is_taken(original: Any, place: Any) -> Any:
    return original(place.with_name(f"{place.name}-of-mine"))


@fault("the file", places.APPEND, "tests/stores/test_sqlite.py::test_it_does_what_a_store_promises")
def the_last_entry_of_a_commit_is_lost(original: Any, store: Any, entries: Any) -> None:
    original(store, entries[:-1])


@fault(
    "shutdown",
    places.RETAIN_FOR_RESTART,
    "tests/runtime/test_durable_shutdown.py::test_a_job_that_reruns_is_interrupted_and_not_undone",
)
def a_shutdown_cancels_what_could_run_again(original: Any, journal: Any, job: Any) -> Any:
    return job.state is JobState.PENDING and original(journal, job)
