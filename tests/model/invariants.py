"""What has to hold of every trace, written from the specification alone.

An invariant is asked of every entry of its sort, with what the trace shows of that job before it, and of the other
job. It looks neither at the records nor at the table or the decisions: only at what was asked, answered, done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .trace import ACCEPTING, TERMINAL, Entry, Seen

Invariant = Callable[[Entry, Seen, Seen], bool]
INVARIANTS: Final[dict[str, list[tuple[str, Invariant]]]] = {}  # by the sort of entry; with their names
SHIELDED: Final = ("defer", "refuse")
FINISHED: Final = {"returned": "succeeded", "partial": "partially_succeeded"}
ANY = "any"


def of(*sorts: str) -> Callable[[Invariant], Invariant]:
    """Register an invariant of the entries of these sorts."""

    def register(holds: Invariant) -> Invariant:
        for sort in sorts:
            INVARIANTS.setdefault(sort, []).append((getattr(holds, "__name__", ""), holds))
        return holds

    return register


# Requests and their answers.


@of("asked")
def a_users_request_is_refused_exactly_in_refuse_without_defer_or_force(entry: Entry, seen: Seen, other: Seen) -> bool:
    refusable = entry.cause == "user" and not entry.defer and not entry.force
    return (entry.name == "refused") == (refusable and seen.state == "running" and seen.policy == "refuse")


@of("asked")
def an_answer_without_effect_changes_nothing(entry: Entry, seen: Seen, other: Seen) -> bool:
    silent = ("refused", "already_canceling", "already_terminal")
    return entry.name not in silent or not entry.changed


@of("asked")
def a_dry_run_says_what_the_request_then_gets(entry: Entry, seen: Seen, other: Seen) -> bool:
    return entry.dry == entry.name


@of("asked")
def a_request_meets_what_is_open_when_it_is_asked(entry: Entry, seen: Seen, other: Seen) -> bool:
    if entry.name == "refused":
        return True
    if seen.settled:
        return entry.name == "already_terminal"
    if seen.cause:
        return entry.name == ("canceling" if entry.force and seen.held else "already_canceling")
    if seen.state == "pending":
        return entry.name == ("canceling" if seen.undo or seen.undone else "canceled")
    return entry.name == ("deferred" if seen.policy in SHIELDED and not entry.force else "canceling")


@of("asked")
def the_first_accepted_request_stays_the_cancel(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not seen.cause or entry.recorded == f"the first, {seen.cause}"


@of("moved")
def a_state_becomes_canceling_by_an_accepted_request_alone(entry: Entry, seen: Seen, other: Seen) -> bool:
    return entry.state != "canceling" or (bool(seen.cause) and seen.state == "canceling")


# Stages and deliveries.


@of("entered")
def after_an_accepted_request_no_stage_begins(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not seen.cause


@of("delivered")
def only_an_accepted_request_is_delivered_and_only_once(entry: Entry, seen: Seen, other: Seen) -> bool:
    return bool(seen.cause) and not seen.delivered


@of("delivered")
def a_shielded_stage_is_torn_by_force_alone(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not seen.stage or seen.policy not in SHIELDED or seen.forced


@of(ANY)
def a_held_cancel_is_delivered_exactly_at_the_stages_end(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not seen.due or entry.what == "delivered"


@of("left")
def a_stages_end_raises_a_held_cancel_unless_it_commits_or_an_error_leaves_it(
    entry: Entry, seen: Seen, other: Seen
) -> bool:
    if not seen.held:
        return entry.release == "nothing"
    return entry.release == ("deliver" if seen.commits or entry.raised else "raise")


@of(ANY)
def what_a_stages_end_raises_reaches_the_code_before_it_goes_on(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not (seen.raises and seen.delivered) or entry.what in ("torn", "child")


@of("torn")
def code_is_interrupted_only_after_a_delivery(entry: Entry, seen: Seen, other: Seen) -> bool:
    return seen.delivered


@of("began")
def a_job_canceled_before_its_first_step_does_not_begin(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not seen.settled and (not seen.cause or seen.held)


# How a job ends.


@of("moved", "settled")
def a_terminal_state_is_reached_once_and_never_left(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not seen.settled


@of("settled")
def a_job_settles_in_a_terminal_state(entry: Entry, seen: Seen, other: Seen) -> bool:
    return entry.state in TERMINAL


@of("settled")
def work_that_finished_is_reported_as_finished(entry: Entry, seen: Seen, other: Seen) -> bool:
    if entry.name == "abandoned" or (seen.cause and seen.child_canceled):
        return True
    return seen.ended not in FINISHED or (entry.state, entry.code) == (FINISHED[seen.ended], "")


@of("settled")
def only_work_that_finished_is_reported_as_finished(entry: Entry, seen: Seen, other: Seen) -> bool:
    if entry.state not in FINISHED.values():
        return True
    return seen.ended in FINISHED and not (seen.cause and seen.child_canceled)


@of("settled")
def a_cancel_that_stopped_the_work_ends_it_canceled_or_timed_out(entry: Entry, seen: Seen, other: Seen) -> bool:
    stopped = entry.name == "abandoned" or seen.ended == "unwound"
    if seen.ended in FINISHED and seen.cause and seen.child_canceled:
        stopped = True  # the handler returned, a part of its work did not
    if not stopped:
        return True
    timed_out = seen.cause == "timeout"
    return (entry.state, entry.code) == (("failed", "TIMED_OUT") if timed_out else ("canceled", ""))


@of("settled")
def nobody_is_canceled_without_an_accepted_request(entry: Entry, seen: Seen, other: Seen) -> bool:
    return entry.state != "canceled" or bool(seen.cause)


@of("settled")
def an_error_a_foreign_cancellation_and_an_expiry_fail_the_job(entry: Entry, seen: Seen, other: Seen) -> bool:
    codes = {"raised": "HANDLER_ERROR", "foreign": "FOREIGN_CANCEL", "expired": "EXPIRED"}
    if entry.name == "abandoned" or seen.ended not in codes:
        return True
    return (entry.state, entry.code) == ("failed", codes[seen.ended])


@of("settled")
def pierced_is_recorded_exactly_when_a_held_cancel_was(entry: Entry, seen: Seen, other: Seen) -> bool:
    return entry.marked == seen.pierced


# Compensations.


@of("undone")
def compensations_run_newest_first_each_once_and_none_that_was_dropped(entry: Entry, seen: Seen, other: Seen) -> bool:
    return bool(seen.undo) and entry.name == seen.undo[-1] and entry.name not in seen.undone


@of("undone")
def compensations_run_after_the_code_has_ended(entry: Entry, seen: Seen, other: Seen) -> bool:
    return bool(seen.ended)


@of("settled")
def compensations_run_before_the_job_settles_unless_it_was_abandoned(entry: Entry, seen: Seen, other: Seen) -> bool:
    if entry.name == "abandoned" or entry.state not in ("canceled", "failed"):
        return True
    return not seen.undo


@of("settled")
def work_that_finished_is_not_undone(entry: Entry, seen: Seen, other: Seen) -> bool:
    return entry.state not in FINISHED.values() or not seen.undone


@of("gone")
def nothing_stays_to_be_undone_of_a_job_that_did_not_succeed(entry: Entry, seen: Seen, other: Seen) -> bool:
    return seen.state not in ("canceled", "failed") or not seen.undo


@of("gone")
def compensated_is_recorded_exactly_when_no_undo_is_left(entry: Entry, seen: Seen, other: Seen) -> bool:
    return not seen.cause or entry.marked == (not seen.undo)


# Parent and child.


@of("asked")
def a_child_is_canceled_only_when_its_parents_cancel_is_delivered_or_its_code_failed(
    entry: Entry, seen: Seen, other: Seen
) -> bool:
    if entry.job != "child" or entry.cause != "parent":
        return True
    return other.delivered or (other.ended != "" and other.ended not in FINISHED)


@of("settled")
def a_child_settles_before_its_parent(entry: Entry, seen: Seen, other: Seen) -> bool:
    return entry.job != "parent" or other.state == "" or other.settled


@of("asked")
def nothing_is_answered_that_the_words_do_not_name(entry: Entry, seen: Seen, other: Seen) -> bool:
    words = (*ACCEPTING, "refused", "already_canceling", "already_terminal")
    return entry.name in words
