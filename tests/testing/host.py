"""What the faulty jobs and their correct twins work on, and how their host judges what a run has left behind."""

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
    """A service's own data; the jobs get it as ``job.app``.

    Attributes:
        folder: An empty folder.
        group: Tasks of the host, which outlive its jobs.
        accounts: A database: what each account holds.
        charges: The bank's: who was charged and not refunded.
        lock: Guards something that every job needs.
        processes: What jobs have started.
        rendered: What a job's thread is given to encode, None at the end.
        frames: What it has encoded.
        saved: What was written, in order.
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
        """End what a job has left behind."""
        self.rendered.put(None)
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


Judge = Callable[[Host, Run[Any]], None]


class Trial:
    """A job, made afresh for every run together with its host.

    Args:
        kind: The job's kind.
        judge: Raises if a run has left the host's own data wrong.
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


def nobody_pays_for_nothing(host: Host, run: Run[Any]) -> None:
    assert run.snapshot.state == "succeeded" or not host.charges, "charged, and not refunded"


def no_money_is_lost(host: Host, run: Run[Any]) -> None:
    assert sum(host.accounts.values()) == 100, f"the accounts hold {host.accounts}"


def the_lock_is_free(host: Host, run: Run[Any]) -> None:
    assert not host.lock.locked(), "the lock is held by a job that has ended"


def no_process_is_left(host: Host, run: Run[Any]) -> None:
    left = [process for process in host.processes if process.poll() is None]
    assert not left, f"{len(left)} processes are left"
