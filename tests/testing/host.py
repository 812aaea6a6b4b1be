"""The service in which the faulty jobs and their correct versions run, and its own judgements of a run."""

from __future__ import annotations

import queue
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from anyio.abc import TaskGroup

from jobcancel import Kind
from jobcancel.testing import Run, Submission


class Host:
    """A service's own data: the ``job.app`` of its jobs.

    Attributes:
        folder: An empty folder.
        group: The host's task group, which outlives its jobs.
        accounts: A database: the balance of each account.
        charges: The bank's records: the jobs that were charged and not refunded.
        lock: A lock that every job needs.
        processes: The processes that jobs have started.
        rendered: The input of a job's encoder thread; None ends it.
        frames: The output of that thread.
        saved: The texts that jobs have written, in order.
    """

    def __init__(self, folder: Path, group: TaskGroup) -> None:
        self.folder, self.group = folder, group
        self.accounts = {"ada": 100, "bob": 0}
        self.charges: list[str] = []
        self.lock = anyio.Lock()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.rendered: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.frames: list[str | None] = []
        self.saved: list[str] = []

    def start_reader(self) -> subprocess.Popen[bytes]:
        """Start a process that ends when its input does."""
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End the threads and processes that a job left running."""
        self.rendered.put(None)
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


Judge = Callable[[Host, Run[Any]], None]


class Trial:
    """A job with a new host for each run.

    Args:
        kind: The job's kind.
        judge: Raises if the host's own data is wrong after a run.
    """

    def __init__(self, kind: Kind[[], Any], judge: Judge | None = None) -> None:
        self._kind, self._judge = kind, judge

    @asynccontextmanager
    async def make(self) -> AsyncGenerator[Submission]:
        with TemporaryDirectory() as folder:
            async with anyio.create_task_group() as group:
                self.host = Host(Path(folder), group)
                try:
                    yield Submission(self._kind(), app=self.host)
                finally:
                    self.host.close()
                    group.cancel_scope.cancel()

    def check(self, run: Run[Any]) -> None:
        if self._judge is not None:
            self._judge(self.host, run)


def charges_are_refunded(host: Host, run: Run[Any]) -> None:
    assert run.snapshot.state == "succeeded" or not host.charges, "charged, and not refunded"


def accounts_are_balanced(host: Host, run: Run[Any]) -> None:
    assert sum(host.accounts.values()) == 100, f"the accounts hold {host.accounts}"


def lock_is_free(host: Host, run: Run[Any]) -> None:
    assert not host.lock.locked(), "the lock is held by a job that has ended"


def no_process_is_running(host: Host, run: Run[Any]) -> None:
    left = [process for process in host.processes if process.poll() is None]
    assert not left, f"{len(left)} processes are still running"
