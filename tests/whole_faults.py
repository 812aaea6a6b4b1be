"""Planted faults in what keeps a scheduler whole: whatever ends its host, fails in one place or comes at its end."""

from __future__ import annotations

from typing import Final

from tests.faults import Fault

_RUNTIME: Final = "jobcancel/_runtime/"
_TICKETS: Final = "tests/runtime/test_tickets.py::test_"
_NATIVE: Final = "tests/runtime/test_native_cancel.py::test_"
_APART: Final = "tests/runtime/test_faults_stay_apart.py::test_"
_CHILDREN: Final = "tests/runtime/test_children_first.py::test_"
_END: Final = "tests/runtime/test_requests_at_the_end.py::test_"
_FIND: Final = "tests/runtime/test_find.py::test_"

APART: Final = "one fault ends nothing else"

WHOLE_FAULTS: Final = (
    Fault(  # a native cancel wakes who waits for a commit
        16,
        _RUNTIME + "loops.py",
        '        if not getattr(self, "_uninterrupted", False):\n',
        "        if True:\n",
        _TICKETS + "a_native_cancel_of_the_caller_is_raised_after_the_answer[alone-asyncio]",
    ),
    Fault(  # and is lost
        16,
        _RUNTIME + "loops.py",
        "            self._repeat()\n",
        "            pass\n",
        _TICKETS + "a_native_cancel_of_the_caller_is_raised_after_the_answer[alone-asyncio]",
    ),
    Fault(  # a request that was withdrawn is repeated
        16,
        _RUNTIME + "loops.py",
        "    if task.cancelling() >= requests and not task.done():\n",
        "    if not task.done():\n",
        _TICKETS + "a_caller_with_a_time_limit_gets_its_answer_and_is_not_cancelled_for_it_later[timeout-asyncio]",
    ),
    Fault(
        16,
        _RUNTIME + "ticket.py",
        "        await self._signal.wait_uninterrupted()\n",
        "        await self._signal.wait()\n",
        _END + "a_caller_whose_time_is_over_while_the_store_is_slow_gets_its_answer[submit-asyncio]",
    ),
    Fault(  # timers die with a cancel of their task
        18,
        _RUNTIME + "clock.py",
        "                pass  # not ours:",
        "                raise  # not ours:",
        _NATIVE + "a_host_that_cancels_every_task_and_goes_on_has_a_scheduler_that_works[in_memory-asyncio]",
    ),
    Fault(  # a task that was cancelled before its first step settles nothing
        18,
        _RUNTIME + "lifecycle.py",
        "                self._kernel.begin_again()\n",
        "                pass\n",
        _NATIVE + "a_host_that_cancels_every_task_and_goes_on_has_a_scheduler_that_works[in_memory-asyncio]",
    ),
    Fault(  # nobody leaves what its host has forgotten
        18,
        _RUNTIME + "lifecycle.py",
        "                loop.when_ended(self._host, self._leaving.set)\n",
        "                pass\n",
        _END + "a_loop_ends_around_a_scheduler_that_nobody_has_left[asyncio-memory]",
    ),
    Fault(
        18,
        _RUNTIME + "journal.py",
        "                await self._wanted.wait_uninterrupted()\n",
        "                await self._wanted.wait()\n",
        _NATIVE + "a_host_that_cancels_every_task_and_goes_on_has_a_scheduler_that_works[with_a_store-asyncio]",
    ),
    Fault(  # the job goes on beside its thread
        11,
        _RUNTIME + "threads.py",
        "            await ended.wait_uninterrupted()\n",
        "            pass\n",
        _NATIVE + "a_thread_ends_before_its_job_is_undone_and_settles_whatever_cancels_the_task[asyncio]",
    ),
    Fault(
        APART,
        _RUNTIME + "clock.py",
        '                guard("a timer\'s call", callback)\n',
        "                callback()\n",
        _APART + "a_timers_call_that_raises_is_logged_and_the_others_are_made",
    ),
    Fault(
        APART,
        _RUNTIME + "clock.py",
        "            except Exception as error:",
        "            except ArithmeticError as error:",
        _APART + "a_clock_that_raises_is_asked_again",
    ),
    Fault(
        APART,
        _RUNTIME + "delivery.py",
        '            guard("a delivery", partial(self.deliver, self._queue.popleft()))\n',
        "            self.deliver(self._queue.popleft())\n",
        _APART + "a_delivery_that_raises_holds_up_no_other",
    ),
    Fault(
        APART,
        _RUNTIME + "runner.py",
        "        _give_up(job, error)\n",
        "        pass\n",
        _APART + "a_job_whose_end_cannot_be_worked_out_is_failed_and_gives_back_its_slot",
    ),
    Fault(
        APART,
        _RUNTIME + "journal.py",
        "            except Exception as error:  # noqa: BLE001  # one job's",
        "            except ArithmeticError as error:  # noqa: BLE001  # one job's",
        _APART + "an_entry_that_cannot_be_made_costs_no_other_job_its_commit",
    ),
    Fault(  # a child belongs to its parent once it is kept, and no sooner
        12,
        _RUNTIME + "durable.py",
        "            parent.adopt(job)  # at once: the parent does not settle while it is on its way\n",
        "            pass\n",
        _CHILDREN + "a_parent_does_not_settle_while_a_childs_submit_is_on_its_way",
    ),
    Fault(
        12,
        _RUNTIME + "durable.py",
        "        if parent is not None and durable(job).unwanted:\n",
        "        if False:\n",
        _CHILDREN + "a_child_whose_parents_cancel_was_delivered_meanwhile_does_not_begin",
    ),
    Fault(
        12,
        _RUNTIME + "children.py",
        "    kernel.admission.check_room(call.kind.spec for call in calls)\n",
        "",
        _CHILDREN + "a_batch_that_does_not_fit_is_refused_whole_with_a_store_too",
    ),
    Fault(
        12,
        _RUNTIME + "job.py",
        "        return by_parent or (self.cancel is not None and not self.cancel.held)\n",
        "        return by_parent\n",
        _CHILDREN + "a_parent_whose_accepted_cancel_stopped_a_child_is_canceled_whoever_asked_the_child"
        "[asyncio-running_child-all]",
    ),
    Fault(
        12,
        _RUNTIME + "children.py",
        "    return Origin(job.origin.owner, labels, None, job.id)\n",
        "    return Origin(job.origin.owner, None, None, job.id)\n",
        "tests/runtime/test_children.py::test_children_inherit_owner_and_labels_and_those_given_are_laid_over",
    ),
    Fault(
        17,
        _RUNTIME + "children.py",
        "    if job.kernel.admission.waits_for_ever(job, call.kind.spec):\n",
        "    if False:\n",
        _CHILDREN + "children_that_would_wait_for_each_others_slots_for_ever_are_refused[asyncio-each_other]",
    ),
    Fault(  # an assertion in place of an answer
        9,
        _RUNTIME + "admission.py",
        "        if kind is None:\n            return\n        kind.pending -= 1\n",
        "        assert kind is not None\n        kind.pending -= 1\n",
        _END + "a_cancel_of_an_interrupted_job_during_the_shutdown_is_answered_and_holds",
    ),
    Fault(
        18,
        _RUNTIME + "durable.py",
        "        self._leave_line(job)  # its slot may be what a child waits for\n        job.part()\n",
        "        self._leave_line(job)\n",
        _END + "a_shutdown_ends_though_a_shielded_job_waits_for_one_that_will_not_start[asyncio-with_a_store]",
    ),
    Fault(
        18,
        _RUNTIME + "durable.py",
        "        self._leave_line(job)  # its slot may be what a child waits for\n",
        "",
        _END + "a_child_gets_the_slot_that_no_job_of_the_next_start_keeps_from_it",
    ),
    Fault(
        3,
        _RUNTIME + "durable_job.py",
        "            self.stop_code(entering=True)\n",
        "            pass\n",
        _END + "no_stage_begins_once_a_shutdown_has_reached_a_job_that_is_run_again",
    ),
    Fault(
        APART,
        _RUNTIME + "query.py",
        "            yield None\n",
        "            pass\n",
        _FIND + "a_search_for_what_is_rare_lets_the_loop_run",
    ),
    Fault(
        16,
        _RUNTIME + "scheduler.py",
        '        self._kernel.check_thread("submit")\n',
        "",
        "tests/runtime/test_submit.py::test_another_threads_loop_is_refused_before_anything_happens[asyncio-submit-in_memory]",
    ),
    Fault(
        18,
        _RUNTIME + "blocking.py",
        "            _AT_EXIT.add(self)\n",
        "",
        "tests/runtime/test_blocking.py::test_a_scheduler_that_nobody_closes_is_closed_in_order_when_the_interpreter_exits"
        "[asyncio-global]",
    ),
)
