"""Subprocesses of a job (POSIX): a process group that gets SIGTERM, then SIGKILL, and is reaped before the job ends."""

from __future__ import annotations

import codecs
import io
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from os import PathLike
from subprocess import DEVNULL, PIPE, CalledProcessError, CompletedProcess

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process

from jobcancel._core.arguments import PATIENCE

from .job import Job

Command = str | bytes | Sequence[str | PathLike[str]]


async def run_process(
    job: Job,
    cmd: Command,
    *,
    input: bytes | None,  # noqa: A002  # the name that subprocess.run gives it
    cwd: str | PathLike[str] | None,
    env: Mapping[str, str] | None,
    check: bool,
    on_line: Callable[[str], object] | None,
    kill_after_s: float,
) -> CompletedProcess[bytes]:
    """Run a subprocess to its end; see ``JobContext.run_process``."""
    kill_after_s = PATIENCE.check(kill_after_s, "kill_after_s")
    process = await _start(job, cmd, cwd, env, PIPE if input is not None else DEVNULL)
    pumps = Pumps(job, process, on_line)
    try:
        await pumps.run(input, kill_after_s)
    finally:
        with job.host.scope_type(shield=True):
            await process.aclose()
    code = process.returncode or 0
    stdout, stderr = pumps.outputs
    if check and code:
        raise CalledProcessError(code, cmd, stdout, stderr)
    return CompletedProcess(cmd, code, stdout, stderr)


async def _start(
    job: Job, cmd: Command, cwd: str | PathLike[str] | None, env: Mapping[str, str] | None, stdin: int
) -> Process:
    """Start the process, shielded: after an interruption in the middle nothing would end what has started."""
    shield = job.host.scope_type(shield=True)
    shield.__enter__()
    try:
        return await anyio.open_process(
            cmd, stdin=stdin, stdout=PIPE, stderr=PIPE, cwd=cwd, env=env, start_new_session=True
        )
    finally:
        shield.__exit__(*sys.exc_info())


class Pumps:
    """The pipes of a running process.

    The readers are shielded one by one: a process may still write much after SIGTERM, and blocks if its output is not
    read.
    """

    def __init__(self, job: Job, process: Process, on_line: Callable[[str], object] | None) -> None:
        self._job, self._process, self._on_line = job, process, on_line
        self._chunks: tuple[list[bytes], list[bytes]] = ([], [])
        self._shields = [job.host.scope_type(shield=True) for _ in self._chunks]
        self._open = len(self._chunks)
        self._all_read = anyio.Event()
        self._error: Exception | None = None

    @property
    def outputs(self) -> tuple[bytes, bytes]:
        """The bytes of its standard output and its standard error."""
        out, err = self._chunks
        return b"".join(out), b"".join(err)

    async def run(self, input: bytes | None, kill_after_s: float) -> None:  # noqa: A002
        """Wait until the process has ended and its output is read; end the process if the wait is interrupted."""
        async with anyio.create_task_group() as group:
            for place, stream in enumerate((self._process.stdout, self._process.stderr)):
                assert stream is not None  # noqa: S101  # for type checkers: it was given pipes
                group.start_soon(self._read, place, stream, group.cancel_scope)
            if self._process.stdin is not None and input is not None:
                group.start_soon(_write, self._process.stdin, input)
            try:
                await self._ended()
            except BaseException:
                await self._end_group(kill_after_s)
                raise
        if self._error is not None:
            raise self._error

    async def _ended(self) -> None:
        await self._process.wait()
        await self._all_read.wait()

    async def _end_group(self, kill_after_s: float) -> None:
        """Send SIGTERM to the whole group, wait, send SIGKILL, and reap the process."""
        job, timers = self._job, self._job.host.timers
        _signal(self._process, signal.SIGTERM)
        if job.polite_scopes is None:
            job.polite_scopes = set()
        polite = job.host.scope_type(shield=True)
        job.polite_scopes.add(polite)
        timer = timers.add(job.host.now() + kill_after_s, polite.cancel)
        try:
            with polite:
                await self._ended()
        except anyio.get_cancelled_exc_class():
            pass  # a force opened the shield and ends the wait. The caller re-raises its own cancellation.
        timer.cancel()
        job.polite_scopes.discard(polite)
        _signal(self._process, signal.SIGKILL)
        with job.host.scope_type(shield=True):
            await self._process.wait()
        for shield in self._shields:
            shield.cancel()  # a descendant that left the group may hold the pipes open for ever

    async def _read(self, place: int, stream: ByteReceiveStream, group: anyio.CancelScope) -> None:
        lines = None if self._on_line is None else Lines(self._on_line)
        try:
            with self._shields[place], suppress(anyio.EndOfStream, anyio.ClosedResourceError):
                while True:
                    chunk = await stream.receive()
                    self._chunks[place].append(chunk)
                    if lines is not None:
                        lines.feed(chunk)
            if lines is not None:
                lines.end()
        except Exception as error:  # noqa: BLE001  # on_line is the host's; raised bare when the process has ended
            self._error = error
            group.cancel()
        self._open -= 1
        if not self._open:
            self._all_read.set()


class Lines:
    """Splits bytes into lines of text, also at carriage returns, with which progress bars end their lines."""

    def __init__(self, on_line: Callable[[str], object]) -> None:
        self._on_line = on_line
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._rest = ""

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        """Call ``on_line`` for every line that ``chunk`` completes."""
        *lines, self._rest = (self._rest + self._decoder.decode(chunk, final)).split("\n")
        for line in lines:
            self._on_line(line)

    def end(self) -> None:
        """Call ``on_line`` for a last line without an end."""
        self.feed(b"", final=True)
        if self._rest:
            self._on_line(self._rest)


async def _write(stream: ByteSendStream, data: bytes) -> None:
    """Write ``data`` and close; it is no error if the process does not read all of it."""
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await stream.send(data)
    await stream.aclose()


def _signal(process: Process, number: signal.Signals) -> None:
    """Signal the process's whole group; it is no error if the group is empty."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
