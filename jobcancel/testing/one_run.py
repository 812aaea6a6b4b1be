"""One run: the call made afresh, driven through a plan, watched to its end and beyond."""

from __future__ import annotations

import gc
import inspect
import logging
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from typing import Any, Final

import anyio
from anyio import to_thread
from anyio.lowlevel import checkpoint
from attrs import field, frozen

from jobcancel._core.calls import Call
from jobcancel._core.context import JobContext
from jobcancel._core.registry import Registry
from jobcancel._core.states import JobState
from jobcancel._runtime.job import Job
from jobcancel._runtime.scheduler import Scheduler

from .driving import Driven, Leavable, unheard
from .findings import Fault, Symptom, of_the_code, of_the_promises, of_the_tasks
from .places import NOWHERE, Places, Spot
from .points import Moment, Place, Plan, Point
from .run import Run
from .tasks import noticing
from .trace import Trace
from .track import Track

_LOGGER: Final = logging.getLogger("jobcancel")
_TURNS: Final = 5  # of the loop, for tasks that are about to end


@frozen
class Submission:
    """A call with what belongs to its submit, for ``make`` to yield.

    Attributes:
        call: The call.
        app: What the scheduler gives the handler as ``job.app``.
        compensations: As ``submit`` takes them.
        labels: As ``submit`` takes them.
        owner: As ``submit`` takes it.
    """

    call: Call[Any]
    app: Any = field(default=None, kw_only=True)
    compensations: Sequence[Callable[[], object]] = field(default=(), kw_only=True)
    labels: Mapping[str, str] | None = field(default=None, kw_only=True)
    owner: str | None = field(default=None, kw_only=True)


Make = Callable[[], AbstractAsyncContextManager["Call[Any] | Submission"]]
Check = Callable[[Run[Any]], "Awaitable[object] | object"]


@frozen(eq=False)
class Outing:
    """What a run was.

    Attributes:
        plan: Its plan.
        trace: Its record.
        state: How the job ended.
        reached: Where the request reached the job.
        symptoms: What is wrong with it.
    """

    plan: Plan
    trace: Trace
    state: JobState
    reached: Spot
    symptoms: list[Symptom]


class DrivenScheduler(Scheduler):
    """A scheduler whose jobs are driven."""

    def drive(self, trace: Trace) -> None:
        """Drive every job that starts from now on."""
        main = self._dispatcher.main

        def driven(job: Job) -> Driven:
            track = trace.job_starts(job)
            assert job.call is not None  # noqa: S101  # for type checkers: it is kept until the job is let go
            job.call = _watched_call(trace, track, job.call)
            return Driven(main(job), track)

        self._dispatcher.main = driven


def _watched_call(trace: Trace, track: Track, call: Call[Any]) -> Call[Any]:
    """Return a call that can be left, with one more moment: it has returned, and the job has not ended yet."""

    async def handler(job: JobContext, *_: Any, **__: Any) -> Any:
        value = await Leavable(call.start(job), trace.leaves)
        if track.job is trace.root:
            trace.at(track, Moment.RETURNED, trace.places.begin)
        return value

    return Call(call.kind, handler, call.args, call.kwargs)


async def one_run(
    make: Make,
    check: Check | None,
    plan: Plan,
    expected: Mapping[Place, Point],
    *,
    usual: JobState | None,
    limit: float,
    stall_s: float,
) -> Outing:
    """Make one run.

    Args:
        make: Makes the call.
        check: The host's own judgement.
        plan: What to ask, and where.
        expected: The moments of the run that the plan was made from.
        usual: How the job ends when nobody cancels it; None if this is the run to find out.
        limit: How many moments it may have.
        stall_s: Seconds without a step after which it is forced.
    """
    outing: Outing | None = None
    with _warned() as warned:
        try:
            async with make() as made:
                submission = made if isinstance(made, Submission) else Submission(made)
                outing = await _watched(submission, check, plan, expected, usual, limit, stall_s)
        except Exception as error:
            if outing is None:
                raise
            outing.symptoms.append(Symptom(Fault.CHECK, message=f"leaving make raised {_said(error)}"))
        await _end_tasks(outing.trace)
        for track in outing.trace.tracks:
            track.arrivals.clear()  # an exception keeps what its frames hold
            track.task = None
        with unheard() if outing.trace.stubborn else nullcontext():
            gc.collect()
    outing.symptoms.extend(Symptom(Fault.RESOURCE, message=message) for message in warned)
    return outing


