"""Faults in what outlives the process: rule 19 and what a scheduler with a store promises."""

from __future__ import annotations

from typing import Any

from jobcancel._core.decision import shutdown_request

from . import places
from .fault import fault

_COMMITS = "runtime/test_commits.py::test_"
_STAGES = "runtime/test_recovery_stages.py::test_"
_CANCELS = "runtime/test_recovery_cancels.py::test_"


@fault(
    "19",
    places.IS_CURRENT,
    "runtime/test_committed_ends.py::test_who_waits_is_told_when_the_end_is_kept_and_not_before",
)
def an_end_is_shown_before_its_commit(original: Any, journal: Any, job_id: str) -> bool:
    return True


@fault("answers", places.PROMISE, _COMMITS + "a_job_is_answered_and_seen_and_starts_when_it_is_kept_and_not_before")
def an_answer_does_not_wait_for_its_commit(original: Any, journal: Any, pages: Any, pending: Any) -> Any:
    original(journal, pages, pending)
    pending.kept()
    return pending


@fault("restart", places.WHY_LOST, _STAGES + "a_job_killed_in_a_stage_that_commits_has_failed_and_names_it")
def a_stage_that_commits_is_begun_again(original: Any, *args: Any) -> str:
    return ""


@fault("restart", places.PREPARE, _CANCELS + "a_job_that_was_canceling_is_undone_newest_first_and_canceled")
def a_canceling_job_is_run_again(original: Any, job: Any, now: float) -> None:
    job.cancel = None
    original(job, now)


@fault("reuse", places.REPLAY_ENTRY, _STAGES + "finished_stages_are_not_repeated_also_in_a_loop")
def results_of_stages_are_lost_in_a_restart(original: Any, replay: Any, body: dict[str, Any]) -> None:
    original(replay, {name: value for name, value in body.items() if name != "results"})


@fault("undos", places.REPLAY_ENTRY, _CANCELS + "a_job_that_was_canceling_is_undone_newest_first_and_canceled")
def compensations_are_lost_in_a_restart(original: Any, replay: Any, body: dict[str, Any]) -> None:
    original(replay, {name: value for name, value in body.items() if name != "undo"})


@fault(
    "one entry",
    places.ENTRIES,
    "runtime/test_isolation.py::test_an_entry_that_cannot_be_made_costs_no_other_job_its_commit",
)
def an_entry_that_cannot_be_made_stops_the_journal(original: Any, journal: Any, flight: dict[str, Any]) -> Any:
    for item in flight.values():
        item.entry()
    return original(journal, flight)


@fault(
    "the file",
    places.TAKE_LOCK,
    "stores/test_sqlite.py::test_another_process_has_it_and_is_named_until_it_is_killed_and_nothing_is_lost",
)
def a_journal_of_another_process_is_taken(original: Any, place: Any) -> Any:
    return original(place.with_name(f"{place.name}-of-mine"))


@fault("the file", places.APPEND, "stores/test_sqlite.py::test_it_keeps_what_a_store_promises")
def the_last_entry_of_a_commit_is_lost(original: Any, store: Any, entries: Any) -> None:
    original(store, entries[:-1])


@fault(
    "shutdown",
    places.STOP,
    "runtime/test_durable_shutdown.py::test_a_job_that_is_run_again_is_interrupted_and_not_undone",
)
def a_shutdown_cancels_what_could_run_again(original: Any, dispatcher: Any, job: Any) -> None:
    dispatcher.cancel(job, shutdown_request())
