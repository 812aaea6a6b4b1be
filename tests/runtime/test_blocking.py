"""``BlockingScheduler`` and ``from_thread``: the same methods without await, and their end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import anyio
import pytest
import sniffio
from anyio import to_thread

from jobcancel import BlockingScheduler, JobContext, JobState, Outcome, Registry, Scheduler
from jobcancel._runtime import from_thread
from jobcancel._runtime.from_thread import BlockingJobs, Portal
from jobcancel._runtime.loops import Loop, current_loop
from jobcancel.errors import JobFailedError, JobNotFoundError, SchedulerClosedError, UnknownKindError

Backend = tuple[str, dict[str, Any]]


async def add(job: JobContext, a: int, b: int = 10) -> int:
    return a + b


async def forever(job: JobContext) -> None:
    await anyio.sleep_forever()


def blocking(registry: Registry, backend: Backend, **options: Any) -> BlockingScheduler:
    return BlockingScheduler(registry, backend=backend[0], backend_options=backend[1], **options)


def use_every_method(registry: Registry, jobs: BlockingJobs) -> None:
    """What a host's thread does with jobs, all of it."""
    kind, endless = registry.kind("add")(add), registry.kind("endless")(forever)
    handle = jobs.submit(kind(1), key="k", owner="me", labels={"a": "b"})
    assert (handle.result(), handle.kind, handle.created) == (11, "add", True)
    assert handle.wait().state is JobState.SUCCEEDED
    assert not jobs.submit("add", 1, key="k", owner="me").created
    with pytest.raises(UnknownKindError):
        jobs.submit("nothing")

    first, second, third = [jobs.submit(endless(), owner="me") for _ in range(3)]
    assert not first.wait(timeout_s=0).settled
    assert not jobs.wait(first.id, owner="me", timeout_s=0).settled
    assert jobs.can_cancel(first.id, owner="me").outcome is Outcome.CANCELING
    assert jobs.cancel(first.id, owner="me", by="operator", reason="no more").accepted
    cancel = jobs.wait(first.id).cancel
    assert cancel is not None
    assert (cancel.by, cancel.reason) == ("operator", "no more")
    assert second.cancel(by="operator").accepted
    no_job_passes: list[dict[str, Any]] = [
        {"kind": "add"},
        {"owner": "you"},
        {"state": "pending"},
        {"labels": {"a": "b"}},
    ]
    for nothing in no_job_passes:
        assert jobs.cancel_many(**nothing) == {}
    canceled = jobs.cancel_many(kind="endless", owner="me", state="running", by="operator", reason="all of them")
    assert set(canceled) <= {third.id, second.id}
    cancel = jobs.wait(third.id).cancel
    assert cancel is not None
    assert (cancel.by, cancel.reason) == ("operator", "all of them")
    with pytest.raises(JobNotFoundError):
        jobs.get(first.id, owner="you")
    assert jobs.get(handle.id).labels == {"a": "b"}
    with jobs.watch(third.id, owner="me") as snapshots:
        assert [snapshot.state for snapshot in snapshots][-1] is JobState.CANCELED
    with pytest.raises(JobNotFoundError), jobs.watch("unknown"):
        pass
    first_job_passes: list[dict[str, Any]] = [{"kind": "add"}, {"state": "succeeded"}, {"labels": {"a": "b"}}]
    for only in first_job_passes:
        assert [job.id for job in jobs.find(**only).jobs] == [handle.id]
    page = jobs.find(owner="me", limit=3)
    assert [job.id for job in page.jobs] == [third.id, second.id, first.id]
    assert [job.id for job in jobs.find(cursor=page.cursor).jobs] == [handle.id]
    jobs.shutdown()
    with pytest.raises(SchedulerClosedError, match="cannot submit"):
        jobs.submit(kind(1))


