"""Planted faults: for each invariant, what could be written wrongly in the package and the test that must notice.

``python -m tests.run_faults`` applies each one to a copy of the package and requires its test to fail.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen
from attrs.validators import and_, ge, instance_of, lt, or_

INVARIANTS: Final = range(1, 19)


@frozen
class Fault:
    """One way to break an invariant, or a rule beside them.

    Attributes:
        breaks: Number of the invariant that it breaks, or the name of another rule.
        file: Where, as a path from the top of the tree: ``jobcancel/_core/decision.py``.
        old: What stands there; occurs exactly once in the file.
        new: What to write instead.
        test: Which test must fail then, as a pytest node id; without ``[...]`` it stands for every backend.
    """

    breaks: int | str = field(validator=or_(and_(instance_of(int), ge(1), lt(INVARIANTS.stop)), instance_of(str)))
    file: str
    old: str
    new: str
    test: str


_CORE: Final = "jobcancel/_core/"
_RUNTIME: Final = "jobcancel/_runtime/"
_DECISIONS: Final = "tests/invariants/test_decisions.py::test_"
_STAGES: Final = "tests/invariants/test_stages.py::test_"
_ENDINGS: Final = "tests/invariants/test_endings.py::test_"
_REVIEW: Final = "tests/invariants/test_found_by_review.py::test_"
_COMPLEXITY: Final = "tests/runtime/test_complexity.py::test_twenty_times_as_many_take_twenty_times_the_steps"
_HOST: Final = "tests/invariants/test_host.py::test_"

_SHUTDOWN: Final = "tests/runtime/test_shutdown.py::test_"
_FIND: Final = "tests/runtime/test_find.py::test_"
_SEQUENCE: Final = "tests/runtime/test_sequence.py::test_"
_RETENTION: Final = "tests/runtime/test_retention.py::test_"

LINEAR: Final = "what is done many times"
FOUND: Final = "what is found, and kept"
HEARD: Final = "who watches hears of it"

FAULTS: Final = (
    Fault(
        1,
        _RUNTIME + "scheduler.py",
        "        return request_cancel(job, by, reason, defer=defer, force=force)\n",
        "        await __import__('anyio').lowlevel.checkpoint()\n"
        "        return request_cancel(job, by, reason, defer=defer, force=force)\n",
        _DECISIONS + "1_nothing_runs_between_the_decision_and_the_transition",
    ),
    Fault(
        2,
        _CORE + "states.py",
        "        _S.CANCELED: {},\n",
        "        _S.CANCELED: {_E.SUCCEEDED: _S.SUCCEEDED},\n",
        _DECISIONS + "2_a_terminal_state_is_never_left",
    ),
    Fault(
        2,
        _RUNTIME + "job.py",
        "for event in self.waiters or ():",
        "for event in list(self.waiters or ())[:1]:",
        _DECISIONS + "2_every_waiter_wakes_when_a_job_settles",
    ),
    Fault(
        2,
        _RUNTIME + "runner.py",
        "    if job.settled is None:  # else",
        "    if True:  # else",
        _DECISIONS + "2_what_abandoned_code_returns_later_changes_nothing",
    ),
    Fault(
        3,
        _RUNTIME + "stage.py",
        "        if job.cancel is not None or job.code_ended:\n",
        "        if False:\n",
        _STAGES + "3_entering_a_stage_delivers_a_cancel_that_was_just_accepted",
    ),
    Fault(
        3,
        _RUNTIME + "stage.py",
        "    raise StageUnavailableError(job.id, wanted)\n",
        "    job.cancel = None\n",
        _STAGES + "3_under_a_shield_of_the_jobs_own_entry_raises_and_counts_as_unwinding",
    ),
    Fault(
        4,
        _CORE + "decision.py",
        "        return REFUSE if may_refuse and on_cancel is OnCancel.REFUSE else HOLD\n",
        "        return HOLD\n",
        _DECISIONS + "4_a_refused_request_leaves_no_trace_and_cancels_nothing",
    ),
    Fault(
        4,
        _RUNTIME + "kernel.py",
        "        if verdict.outcome is _CANCELING:\n",
        "        if verdict.outcome is Outcome.REFUSED:\n            job.scope.cancel()\n"
        "        if verdict.outcome is _CANCELING:\n",
        _DECISIONS + "4_a_refused_request_leaves_no_trace_and_cancels_nothing",
    ),
    Fault(
        5,
        _CORE + "decision.py",
        "        return REFUSE if may_refuse and on_cancel is OnCancel.REFUSE else HOLD\n",
        "        return REFUSE if may_refuse and on_cancel is OnCancel.REFUSE else CANCEL\n",
        _STAGES + "5_a_stage_is_whole_and_the_cancel_lands_at_its_end",
    ),
    Fault(
        5,
        _RUNTIME + "trio_loop.py",
        "partial(anyio.CancelScope, shield=True)",
        "anyio.CancelScope",
        _STAGES + "5_a_stage_is_whole_though_the_scheduler_is_left[trio-memory-host scope cancelled]",
    ),
    Fault(
        5,
        _RUNTIME + "failure.py",
        "    cancel.pierced = unwinds and (cancel.pierced or cancel.held)\n",
        "    cancel.pierced = False\n",
        _STAGES + "5_a_native_cancel_that_pierces_a_held_one_is_detected_and_recorded",
    ),
    Fault(
        6,
        _CORE + "endings.py",
        "        if cause is None or not children_canceled:\n",
        "        if cause is None:\n",
        _DECISIONS + "6_work_that_finishes_is_reported_finished_though_a_cancel_was_accepted",
    ),
    Fault(
        6,
        _RUNTIME + "failure.py",
        "    unwinds = all(is_a(leaf, cancelled, StageUnavailableError) for leaf in leaves(error))\n",
        "    unwinds = True\n",
        _DECISIONS + "6_one_error_among_cancellations_makes_the_job_failed",
    ),
    Fault(
        7,
        _RUNTIME + "compensation.py",
        "    undo = undos[-1]\n",
        "    undos.append(undos.pop(0))\n    undo = undos[-1]\n",
        _ENDINGS + "7_compensations_run_newest_first_and_once_after_the_code_and_before_the_end",
    ),
    Fault(
        7,
        _RUNTIME + "compensation.py",
        "    except BaseException as error:",
        "    except Exception as error:",
        _ENDINGS + "7_a_compensation_that_raises_or_overruns_stops_no_other_and_is_recorded",
    ),
    Fault(
        7,
        _RUNTIME + "runner.py",
        "        await _undo(job, event)\n",
        "        kernel.end(job, event, failure, value)\n        await _undo(job, event)\n",
        _ENDINGS + "7_compensations_run_newest_first_and_once_after_the_code_and_before_the_end",
    ),
    Fault(
        8,
        _RUNTIME + "delivery.py",
        "            self.count_grace(job)\n",
        "            pass\n",
        _ENDINGS + "8_grace_wait_records_the_job_as_stuck_once",
    ),
    Fault(
        8,
        _RUNTIME + "delivery.py",
        "        if job.code_ended or job.settled is not None or cancel is None:\n            return\n        now,",
        "        now,",
        _ENDINGS + "8_grace_counts_from_the_delivery_and_stops_when_the_handler_has_ended",
    ),
    Fault(
        8,
        _RUNTIME + "delivery.py",
        "        if job.children:\n            self.cancel_children(job)\n"
        "        else:\n            self.count_grace(job)\n",
        "        self.cancel_children(job)\n        self.count_grace(job)\n",
        _ENDINGS + "12_a_parents_grace_waits_for_its_children",
    ),
    Fault(
        9,
        _RUNTIME + "runner.py",
        "    if job.doomed is not None or (job.cancel is not None and not job.cancel.held):\n",
        "    if job.doomed is not None:\n",
        _STAGES + "9_a_cancel_between_admission_and_first_step_is_not_lost",
    ),
    Fault(
        9,
        _RUNTIME + "delivery.py",
        "        self._flushing = bool(self._queue)\n",
        "        self._flushing = False\n",
        _STAGES + "9_ten_thousand_cancels_at_once_all_land",
    ),
    Fault(
        9,
        _RUNTIME + "admission.py",
        "            if self.jobs[0].queue is not None:\n",
        "            if True:\n",
        _STAGES + "9_a_cancel_while_the_job_waits_behind_a_full_pool_is_not_lost",
    ),
    Fault(
        10,
        _RUNTIME + "kernel.py",
        "        if verdict.outcome is _CANCELING:\n",
        "        if verdict.accepted and job.scope is not None:\n            job.scope.cancel()\n"
        "        if verdict.outcome is _CANCELING:\n",
        _STAGES + "10_a_held_cancel_costs_nothing_while_it_waits",
    ),
    Fault(
        10,
        _RUNTIME + "runner.py",
        "                await job.on_children.wait()\n",
        "                await anyio.lowlevel.checkpoint()\n",
        _STAGES + "10_waiting_for_children_and_compensations_costs_nothing[trio-memory]",
    ),
    Fault(
        11,
        _RUNTIME + "threads.py",
        "        return await to_thread.run_sync(run, limiter=limiter)\n    except get_cancelled_exc_class():\n",
        "        return await to_thread.run_sync(run, limiter=limiter, abandon_on_cancel=True)\n    except OSError:\n",
        _ENDINGS + "11_a_job_in_a_thread_stays_canceling_until_the_thread_ends",
    ),
    Fault(
        11,
        _RUNTIME + "processes.py",
        "        os.killpg(process.pid, number)\n",
        "        os.kill(process.pid, number)\n",
        _ENDINGS + "11_a_subprocess_is_asked_then_killed_with_its_group_and_reaped_before_the_job_settles",
    ),
    Fault(
        12,
        _RUNTIME + "runner.py",
        "    while job.children:\n",
        "    while False:\n",
        _ENDINGS + "12_children_settle_before_their_parent_and_are_canceled_at_its_delivery",
    ),
    Fault(
        12,
        _RUNTIME + "runner.py",
        "            deliveries.cancel_children(job)\n",
        "            pass\n",
        _ENDINGS + "12_children_are_canceled_when_the_parents_handler_raises",
    ),
    Fault(
        13,
        _CORE + "decision.py",
        "    return TOO_LATE\n",
        "    return REPEAT\n",
        _DECISIONS + "13_a_cancel_that_comes_second_is_told_the_end",
    ),
    Fault(
        14,
        _RUNTIME + "runner.py",
        "        except BaseException as error:  # noqa: BLE001  # SystemExit",
        "        except Exception as error:  # noqa: BLE001  # SystemExit",
        _HOST + "14_whatever_a_job_raises_ends_that_job_and_no_other",
    ),
    Fault(
        14,
        _RUNTIME + "runner.py",
        "    if job.interrupted:\n",
        "    if False:\n",
        _HOST + "14_a_keyboard_interrupt_ends_the_job_and_then_reaches_the_host",
    ),
    Fault(
        15,
        _RUNTIME + "job.py",
        "self.context: Context = copy_context()\n",
        "self.context: Context = Context()\n",
        _HOST + "15_a_job_inherits_its_submitters_variables_and_keeps_its_own",
    ),
    Fault(
        16,
        _RUNTIME + "scheduler.py",
        "        if not self._accepting:\n",
        "        await __import__('anyio').lowlevel.checkpoint()\n        if not self._accepting:\n",
        _DECISIONS + "16_submit_and_cancel_are_not_lost_to_the_callers_own_cancellation",
    ),
    Fault(
        16,
        _RUNTIME + "delivery.py",
        "        if CURRENT.get() is job:\n",
        "        if False:\n",
        _DECISIONS + "16_a_job_that_cancels_itself_gets_its_verdict_before_it_is_interrupted",
    ),
    Fault(
        17,
        _RUNTIME + "waiting.py",
        "    _refuse_own(job)\n",
        "",
        _HOST + "17_a_job_that_waits_for_itself_or_an_ancestor_is_told",
    ),
    Fault(
        17,
        _RUNTIME + "children.py",
        "    if call.kind.spec.max_running is None:\n",
        "    if True:\n",
        _HOST + "17_a_limited_kind_among_its_own_ancestors_is_refused",
    ),
    Fault(
        5,
        _RUNTIME + "runner.py",
        "        if ending is not Ending.FOREIGN:\n"
        "            cancel.pierced = False  # what tore a stage was the job's own after all: it dealt with it\n",
        "",
        _REVIEW + "a_native_timeout_of_the_jobs_own_is_no_foreign_cancel",
    ),
    Fault(
        9,
        _RUNTIME + "lifecycle.py",
        "        kernel.deliveries.clear()\n",
        "",
        _REVIEW + "deliveries_that_a_session_left_behind_do_not_stop_those_of_the_next",
    ),
    Fault(
        LINEAR,
        _RUNTIME + "sequence.py",
        "        if len(self._seqs) > 2 * count + _SWEEP_ABOVE:\n",
        "        if self._seqs:\n",
        _COMPLEXITY + "[submits-memory-asyncio]",
    ),
    Fault(
        LINEAR,
        _RUNTIME + "admission.py",
        "        kind.sweep()\n",
        "        (kind.roots if job.parent is None else kind.children).jobs.remove(job)\n",
        _COMPLEXITY + "[cancels_pending_from_the_newest-memory-asyncio]",
    ),
    Fault(
        LINEAR,
        _RUNTIME + "sequence.py",
        "        end = len(seqs) if before is None else bisect_left(seqs, before)\n"
        "        for place in range(end - 1, -1, -1):\n",
        "        for place in range(len(seqs) - 1, -1, -1):\n"
        "            if before is not None and seqs[place] >= before:\n"
        "                continue\n",
        _COMPLEXITY + "[pages-memory-asyncio]",
    ),
    Fault(
        9,
        _RUNTIME + "lifecycle.py",
        "    if kernel.tasks and length_hint(ids):\n",
        "    if False:\n",
        _SHUTDOWN + "a_shutdown_of_many_jobs_lets_the_loop_turn_between",
    ),
    Fault(
        LINEAR,
        _RUNTIME + "lifecycle.py",
        "_STOPS: Final = 200 ",
        "_STOPS: Final = 20_000 ",
        _SHUTDOWN + "a_shutdown_of_many_jobs_lets_the_loop_turn_between",
    ),
    Fault(
        12,
        _RUNTIME + "lifecycle.py",
        "if job is not None and job.parent is None and job.settled is None:",
        "if job is not None and job.settled is None:",
        _SHUTDOWN + "a_shutdown_leaves_the_children_to_a_parent_that_must_not_be_torn",
    ),
    Fault(
        FOUND,
        _RUNTIME + "lifecycle.py",
        '        import_module("jobcancel._core.view")  #',
        "        #",
        "tests/test_layout.py::test_a_scheduler_that_is_entered_can_show_its_jobs_though_no_file_can_be_opened_any_more",
    ),
    Fault(
        FOUND,
        _RUNTIME + "query.py",
        "                following = str(last)\n",
        "                following = str(seq)\n",
        _FIND + "paging_shows_each_job_once_live_and_settled_alike",
    ),
    Fault(
        FOUND,
        _RUNTIME + "sequence.py",
        "bisect_left(seqs, before)\n",
        "bisect_left(seqs, before) + 1\n",
        _FIND + "paging_shows_each_job_once_live_and_settled_alike",
    ),
    Fault(
        FOUND,
        _RUNTIME + "sequence.py",
        "            if job_id in known:\n",
        "            if job_id not in known:\n",
        _SEQUENCE + "jobs_are_found_from_any_place_newest_first_and_swept_when_they_are_gone",
    ),
    Fault(
        FOUND,
        _RUNTIME + "sequence.py",
        "            if self._chunks:\n                del self._chunks[0]\n            else:\n"
        "                del self._tail[:_CHUNK]\n",
        "            del self._tail[:_CHUNK]\n",
        _SEQUENCE + "it_holds_what_a_list_would",
    ),
    Fault(
        FOUND,
        _RUNTIME + "query.py",
        " and facts.seq == seq and",
        " and",
        _SEQUENCE + "an_id_that_is_given_again_when_its_job_is_gone_is_found_once",
    ),
    Fault(
        FOUND,
        _RUNTIME + "table.py",
        "        if job.id in self._settled or self.live",
        "        if self.live",
        "tests/runtime/test_submit.py::test_two_jobs_of_one_id_are_refused",
    ),
    Fault(
        FOUND,
        _RUNTIME + "table.py",
        "kept >= spec.retain_count:",
        "kept + 1 >= spec.retain_count:",
        _RETENTION + "only_the_newest_of_a_kind_are_kept",
    ),
    Fault(
        FOUND,
        _RUNTIME + "table.py",
        "job.settled if abandoned else None)",
        "None)",
        "tests/invariants/test_found_by_machine.py::"
        "test_an_abandoned_job_is_not_kept_longer_because_another_settled_before_its_code_ended",
    ),
    Fault(
        FOUND,
        _RUNTIME + "ids.py",
        'urandom((bits + 7) // 8), "big") >> -bits % 8\n',
        'urandom((bits + 7) // 8), "big")\n',
        "tests/runtime/test_ids.py::test_random_numbers_have_so_many_bits_and_no_more",
    ),
)
