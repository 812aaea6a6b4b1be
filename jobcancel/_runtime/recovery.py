"""Recovery: from the journal's entries to jobs that go on.

What may live in this file: how each job goes on after its process has ended. A settled job can be read. All others, in
the order of their submission: a job that waited waits again. A job that was canceling, or whose cancel request is in
the journal, never runs again: its compensations run, then it is canceled. A job that ran runs again or fails, as its
kind's ``on_restart`` says; a stage that commits is not repeated. A child of an attempt that is over is canceled: the
next attempt submits new children.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import Any, cast

from attrs import define, field

from jobcancel._core.calls import Call
from jobcancel._core.compensations import Undo
from jobcancel._core.decision import Cancellation
from jobcancel._core.endings import Ending
from jobcancel._core.journal import Body, Entry, Replay
from jobcancel._core.kinds import Kind
from jobcancel._core.packing import Packed, pack
from jobcancel._core.policies import CancelCause, OnRestart
from jobcancel._core.registry import Registry
from jobcancel._core.specs import KindSpec
from jobcancel._core.states import Event, JobState
from jobcancel.errors import MissingHandlerError

from .dispatcher import Dispatcher
from .idempotency import KeyEntry, plain_arguments
from .job import Job
from .job_persistence import JobPersistence, persistence_of
from .journal_writer import JournalWriter


@define
class SettledJob:
    """A settled job of the journal.

    Attributes:
        job_id: Its id.
        seq: Its place in the order of submission.
        spec: Its kind.
        packed: All that is shown of it.
        settled: When it settled, on this process's monotonic clock.
    """

    job_id: str
    seq: int
    spec: KindSpec
    packed: Packed
    settled: float


@define
class Recovered:
    """The jobs of a journal, sorted while the entries are read: the entries of a million jobs would not fit.

    Attributes:
        registry: The kinds of this process.
        offset: This process's monotonic clock less seconds since 1970.
        settled: Settled jobs by id.
        open: Jobs that go on, by id.
        keys: Keys of settled and forgotten jobs: time of the first use on the monotonic clock, the key, its entry.
        seq: The highest place in the order of submission.
    """

    registry: Registry
    offset: float
    settled: dict[str, SettledJob] = field(factory=dict[str, SettledJob])
    open: dict[str, Replay] = field(factory=dict[str, Replay])
    keys: dict[str, tuple[float, tuple[str | None, str, str], KeyEntry]] = field(factory=dict[str, Any])
    seq: int = 0
    _specs: dict[str, KindSpec] = field(factory=dict[str, KindSpec])

    def read(self, entries: Iterable[Entry]) -> Recovered:
        """Read all entries."""
        for job_id, body, _ in entries:
            if body is None:
                self._forget(job_id)
            elif body.get("final"):
                self._forget(job_id)
                self._take_final(job_id, body)
            else:
                replay = self.open.get(job_id)
                if replay is None:
                    replay = self.open[job_id] = Replay(job_id)
                    self.seq = max(self.seq, body["seq"])
                replay.take(body)
        return self

    def spec(self, kind: str) -> KindSpec:
        """Return a kind's data; the defaults for a kind that no longer exists."""
        if kind not in self._specs:
            self._specs[kind] = self.registry[kind].spec if kind in self.registry else KindSpec(name=kind)
        return self._specs[kind]

    def _forget(self, job_id: str) -> None:
        self.open.pop(job_id, None)
        self.settled.pop(job_id, None)
        self.keys.pop(job_id, None)

    def _take_final(self, job_id: str, body: Body) -> None:
        self.seq = max(self.seq, body["seq"])
        spec, created = self.spec(body["kind"]), body["created_at"] + self.offset
        if body.get("arguments") is not None:
            entry = KeyEntry(job_id, body["arguments"], created + spec.key_ttl_s, JobState(body["state"]))
            self.keys[job_id] = (created, (body.get("owner"), spec.name, body["key"]), entry)
        if not body.get("forgotten"):
            replay = Replay(job_id)
            replay.take(body)
            record = replay.record(spec, self.offset)
            self.settled[job_id] = SettledJob(job_id, record.seq, spec, pack(record), record.settled or created)


def resume(dispatcher: Dispatcher, writer: JournalWriter, recovered: Recovered) -> None:
    """Resume all jobs of a journal. To be called once, in the loop, in one step."""
    jobs = [_rebuilt(dispatcher, writer, recovered, replay) for replay in recovered.open.values()]
    keys = [*recovered.keys.values()]
    for job in jobs:
        if job.origin.key is not None and job.call is not None and not job.persistence.why_lost:
            entry = KeyEntry(job.id, plain_arguments(job.call), job.created + job.spec.key_ttl_s)
            keys.append((job.created, (job.origin.owner, job.spec.name, job.origin.key), entry))
    for _, where, entry in sorted(keys, key=lambda key: key[0]):
        dispatcher.keys.restore(where, entry)
    _fill_table(dispatcher, recovered, jobs)  # after the keys: a job that is dropped may still have one
    jobs.sort(key=attrgetter("seq"))
    for job in jobs:
        _adopt(job, dispatcher.table.live)
    for job in jobs:
        _prepare(job, dispatcher.now())
    for job in jobs:
        _resume(dispatcher, job)


def _fill_table(dispatcher: Dispatcher, recovered: Recovered, jobs: list[Job]) -> None:
    """Add all jobs to the table, by submission, and their retention, by settlement."""
    table, dispatcher.seq = dispatcher.table, recovered.seq
    every: list[SettledJob | Job] = [*recovered.settled.values(), *jobs]
    for job in sorted(every, key=attrgetter("seq")):
        if isinstance(job, Job):
            table.add(job)
        else:
            table.restore(job.job_id, job.seq, job.packed)
    for settled in sorted(recovered.settled.values(), key=attrgetter("settled")):
        table.retain(settled.job_id, settled.spec)