CALLS: list[tuple[str, Callable[[BlockingJobs], object]]] = [
    ("submit", lambda jobs: jobs.submit("add", 1)),
    ("cancel", lambda jobs: jobs.cancel("job")),
    ("cancel", lambda jobs: jobs.cancel_many()),
    ("ask", lambda jobs: jobs.can_cancel("job")),
    ("read", lambda jobs: jobs.get("job")),
    ("read", lambda jobs: jobs.find()),
    ("wait", lambda jobs: jobs.wait("job")),
    ("watch", lambda jobs: jobs.watch("job").__enter__()),
    ("shut down", lambda jobs: jobs.shutdown()),
]


def refuses_everything(jobs: BlockingJobs) -> None:
    for wanted, call in CALLS:
        with pytest.raises(SchedulerClosedError, match=f"cannot {wanted}"):
            call(jobs)


def test_every_blocking_method_works_until_the_scheduler_closes(registry: Registry, anyio_backend: Backend) -> None:
    jobs = blocking(registry, anyio_backend)
    refuses_everything(jobs)
    with jobs as entered:
        assert entered is jobs
        use_every_method(registry, jobs)
    refuses_everything(jobs)


def test_a_blocking_scheduler_runs_in_a_thread_of_its_own_on_the_loop_that_was_asked_for(
    registry: Registry, anyio_backend: Backend
) -> None:
    @registry.kind("where")
    async def where(job: JobContext) -> tuple[str, str]:
        loop = "trio" if sniffio.current_async_library() == "trio" else type(asyncio.get_running_loop()).__module__
        return threading.current_thread().name, loop.partition(".")[0]

    expected = "uvloop" if anyio_backend[1] else anyio_backend[0]
    with blocking(registry, anyio_backend) as jobs:
        assert jobs.submit(where()).result() == ("jobcancel loop", expected)


async def test_every_method_works_from_a_host_thread_until_the_close(
    registry: Registry, anyio_backend: Backend
) -> None:
    async with Scheduler(registry) as scheduler:
        jobs = scheduler.from_thread
        await to_thread.run_sync(use_every_method, registry, jobs)
    refuses_everything(jobs)
    await to_thread.run_sync(refuses_everything, jobs)


def test_a_blocking_scheduler_can_be_started_again(registry: Registry, anyio_backend: Backend) -> None:
    kind = registry.kind("add")(add)
    jobs = blocking(registry, anyio_backend, max_running=1)
    jobs.close()  # it does not run: no effect
    ids: list[str] = []
    for value in (1, 2):
        jobs.start()
        jobs.start()  # it runs: no effect
        handle = jobs.submit(kind(value))
        assert handle.result() == value + 10
        ids.append(handle.id)
        jobs.close()
        jobs.close()
        refuses_everything(jobs)
    jobs.start()
    assert [job.id for job in jobs.find().jobs] == ids[::-1]
    jobs.close()


def test_an_error_of_the_body_is_raised_and_jobs_are_canceled(registry: Registry, anyio_backend: Backend) -> None:
    endless = registry.kind("endless")(forever)
    jobs = blocking(registry, anyio_backend, drain_s=3600)

    def body() -> None:
        with jobs:
            jobs.submit(endless())
            raise LookupError("of the body")

    with pytest.raises(LookupError, match="of the body"):
        body()
    with jobs:
        assert [job.state for job in jobs.find().jobs] == [JobState.CANCELED]


def test_result_raises_the_jobs_error_in_the_calling_thread(registry: Registry, anyio_backend: Backend) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        raise ValueError("as asked")

    with blocking(registry, anyio_backend) as jobs, pytest.raises(JobFailedError, match="as asked"):
        jobs.submit(work()).result()


async def hang(begun: threading.Event) -> None:
    """A call that does not end by itself."""
    begun.set()
    await anyio.sleep_forever()


def test_a_call_in_flight_fails_when_the_scheduler_closes(registry: Registry, anyio_backend: Backend) -> None:
    begun = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        with blocking(registry, anyio_backend) as jobs:
            future = pool.submit(jobs.call, "hang", lambda: hang(begun))
            assert begun.wait(60)
        with pytest.raises(SchedulerClosedError, match="cannot hang"):
            future.result()


