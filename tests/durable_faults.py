"""Planted faults in what outlasts the process: a recovery that loses nothing looks like one that was never tried.

``python -m tests.run_faults`` tries them beside the others.
"""

from __future__ import annotations

from typing import Final

from tests.faults import Fault

_RUNTIME: Final = "jobcancel/_runtime/"
_CORE: Final = "jobcancel/_core/"
_RECOVERY: Final = "tests/runtime/test_recovery.py::test_"
_STAGES: Final = "tests/runtime/test_recovery_stages.py::test_"
_CANCELS: Final = "tests/runtime/test_recovery_cancels.py::test_"
_FAMILY: Final = "tests/runtime/test_recovery_family.py::test_"
_KINDS: Final = "tests/runtime/test_recovery_kinds.py::test_"
_SHUTDOWN: Final = "tests/runtime/test_durable_shutdown.py::test_"
_SESSIONS: Final = "tests/runtime/test_store_sessions.py::test_"
_TOLD: Final = "tests/runtime/test_told.py::test_"
_OVERTAKEN: Final = "tests/runtime/test_overtaken.py::test_"
_COMMITS: Final = "tests/runtime/test_commits.py::test_"
_TICKETS: Final = "tests/runtime/test_tickets.py::test_"
_CORNERS: Final = "tests/runtime/test_durable_corners.py::test_"

KEPT: Final = "what was answered is kept"
BACK: Final = "what comes back"
REPEATED: Final = "what is repeated"
UNDONE: Final = "what is undone"
LEFT: Final = "what a shutdown leaves"

