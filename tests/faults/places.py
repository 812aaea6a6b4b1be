"""Where the functions are that the faults replace: a function that moves or gets another name is changed here alone."""

from __future__ import annotations

from typing import Final

# The pure core.
DECIDE_CANCEL: Final = "jobcancel._core.decision:decide_cancel"
DECIDE_ENDING: Final = "jobcancel._core.endings:decide_ending"
APPLY: Final = "jobcancel._core.job:JobRecord.apply"
REQUEST_CANCEL: Final = "jobcancel._core.job:JobRecord.request_cancel"
LEAVE_STAGE: Final = "jobcancel._core.job:JobRecord.leave_stage"
ENTER_STAGE: Final = "jobcancel._core.job:JobRecord.enter_stage"
COMPENSATES: Final = "jobcancel._core.job:JobRecord.compensates"
REPLAY_ENTRY: Final = "jobcancel._core.journal:Replay.take"

# The store on a disk.
APPEND: Final = "jobcancel.stores.sqlite:SqliteStore.append"
ACQUIRE_LOCK: Final = "jobcancel.stores.sqlite_lock:acquire"

# The runtime.
SUBMIT: Final = "jobcancel._runtime.scheduler:Scheduler.submit"
CANCEL: Final = "jobcancel._runtime.scheduler:Scheduler.cancel"
DISPATCH_CANCEL: Final = "jobcancel._runtime.dispatcher:Dispatcher.cancel"
NEW_JOB: Final = "jobcancel._runtime.job:Job.__init__"
WAKE: Final = "jobcancel._runtime.job:Job.wake"
RUN: Final = "jobcancel._runtime.runner:run"
CHILDREN_SETTLED: Final = "jobcancel._runtime.runner:_children_settled"
JUDGE: Final = "jobcancel._runtime.runner:_judge"
INTERRUPTS: Final = "jobcancel._runtime.exceptions:interrupts"
DELIVER_FIRST: Final = "jobcancel._runtime.stage:deliver_first"
FLUSH: Final = "jobcancel._runtime.delivery:Deliveries._flush"
DELIVER: Final = "jobcancel._runtime.delivery:Deliveries.deliver"
CANCEL_CHILDREN: Final = "jobcancel._runtime.delivery:Deliveries.cancel_children"
COUNT_GRACE: Final = "jobcancel._runtime.delivery:Deliveries.count_grace"
GRACE_EXPIRED: Final = "jobcancel._runtime.delivery:Deliveries._grace_expired"
UNRESPONSIVE: Final = "jobcancel._runtime.delivery:Deliveries._unresponsive"
COMPENSATE: Final = "jobcancel._runtime.compensation:compensate"
RUN_IN_THREAD: Final = "jobcancel._runtime.threads:run_in_thread"
SIGNAL_GROUP: Final = "jobcancel._runtime.processes:_signal"
REFUSE_OWN: Final = "jobcancel._runtime.observers:_refuse_own"
WAKEUP_CANCEL: Final = "jobcancel._runtime.loops:AsyncioWakeup.cancel"
INTERRUPTION: Final = "jobcancel._runtime.loops:AsyncioLoop.interruption"
WHEN_ENDED: Final = "jobcancel._runtime.loops:AsyncioLoop.when_ended"

# The runtime with a store.
COMMIT: Final = "jobcancel._runtime.journal_writer:JournalWriter.commit"
ENTRIES: Final = "jobcancel._runtime.journal_writer:JournalWriter._entries"
IS_CURRENT: Final = "jobcancel._runtime.journal_writer:JournalWriter.is_current"
WHY_LOST: Final = "jobcancel._runtime.recovery:_why_lost"
PREPARE: Final = "jobcancel._runtime.recovery:_prepare"
RETAIN_FOR_RESTART: Final = "jobcancel._runtime.durable:DurableJournal.retain_for_restart"