def test_a_wait_in_flight_at_the_close_ends_with_its_job(registry: Registry, anyio_backend: Backend) -> None:
    begun = threading.Event()

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        begun.set()
        await anyio.sleep_forever()

    def wait() -> str:
        try:
            return handle.wait().state
        except SchedulerClosedError:
            return "closed"

    with ThreadPoolExecutor(1) as pool:
        with blocking(registry, anyio_backend) as jobs:
            handle = jobs.submit(work())
            assert begun.wait(60)
            future = pool.submit(wait)
        assert future.result() in {"canceled", "closed"}


def test_a_watch_may_be_left_after_the_scheduler_closed(registry: Registry, anyio_backend: Backend) -> None:
    endless = registry.kind("endless")(forever)
    jobs = blocking(registry, anyio_backend)
    jobs.start()
    with jobs.watch(jobs.submit(endless()).id) as snapshots:
        assert not next(snapshots).settled
        jobs.close()
        with pytest.raises(SchedulerClosedError, match="cannot watch"):
            next(snapshots)


async def test_a_call_from_the_loops_own_thread_is_refused(registry: Registry, scheduler: Scheduler) -> None:
    with pytest.raises(RuntimeError, match="cannot read from the thread of the scheduler's loop: await"):
        scheduler.from_thread.find()


async def test_a_portal_that_closes_just_before_the_call_reads_as_closed(
    scheduler: Scheduler, anyio_backend: Backend
) -> None:
    closed = Portal(current_loop())
    await closed.close()
    jobs = BlockingJobs(scheduler, lambda: closed)

    with pytest.raises(SchedulerClosedError, match="cannot read"):
        await to_thread.run_sync(jobs.find)


class EndingLoop:
    """A loop in its last turn: it still accepts callbacks, and runs none.

    Attributes:
        callbacks: Those that it has accepted.
        accepted: Set when it has accepted one.
        closed: Whether it accepts none any more.
    """

    def __init__(self, loop: Loop) -> None:
        self.wakeup, self.spawn, self.when_ended = loop.wakeup, loop.spawn, loop.when_ended
        self.accepted, self.closed = threading.Event(), False
        self.callbacks: list[Callable[[], None]] = []

    def soon_from_thread(self, callback: Callable[[], None]) -> None:
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.callbacks.append(callback)
        self.accepted.set()


async def test_a_call_the_loop_never_takes_fails_at_the_close(scheduler: Scheduler, anyio_backend: Backend) -> None:
    loop = EndingLoop(current_loop())
    portal = Portal(cast("Loop", loop))
    jobs = BlockingJobs(scheduler, lambda: portal)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(jobs.find)
        await to_thread.run_sync(loop.accepted.wait)
        await portal.close()
        with pytest.raises(SchedulerClosedError, match="cannot read"):
            future.result(timeout=60)
    loop.callbacks[0]()  # too late: it starts nothing


class Interrupted(BaseException):
    """What Ctrl-C raises in this test."""


def test_a_call_is_canceled_when_ctrl_c_ends_the_wait_for_it(registry: Registry, anyio_backend: Backend) -> None:
    def interrupt(*_: object) -> None:
        if not raised.is_set():
            raised.set()
            raise Interrupted

    def press() -> None:  # CPython misses a signal that comes just before the thread begins to wait for a lock
        while not raised.is_set():
            signal.pthread_kill(waiting, signal.SIGINT)
            ended.wait(0.05)

    async def hang() -> None:
        threading.Thread(target=press).start()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    raised, ended, waiting = threading.Event(), threading.Event(), threading.get_ident()
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with blocking(registry, anyio_backend) as jobs:
            with pytest.raises(Interrupted):
                jobs.call("hang", hang)
            assert ended.wait(60)
    finally:
        signal.signal(signal.SIGINT, before)