DURABLE_FAULTS: Final = (
    Fault(
        KEPT,
        _RUNTIME + "durable_cancel.py",
        "    return kernel.journal.promise(pages, Asked(kernel, job, request))\n",
        "    return Asked(kernel, job, request).apply()\n",
        "tests/invariants/test_durable.py::test_1_the_decision_the_transition_and_the_commit_are_known_in_one_step",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable_cancel.py",
        "                await ticket.answer()\n",
        "                await ticket.answer()\n        break\n",
        _OVERTAKEN + "no_verdict_of_many_is_told_before_that_is_so_for_all",
    ),
    Fault(
        KEPT,
        _RUNTIME + "keys.py",
        "        if entry is not None and entry.job_id == job.id:\n            del self._entries[where]\n",
        "        del self._entries[where]\n",
        _COMMITS + "a_key_that_expires_while_its_submit_is_on_its_way_is_anothers",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable.py",
        "        if self.journal.closed:\n            raise SchedulerClosedError",
        "        if False:\n            raise SchedulerClosedError",
        _COMMITS + "who_waits_for_a_key_while_the_scheduler_is_left_is_told",
    ),
    Fault(
        KEPT,
        _CORE + "plain.py",
        '            if is_too_long(cast("int", value)):\n                return False\n',
        "            pass\n",
        "tests/core/test_kinds.py::test_arguments_that_cannot_be_kept_are_refused_with_their_place",
    ),
    Fault(
        KEPT,
        _RUNTIME + "loops.py",
        "        with self.scope_type(shield=True):  #",
        "        with self.scope_type():  #",
        _TICKETS + "a_wait_under_a_cancelled_scope_spends_no_turn_of_the_loop",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable_cancel.py",
        "                await ticket.answer()\n",
        "                await ticket.done()\n",
        _OVERTAKEN + "the_callers_own_cancellation_does_not_lose_the_verdict",
    ),
    Fault(
        KEPT,
        _RUNTIME + "waiting.py",
        "    if kernel.durable is not None and job.settled is not None:\n        await",
        "    if kernel.durable is not None and job.settled is None:\n        await",
        _TOLD + "who_waits_is_told_when_the_end_is_kept_and_not_before",
    ),
    Fault(
        KEPT,
        _RUNTIME + "waiting.py",
        "(kernel.durable is None or kernel.durable.journal.was_tried(job.id)):\n",
        "True:\n",
        _TOLD + "who_comes_when_the_job_has_settled_is_told_when_that_is_kept",
    ),
    Fault(
        KEPT,
        _RUNTIME + "journal.py",
        "            await self.attempt(job_id).done()\n",
        "            await self.attempt(job_id).answer()\n",
        _TOLD + "while_the_store_fails_who_waits_is_told_all_the_same",
    ),
    Fault(
        KEPT,
        _RUNTIME + "journal.py",
        "        return kept or self.closed or self._problem is not None\n",
        "        return kept\n",
        _TOLD + "what_could_not_be_kept_before_the_scheduler_was_left_is_told_at_once",
    ),
    Fault(
        KEPT,
        _RUNTIME + "journal.py",
        "        return kept or self.closed or self._problem is not None\n",
        "        return kept or self.closed\n",
        _TOLD + "once_the_store_fails_who_waits_is_told_at_once",
    ),
    Fault(
        KEPT,
        _RUNTIME + "journal.py",
        "        for item in islice(self._todo.values(), _COMMIT, None):\n            given_up += item.give_up()\n",
        "",
        _TOLD + "who_waits_behind_more_jobs_than_one_commit_has_is_told_that_the_store_fails",
    ),
    Fault(
        KEPT,
        _RUNTIME + "journal.py",
        "    except BaseException as error:  # the store may",
        "    except Exception as error:  # the store may",
        _TOLD + "whatever_a_store_raises_is_its_failure",
    ),
    Fault(
        KEPT,
        _RUNTIME + "journal.py",
        "        await kernel.store_thread.run(lambda: method(*args))\n",
        "        import anyio\n        await anyio.to_thread.run_sync(lambda: method(*args))\n",
        _TOLD + "the_store_is_kept_waiting_by_no_threads_of_the_host",
    ),
    Fault(
        KEPT,
        _RUNTIME + "watch.py",
        "        await self._changed.wait()\n",
        "        await self._changed.wait()\n        self._changed = anyio.Event()\n",
        _TOLD + "watching_goes_on_where_it_was_cancelled_in_the_wait_for_the_last_commit",
    ),
    Fault(
        KEPT,
        _RUNTIME + "watch.py",
        "        if snapshot.settled:\n            await until_told(self._kernel, self._job)  #",
        "        if snapshot.settled:\n            pass  #",
        _TOLD + "who_waits_is_told_when_the_end_is_kept_and_not_before",
    ),
    Fault(
        KEPT,
        _RUNTIME + "children.py",
        "        await until_told(kernel, child)\n",
        "        await __import__('jobcancel')._runtime.waiting.until_settled(child)\n",
        _TOLD + "no_child_of_a_batch_is_told_before_its_end_is_kept",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable.py",
        "            self.keys.drop(job, job.origin.key)\n",
        "            pass\n",
        _SESSIONS + "a_submit_and_a_cancel_that_are_not_kept_change_nothing",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable.py",
        "            for next_job in self.admission.release(job):\n",
        "            for next_job in ():\n",
        _SESSIONS + "a_submit_that_had_a_slot_and_was_not_kept_gives_it_to_the_next",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable_cancel.py",
        "        kernel.deliveries.deliver(job)  # it cancels itself: its next checkpoint may come"
        " before the loop's turn\n",
        "        pass\n",
        "tests/invariants/test_decisions.py::"
        "test_16_a_job_that_cancels_itself_gets_its_verdict_before_it_is_interrupted",
    ),
    Fault(
        KEPT,
        _RUNTIME + "scheduler.py",
        "await kernel.durable.reserve(call.with_plain_arguments(), None, origin, timeout_s, undo).answer()",
        "kernel.durable.reserve(call.with_plain_arguments(), None, origin, timeout_s, undo)._job",
        _COMMITS + "a_job_is_answered_and_seen_and_starts_when_it_is_kept_and_not_before",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable.py",
        "await self.reserve(call, None, origin, timeout_s, undo).answer()",
        "self.reserve(call, None, origin, timeout_s, undo)._job",
        _COMMITS + "a_job_is_answered_and_seen_and_starts_when_it_is_kept_and_not_before",
    ),
    Fault(
        KEPT,
        _RUNTIME + "children.py",
        "await kernel.durable.reserve(call.with_plain_arguments(), job, origin, None, None).answer()",
        "kernel.durable.reserve(call.with_plain_arguments(), job, origin, None, None)._job",
        _COMMITS + "a_child_is_answered_and_starts_when_it_is_kept_and_not_before",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable_stage.py",
        '"reused", None))\n            job.changed()\n',
        '"reused", None))\n',
        _STAGES + "that_a_result_was_reused_is_kept",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable_cancel.py",
        "    if isinstance(asked, Verdict) or verdict",
        "    if isinstance(asked, Verdict) and verdict",
        _COMMITS + "a_job_that_ends_while_its_cancel_is_on_its_way_has_ended",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable_cancel.py",
        "    if isinstance(job, Settled) or verdict",
        "    if isinstance(job, Settled) and verdict",
        _COMMITS + "a_refusal_writes_nothing",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable.py",
        "        if job.id in self.table or job.id in self._limbo:\n",
        "        if job.id in self._limbo:\n",
        _CORNERS + "a_kind_of_another_registry_and_an_id_that_is_taken_are_refused",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable.py",
        "self.reserve(call, None, origin, timeout_s, undo)",
        "self.reserve(call, None, origin, None, undo)",
        _CANCELS + "the_next_attempt_has_the_time_that_its_submit_gave_it",
    ),
    Fault(
        BACK,
        _RUNTIME + "durable.py",
        "self._kept_keys = DurableKeys(self._key_gone)",
        "self._kept_keys = DurableKeys(lambda _: None)",
        _CORNERS + "a_key_that_outlived_its_job_leaves_the_journal_with_its_time",
    ),
    Fault(
        KEPT,
        _RUNTIME + "journal.py",
        "        self._lingers = False\n        self._wake()\n",
        "        self._wake()\n",
        _COMMITS + "what_nobody_waits_for_is_written_after_a_moment_and_not_at_once",
    ),
    Fault(
        KEPT,
        _RUNTIME + "durable_stage.py",
        "            return await StageScope.run(self, fn, *args)\n",
        "            return await StageScope.run(self, fn)\n",
        _STAGES + "run_stage_passes_the_arguments_on",
    ),
    Fault(
        REPEATED,
        _RUNTIME + "durable_job.py",
        "Ticket[None](live.kernel, patient=True)",
        "Ticket[None](live.kernel)",
        _COMMITS + "code_that_must_not_begin_twice_does_not_begin_while_that_cannot_be_kept",
    ),
    Fault(
        UNDONE,
        _RUNTIME + "recovery.py",
        "not (requests and stage is None)",
        "not (requests and stage is not None)",
        _STAGES + "a_cancel_that_was_kept_with_the_point_of_no_return_is_undone_though_nobody_decided_it",
    ),
    Fault(
        UNDONE,
        _RUNTIME + "durable_job.py",
        "            await self.journal.commit(self.id)\n",
        "            pass\n",
        _COMMITS + "what_is_to_be_undone_is_kept_before_it_is_undone",
    ),
    Fault(
        BACK,
        _RUNTIME + "recovery.py",
        '    jobs.sort(key=attrgetter("seq"))\n',
        '    jobs.sort(key=attrgetter("seq"), reverse=True)\n',
        _RECOVERY + "jobs_that_waited_wait_again_in_their_order_and_start_one_after_the_other",
    ),
    Fault(
        BACK,
        _RUNTIME + "recovery.py",
        "kernel.admission.admit(job, always=True)",
        "kernel.admission.admit(job)",
        _RECOVERY + "more_jobs_come_back_than_a_lowered_max_pending_would_take",
    ),
    Fault(
        BACK,
        _RUNTIME + "recovery.py",
        "    elif job.attempt == 1 and job.created + job.spec.expires_s <= kernel.now():\n",
        "    elif False:\n",
        _RECOVERY + "a_job_whose_time_to_wait_ended_while_nothing_ran_does_not_start",
    ),
    Fault(
        BACK,
        _RUNTIME + "recovery.py",
        "        kernel.keys.restore(where, entry)\n",
        "        pass\n",
        _KINDS + "keys_lead_to_the_same_job_after_a_restart_as_long_as_was_promised",
    ),
    Fault(
        BACK,
        _RUNTIME + "durable.py",
        "Entry(job_id, self._kept_keys.remains(Settled(job_id, packed), self.now()), final=True)",
        "Entry(job_id, None, final=True)",
        _KINDS + "keys_lead_to_the_same_job_after_a_restart_as_long_as_was_promised",
    ),
    Fault(
        BACK,
        _RUNTIME + "recovery.py",
        "        job.parent.release(job)  # withdrawn\n",
        "        pass\n",
        _FAMILY + "a_child_that_waited_is_withdrawn_and_one_that_has_settled_stays",
    ),
    Fault(
        BACK,
        _RUNTIME + "durable.py",
        "            parent.enlist(job)  # now: it may settle before its parent's code hears of it\n",
        "            pass\n",
        _FAMILY + "a_child_that_waited_is_withdrawn_and_one_that_has_settled_stays",
    ),
    Fault(
        REPEATED,
        _RUNTIME + "recovery.py",
        "    if committing is not None:\n        return f",
        "    if not committing and committing:\n        return f",
        _STAGES + "a_job_killed_in_a_stage_that_commits_has_failed_and_names_it",
    ),
    Fault(
        REPEATED,
        _RUNTIME + "durable_job.py",
        '        return next((name for name in stages if begun[name] > kept[name]), "")\n',
        '        return next((name for name in stages if begun[name] > kept[name] + 1), "")\n',
        _STAGES + "a_stage_that_commits_and_ended_is_not_repeated_and_run_stage_is_named",
    ),
    Fault(
        REPEATED,
        _RUNTIME + "durable_job.py",
        "        if self.committed:\n",
        "        if False:\n",
        "tests/runtime/test_found_by_kills.py::test_a_shutdown_has_no_stage_that_commits_begin_again",
    ),
    Fault(
        REPEATED,
        _RUNTIME + "durable_stage.py",
        "    if (name, passage) in job.results:\n",
        "    if (name, 0) in job.results:\n",
        _STAGES + "finished_stages_are_not_repeated_also_in_a_loop",
    ),
    Fault(
        REPEATED,
        _RUNTIME + "recovery.py",
        "        job.undo = None  # the point of no return may have been passed\n",
        "        pass\n",
        _STAGES + "what_was_before_a_stage_that_commits_is_not_undone_if_that_may_have_begun",
    ),
    Fault(
        UNDONE,
        _RUNTIME + "compensation.py",
        "    undos.pop()  # not before: a crash in the middle of it has it run again\n",
        "",
        _CANCELS + "a_job_that_was_canceling_is_undone_newest_first_and_canceled",
    ),
    Fault(
        UNDONE,
        _RUNTIME + "job.py",
        "        self.waiters = self.watchers = None\n",
        "        self.waiters = self.watchers = None\n        self.heard = False\n",
        _CANCELS + "an_abandoned_job_is_undone_by_the_next_process",
    ),
    Fault(
        LEFT,
        _RUNTIME + "durable_job.py",
        "        commits = self.stage is not None and self.stage.commits\n",
        "        commits = False\n",
        _SHUTDOWN + "a_stage_that_must_not_be_torn_ends_before_the_attempt_does",
    ),
    Fault(
        LEFT,
        _RUNTIME + "closing.py",
        "        if kernel.tasks:  # a cancel that came last has compensations to run\n",
        "        if False:\n",
        _SHUTDOWN + "a_cancel_that_is_kept_while_the_scheduler_is_left_is_undone_before_it_is",
    ),
    Fault(
        LEFT,
        _RUNTIME + "durable_cancel.py",
        "    if kernel.journal.closed:\n        raise SchedulerClosedError",
        "    if False:\n        raise SchedulerClosedError",
        _SHUTDOWN + "a_job_left_in_the_journal_is_canceled_by_no_scheduler_that_was_left",
    ),
    Fault(
        LEFT,
        _RUNTIME + "threads.py",
        "        await done.wait_uninterrupted()\n",
        "        await done.wait()\n",
        _SESSIONS + "a_host_that_is_canceled_while_the_store_opens_closes_it_again",
    ),
)