async def _watched(
    submission: Submission,
    check: Check | None,
    plan: Plan,
    expected: Mapping[Place, Point],
    usual: JobState | None,
    limit: float,
    stall_s: float,
) -> Outing:
    call = submission.call
    trace = Trace(Places(call.kind.handler), plan, expected, limit)
    busy = set(_busy_threads(trace.places))
    with noticing(trace):
        scheduler = DrivenScheduler(_registry(call), app=submission.app)
        async with scheduler:
            scheduler.drive(trace)
            handle = await scheduler.submit(
                call,
                owner=submission.owner,
                labels=submission.labels,
                compensations=submission.compensations,
            )
            await _settled(scheduler, handle.id, trace, stall_s)
        job = await handle.wait()
        for _ in range(_TURNS):
            await checkpoint()
        await to_thread.run_sync(int)  # a thread that was given its work a moment ago has begun it then
    symptoms = [*of_the_code(trace, job, usual or job.state), *of_the_promises(trace, job)]
    symptoms += of_the_tasks(trace)
    threads = _busy_threads(trace.places)
    symptoms += [Symptom(Fault.THREAD, threads[ident], "it is still there") for ident in threads.keys() - busy]
    if check is not None:
        symptoms += await _checked(check, Run(tuple(trace.verdicts), job, submission.app))
    return Outing(plan, trace, job.state, trace.reached(), symptoms)


def _registry(call: Call[Any]) -> Registry:
    home = call.kind.home
    assert isinstance(home, Registry)  # noqa: S101  # for type checkers: a call is one of a registered kind
    return home


async def _settled(scheduler: Scheduler, job_id: str, trace: Trace, stall_s: float) -> None:
    """Wait for the job to end; force one that makes no step any more."""
    steps = -1
    while True:
        with anyio.move_on_after(stall_s):
            await scheduler.wait(job_id)
            return
        if len(trace.points) == steps and not trace.forced:
            last = next(reversed(trace.points.values()), None)
            _LOGGER.warning("job %s made no step for %g s and is forced to end; it stands at %s", job_id, stall_s, last)
            trace.forced = True
            await scheduler.cancel(job_id, force=True)
        steps = len(trace.points)


def _busy_threads(places: Places) -> dict[int, Spot]:
    """Return the threads that run code of the host's, and where each stands; this one aside."""
    spots = {
        ident: places.of_thread(frame)
        for ident, frame in sys._current_frames().items()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        if ident != threading.get_ident()
    }
    return {ident: spot for ident, spot in spots.items() if spot is not NOWHERE}


async def _checked(check: Check, run: Run[Any]) -> list[Symptom]:
    try:
        answer = check(run)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:  # noqa: BLE001  # whatever the host's check raises is what it has found
        return [Symptom(Fault.CHECK, message=_said(error))]
    return []


def _said(error: Exception) -> str:
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


async def _end_tasks(trace: Trace) -> None:
    """End what the job's code has left running, so that the next run begins as the first did.

    What is in a task group or a nursery is ended with that, by the host, which opened it.
    """
    left = [track.task for track in trace.tracks if track.task is not None and not track.ended]
    for task in left:
        task.cancel()
    for _ in range(_TURNS if left else 0):
        await checkpoint()


@contextmanager
def _warned() -> Generator[list[str]]:
    """Give the messages of resource warnings, and of coroutines never awaited, when the block is over."""
    messages: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        warnings.filterwarnings("always", message="coroutine .* was never awaited", category=RuntimeWarning)
        yield messages
    for warning in caught:
        text = str(warning.message)
        if issubclass(warning.category, ResourceWarning) or "was never awaited" in text:
            messages.append(text.partition("\n")[0])
        else:
            warnings.warn_explicit(text, warning.category, warning.filename, warning.lineno)
