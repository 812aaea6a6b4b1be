"""Coming back: from the journal's entries to the jobs as they go on.

What may live in this file: which job goes on in which way after its process has ended. Settled jobs are there to be
read. Of the others, in the order of their submission: a job that waited waits again. One that was canceling, or whose
cancel was asked for and kept, is never run again: its compensations run, then it is canceled. One that ran is run
again or has failed, by its kind; a stage that commits is never begun again blindly. A child of an attempt that is over
is canceled: the next attempt submits its own.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from jobcancel._core.calls import Call
from jobcancel._core.compensations import Undo
from jobcancel._core.decision import Cancellation
from jobcancel._core.endings import Ending
from jobcancel._core.journal import Body
from jobcancel._core.kinds import Kind
from jobcancel._core.policies import CancelCause, OnRestart
from jobcancel._core.registry import Registry
from jobcancel._core.replay import Replay
from jobcancel._core.specs import KindSpec
from jobcancel._core.states import Event, JobState
from jobcancel.errors import MissingHandlerError

from .durable_job import DurableJob
from .durable_keys import plain_arguments
from .durable_table import DurableTable
from .keys import KeyEntry
from .recovered import Recovered, SettledJob

if TYPE_CHECKING:
    from .durable import DurableKernel


async def load(kernel: DurableKernel) -> None:
    """Open the store and let its jobs go on.

    Raises:
        StoreError: It cannot be opened or read; it is closed again.
    """
    await kernel.store_thread.run(kernel.store.open)
    try:
        recovered = Recovered(kernel.registry, kernel.now() - kernel.clock.time())
        await kernel.store_thread.run(lambda: recovered.read(kernel.store.read()))
        recover(kernel, recovered)
    except BaseException:
        await kernel.store_thread.run(kernel.store.close)
        raise


def recover(kernel: DurableKernel, recovered: Recovered) -> None:
    """Let all jobs go on that a store gave. To be called once, in the loop, in one step."""
    jobs = [_rebuilt(kernel, recovered, replay) for replay in recovered.open.values()]
    keys = [*recovered.keys.values()]
    for job in jobs:
        if job.origin.key is not None and job.call is not None and not job.lost:
            entry = KeyEntry(job.id, plain_arguments(job.call), job.created + job.spec.key_ttl_s)
            keys.append((job.created, (job.origin.owner, job.spec.name, job.origin.key), entry))
    for _, where, entry in sorted(keys, key=lambda key: key[0]):
        kernel.keys.restore(where, entry)
    _fill_table(kernel, recovered, jobs)  # it may let jobs go, and has to know then whether a key leads to them
    jobs.sort(key=attrgetter("seq"))
    for job in jobs:
        _adopt(job, kernel.table.live)
    for job in jobs:
        _prepare(job, kernel.now())
    for job in jobs:
        _go_on(kernel, job)


def _fill_table(kernel: DurableKernel, recovered: Recovered, jobs: list[DurableJob]) -> None:
    """Put all jobs in their places: by submission to be found, by settlement to be let go."""
    table, kernel.seq = cast("DurableTable", kernel.table), recovered.seq
    every: list[SettledJob | DurableJob] = [*recovered.settled.values(), *jobs]
    for job in sorted(every, key=attrgetter("seq")):
        if isinstance(job, DurableJob):
            table.add(job)
        else:
            table.put(job.job_id, job.seq, job.packed)
    for settled in sorted(recovered.settled.values(), key=attrgetter("settled")):
        table.retain(settled.job_id, settled.spec)


def _rebuilt(kernel: DurableKernel, recovered: Recovered, replay: Replay) -> DurableJob:
    """Return a job as it was when its process ended."""
    fields = replay.fields
    args: list[Any] = fields.get("args") or []
    kwargs: Body = fields.get("kwargs") or {}
    call, problem = _call(kernel.registry, recovered.spec(replay.kind), args, kwargs)
    created = fields["created_at"] + recovered.offset
    timeout_s = fields.get("timeout_s")
    origin = (fields["seq"], fields["created_at"], created, replay.origin, timeout_s, None)
    job = DurableJob(kernel, call, None, replay.job_id, *origin)
    replay.fill(job)
    job.lost, job.code_ended = problem, True
    job.undo = [Undo(name, args, kwargs, n) for name, n, args, kwargs in replay.undo] or None
    job.results = {(stage, passage): value for stage, passage, value in replay.results}
    job.keep(kernel.journal, args, kwargs)
    job.pages.asked, job.pages.results = replay.asked, replay.results
    job.pages.committing = fields.get("committing")
    job.pages.starting = bool(fields.get("starting"))
    job.pages.entry()
    job.pages.kept()  # the journal says all this already
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


def _prepare(job: DurableJob, now: float) -> None:
    """Bring a job to where it stands without its process: what was asked is decided, its stage is over."""
    requests, job.pages.asked = [*job.pages.asked], ()
    committing, job.pages.committing = job.pages.committing, None
    stage, job.stage = job.stage, None
    if stage is not None:
        job.log().append((stage.name, job.stage_at, None, "interrupted", None))
    if committing is not None and job.cancel is None and not (requests and stage is None):
        job.undo = None  # the point of no return may have been passed
    if job.cancel is not None:
        job.cancel.held = False
    if job.origin.parent_id is not None:
        requests.append(Cancellation(CancelCause.PARENT, by=job.origin.parent_id))
    if job.state is JobState.PENDING and job.pages.starting and job.spec.on_restart is OnRestart.FAIL:
        job.apply(Event.STARTED, now)  # its code may have begun: nothing more was written of it
    job.pages.starting = False
    for request in requests:
        job.request_cancel(request, now)
    if job.parent is not None and job.settled is not None:
        job.parent.release(job)  # withdrawn
    if job.state is JobState.RUNNING and not job.lost:
        job.lost = _why_lost(job, committing)
        if not job.lost:
            job.apply(Event.INTERRUPTED, now)


def _why_lost(job: DurableJob, committing: str | None) -> str:
    """Return why a job that ran when its process ended cannot be run again, or an empty string."""
    if job.spec.on_restart is not OnRestart.RERUN:
        return "its process ended while it ran, and its kind has on_restart='fail'"
    if committing is not None:
        return f"its process ended in stage {committing!r}, which commits and cannot be repeated blindly"
    if job.committed:
        return (
            f"its process ended after stage {job.committed!r}, which commits and cannot be repeated blindly; "
            "enter it with run_stage, which keeps that it is done"
        )
    return ""


def _adopt(job: DurableJob, live: Any) -> None:
    """Give a child back to its parent, which waits for it, though another attempt may submit its own."""
    parent = live.get(job.origin.parent_id)
    if parent is not None and job.settled is None:
        job.parent, job.former = parent, True
        parent.adopt(job)
        job.in_batch = parent.progress is not None and job.id in parent.progress.children


def _go_on(kernel: DurableKernel, job: DurableJob) -> None:
    job.changed()
    if job.cancel is not None:
        _end(kernel, job, Ending.UNWOUND)
    elif job.lost:
        _end(kernel, job, Ending.LOST)
    elif job.attempt == 1 and job.created + job.spec.expires_s <= kernel.now():
        _end(kernel, job, Ending.EXPIRED)  # its time was over while nothing ran
    else:
        job.code_ended = False
        if kernel.admission.admit(job, always=True):
            kernel.start(job, kernel.now())
        elif job.attempt == 1:  # else it has waited once
            kernel.expect(job)


def _end(kernel: DurableKernel, job: DurableJob, ending: Ending) -> None:
    """End a job: run its compensations if there are any, and nothing else."""
    if job.settled is not None or job.undo or job.children:
        kernel.doom(job, ending)
    else:
        kernel.end(job, *job.ending(ending, job.lost))
        kernel.let_go(job)