async def test_a_call_abandoned_before_its_first_step_ends(
    scheduler: Scheduler, anyio_backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    class InterruptedFuture(Future[Any]):
        def result(self, timeout: float | None = None) -> Any:
            raise Interrupted

    monkeypatch.setattr(from_thread, "Future", InterruptedFuture)
    loop = EndingLoop(current_loop())
    portal = Portal(cast("Loop", loop))
    with pytest.raises(Interrupted):
        await to_thread.run_sync(BlockingJobs(scheduler, lambda: portal).wait, "unknown")
    loop.spawn = scheduler._dispatcher.loop.spawn  # pyright: ignore[reportPrivateUsage]
    for callback in loop.callbacks:  # the call is taken, and given up in the same turn of the loop
        callback()
    with anyio.fail_after(60):
        await portal.close()


def test_a_system_exit_of_a_call_does_not_end_the_loop(registry: Registry, anyio_backend: Backend) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    with blocking(registry, anyio_backend) as jobs:
        with pytest.raises(SystemExit):
            jobs.call("leave", leave)
        assert jobs.find().jobs == ()


async def test_a_call_to_a_closed_loop_is_refused(scheduler: Scheduler, anyio_backend: Backend) -> None:
    loop = EndingLoop(current_loop())
    loop.closed = True
    portal = Portal(cast("Loop", loop))
    with pytest.raises(SchedulerClosedError, match="cannot read"):
        await to_thread.run_sync(BlockingJobs(scheduler, lambda: portal).find)


async def test_a_thread_of_a_job_may_use_its_scheduler(registry: Registry, scheduler: Scheduler) -> None:
    kind = registry.kind("add")(add)

    @registry.kind("work")
    async def work(job: JobContext) -> int:
        return await job.run_sync(lambda: scheduler.from_thread.submit(kind(1)).result())

    assert await (await scheduler.submit(work())).result() == 11


LEFT_RUNNING = """
import atexit, sys
from concurrent.futures import Future
import anyio
from jobcancel import BlockingScheduler, Registry, Stage

started, registry = Future(), Registry()

def undo():
    print("undone", flush=True)

@registry.kind("work", stages=[Stage("sending", on_cancel="refuse")])
async def work(job):
    job.add_compensation(undo)
    async with job.stage("sending"):
        started.set_result(await job.run_sync(str))
        await anyio.sleep(0.1)
        print("sent", flush=True)

class App: pass

def create_app():
    app = App()
    app.jobs = BlockingScheduler(registry, backend=sys.argv[1])
    app.view = lambda: app.jobs.submit(work())  # a cycle: nothing but the collector would let it go
    app.jobs.start()
    app.view()
    started.result()
    return app

app = create_app() if sys.argv[2] == "global" else create_app() and None
if sys.argv[2] == "global":
    atexit.register(app.jobs.close)  # no effect any more
print("the end of the program", flush=True)
"""


@pytest.mark.parametrize("holder", ["global", "none"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_open_scheduler_is_closed_at_interpreter_exit(backend: str, holder: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LEFT_RUNNING, backend, holder], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.splitlines() == ["the end of the program", "sent", "undone"], run.stderr
    assert (run.returncode, run.stderr) == (0, "")


def test_concurrent_starts_start_it_once(anyio_backend: Backend) -> None:
    registry = Registry()
    kind = registry.kind("add")(add)
    jobs, ready = blocking(registry, anyio_backend), threading.Barrier(8)

    def request(number: int) -> int:
        ready.wait()
        jobs.start()
        return jobs.submit(kind(number)).result()

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(request, range(8))] == [10, 11, 12, 13, 14, 15, 16, 17]
    jobs.close()


def test_a_loop_that_cannot_start_raises_to_the_caller() -> None:
    jobs = BlockingScheduler(Registry(), backend="no_such_loop")
    with pytest.raises(LookupError, match="no_such_loop"):
        jobs.start()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is POSIX")
def test_a_forked_child_does_not_wait_for_its_parents_scheduler() -> None:
    program = """
import os, sys
from jobcancel import BlockingScheduler, Registry
from jobcancel.errors import SchedulerClosedError
jobs = BlockingScheduler(Registry())
jobs.start()
if os.fork() == 0:
    with BlockingScheduler(Registry()):
        print("the child's own works", flush=True)
    try:
        jobs.find()
    except SchedulerClosedError:
        print("that of the parent does not run here", flush=True)
    jobs.close()
    sys.exit(0)
print("the child ended with", os.wait()[1], flush=True)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.splitlines() == [
        "the child's own works",
        "that of the parent does not run here",
        "the child ended with 0",
    ], run.stderr