def _rebuilt(dispatcher: Dispatcher, writer: JournalWriter, recovered: Recovered, replay: Replay) -> Job:
    """Return a job as it was when its process ended."""
    fields = replay.fields
    args: list[Any] = fields.get("args") or []
    kwargs: Body = fields.get("kwargs") or {}
    call, problem = _call(dispatcher.registry, recovered.spec(replay.kind), args, kwargs)
    created = fields["created_at"] + recovered.offset
    timeout_s = fields.get("timeout_s")
    job = Job(
        dispatcher,
        call,
        None,
        replay.job_id,
        fields["seq"],
        fields["created_at"],
        created,
        replay.origin,
        timeout_s,
        None,
    )
    replay.fill(job)
    job.code_ended = True
    job.undo = [Undo(name, args, kwargs, n) for name, n, args, kwargs in replay.undo] or None
    persistence = JobPersistence(job, writer, args, kwargs)
    persistence.why_lost = problem
    persistence.kept_results = {(stage, passage): value for stage, passage, value in replay.results}
    persistence.requests, persistence.results = replay.requests, replay.results
    persistence.committing = fields.get("committing")
    persistence.starting = bool(fields.get("starting"))
    persistence.changes()
    persistence.mark_committed()  # the journal has all this
    job.persistence, job.observed = persistence, True
    return job


def _call(registry: Registry, spec: KindSpec, args: list[Any], kwargs: Body) -> tuple[Call[Any], str]:
    """Return a job's call, and why it cannot be made, or an empty string."""
    if spec.name not in registry:
        kind, problem = Kind[..., Any](spec), f"its kind {spec.name!r} is registered no longer, so that it cannot go on"
    else:
        kind = registry[spec.name]
        try:
            call = kind(*args, **kwargs)
            kind.bound(call.args, call.kwargs)
        except (MissingHandlerError, TypeError) as error:
            problem = f"it cannot go on: {error}"
        else:
            return call, ""
    return Call(kind, cast("Any", kind.handler), tuple(args), kwargs), problem


def _prepare(job: Job, now: float) -> None:
    """Set the state that a job has now that its process is gone: requests are decided, its stage is over."""
    persistence = persistence_of(job)
    requests, persistence.requests = [*persistence.requests], ()
    committing, persistence.committing = persistence.committing, None
    stage, job.stage = job.stage, None
    if stage is not None:
        job.log().append((stage.name, job.stage_at, None, "interrupted", None))
    if committing is not None and job.cancel is None and not (requests and stage is None):
        job.undo = None  # the point of no return may have been passed
    if job.cancel is not None:
        job.cancel.held = False
    if job.origin.parent_id is not None:
        requests.append(Cancellation(CancelCause.PARENT, by=job.origin.parent_id))
    if job.state is JobState.PENDING and persistence.starting and job.spec.on_restart is OnRestart.FAIL:
        job.apply(Event.STARTED, now)  # its code may have begun: the process ended before the next entry
    persistence.starting = False
    for request in requests:
        job.request_cancel(request, now)
    if job.parent is not None and job.settled is not None:
        job.parent.release(job)  # withdrawn
    if job.state is JobState.RUNNING and not persistence.why_lost:
        persistence.why_lost = _why_lost(job, committing, persistence.committed_stage)
        if not persistence.why_lost:
            job.apply(Event.INTERRUPTED, now)


def _why_lost(job: Job, committing: str | None, committed: str) -> str:
    """Return why a job that ran when its process ended cannot run again, or an empty string."""
    if job.spec.on_restart is not OnRestart.RERUN:
        return "its process ended while it ran, and its kind has on_restart='fail'"
    if committing is not None:
        return f"its process ended in stage {committing!r}, which commits and cannot be repeated blindly"
    if committed:
        return (
            f"its process ended after stage {committed!r}, which commits and cannot be repeated blindly; "
            "enter it with run_stage, which persists that it is done"
        )
    return ""


def _adopt(job: Job, live: Mapping[str, Job]) -> None:
    """Attach a child to its parent, which waits for it, though another attempt may submit new children."""
    parent = None if job.origin.parent_id is None else live.get(job.origin.parent_id)
    if parent is not None and job.settled is None:
        job.parent, persistence_of(job).from_earlier_attempt = parent, True
        parent.adopt(job)
        job.in_batch = parent.progress is not None and job.id in parent.progress.children


def _resume(dispatcher: Dispatcher, job: Job) -> None:
    job.changed()
    if job.cancel is not None:
        _end(dispatcher, job, Ending.UNWOUND)
    elif job.persistence.why_lost:
        _end(dispatcher, job, Ending.LOST)
    elif job.attempt == 1 and job.created + job.spec.expires_s <= dispatcher.now():
        _end(dispatcher, job, Ending.EXPIRED)  # it expired while no process ran
    else:
        job.code_ended = False
        if dispatcher.admission.admit(job, always=True):
            dispatcher.start(job, dispatcher.now())
        elif job.attempt == 1:  # a later attempt does not expire
            dispatcher.expect(job)


def _end(dispatcher: Dispatcher, job: Job, ending: Ending) -> None:
    """End a job: run its compensations if there are any, and nothing else."""
    if job.settled is not None or job.undo or job.children:
        dispatcher.end_without_code(job, ending)
    else:
        dispatcher.end(job, *job.ending(ending, job.persistence.why_lost))
        dispatcher.retire(job)
