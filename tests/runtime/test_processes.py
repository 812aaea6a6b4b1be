"""Subprocesses of a job: what goes in and comes out of one that ends by itself."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from subprocess import CalledProcessError, CompletedProcess

import pytest

from jobcancel import JobContext, JobState, Registry, Scheduler
from jobcancel._runtime.processes import Lines


def python(code: str, *arguments: str) -> list[str]:
    """An interpreter without site packages: it starts fast, and nothing there takes part in the test."""
    return [sys.executable, "-S", "-c", code, *arguments]


async def test_the_outputs_and_the_code_are_returned(registry: Registry, scheduler: Scheduler) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"

    @registry.kind("work")
    async def work(job: JobContext) -> CompletedProcess[bytes]:
        return await job.run_process(python(code), check=False)

    process = await (await scheduler.submit(work())).result()
    assert (process.returncode, process.stdout, process.stderr) == (3, b"out\n", b"err\n")


async def test_a_code_other_than_zero_raises_with_the_outputs(registry: Registry, scheduler: Scheduler) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        with pytest.raises(CalledProcessError) as raised:
            await job.run_process(python(code))
        error = raised.value
        assert (error.returncode, error.cmd, error.stdout, error.stderr) == (3, python(code), b"out\n", b"err\n")

    assert (await (await scheduler.submit(work())).wait()).state is JobState.SUCCEEDED


async def test_a_death_by_signal_raises_unless_check_is_off(registry: Registry, scheduler: Scheduler) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"

    @registry.kind("work")
    async def work(job: JobContext) -> int:
        with pytest.raises(CalledProcessError) as raised:
            await job.run_process(python(code))
        assert raised.value.returncode == -signal.SIGKILL
        return (await job.run_process(python(code), check=False)).returncode

    assert await (await scheduler.submit(work())).result() == -signal.SIGKILL


async def test_a_string_is_run_by_the_shell(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> bytes:
        return (await job.run_process("echo one; echo two")).stdout

    assert await (await scheduler.submit(work())).result() == b"one\ntwo\n"


@pytest.mark.parametrize("given", [None, b"", b"some bytes", b"x" * 1_000_000])
async def test_the_input_arrives_whole_and_is_closed(
    registry: Registry, scheduler: Scheduler, given: bytes | None
) -> None:
    code = "import sys; print(len(sys.stdin.buffer.read()))"

    @registry.kind("work")
    async def work(job: JobContext) -> bytes:
        return (await job.run_process(python(code), input=given)).stdout

    assert int(await (await scheduler.submit(work())).result()) == len(given or b"")


async def test_a_process_that_does_not_read_its_input_is_no_error(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> int:
        return (await job.run_process(python("pass"), input=b"x" * 10_000_000)).returncode

    assert await (await scheduler.submit(work())).result() == 0


async def test_the_process_gets_the_given_cwd_and_environment(
    registry: Registry, scheduler: Scheduler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os; print(os.path.basename(os.getcwd()), os.environ.get('COLOR'), os.environ.get('MARK'))"
    monkeypatch.setenv("MARK", "ours")
    monkeypatch.chdir("/")

    @registry.kind("work")
    async def work(job: JobContext) -> tuple[bytes, bytes]:
        given = await job.run_process(python(code), cwd=tmp_path, env={"COLOR": "red"})
        inherited = await job.run_process(python(code))
        return given.stdout, inherited.stdout

    given, inherited = await (await scheduler.submit(work())).result()
    assert given.decode() == f"{tmp_path.name} red None\n"
    assert inherited.decode() == " None ours\n"


async def test_a_missing_program_raises_the_systems_error(registry: Registry, scheduler: Scheduler) -> None:
    @registry.kind("work")
    async def work(job: JobContext) -> None:
        with pytest.raises(FileNotFoundError):
            await job.run_process(["/no/such/program"])
        with pytest.raises(FileNotFoundError):
            await job.run_process(python("pass"), cwd="/no/such/folder")

    assert (await (await scheduler.submit(work())).wait()).state is JobState.SUCCEEDED


async def test_lines_arrive_as_they_are_printed_with_any_line_ending(registry: Registry, scheduler: Scheduler) -> None:
    code = r"""
import sys
sys.stdout.buffer.write(b"one\ntwo\r\n10%\r20%\rinvalid \xff utf-8\n\nhalf a li")
sys.stdout.buffer.flush()
sys.stdout.buffer.write(b"ne, \xe2\x82")
sys.stdout.buffer.flush()
sys.stdout.buffer.write(b"\xac and no end")
sys.stderr.write("an error\n")
"""
    lines: list[str] = []

    @registry.kind("work")
    async def work(job: JobContext) -> bytes:
        return (await job.run_process(python(code), on_line=lines.append)).stdout

    stdout = await (await scheduler.submit(work())).result()
    lines.remove("an error")  # the two streams are not in step
    assert lines == ["one", "two", "10%", "20%", "invalid \ufffd utf-8", "", "half a line, \u20ac and no end"]
    assert stdout.startswith(b"one\ntwo\r\n10%\r")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 100])
def test_lines_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    lines: list[str] = []
    cut = Lines(lines.append)
    data = "one\r\ntwo\rthree\n\n€ four\r".encode() + b"\xe2\x82"

    for start in range(0, len(data), size):
        cut.feed(data[start : start + size])
    cut.end()
    assert lines == ["one", "two", "three", "", "€ four", "\ufffd"]


def test_a_carriage_return_that_comes_last_ends_a_line() -> None:
    lines: list[str] = []
    cut = Lines(lines.append)
    cut.feed(b"100%\r")
    cut.end()
    assert lines == ["100%"]


async def test_an_error_of_on_line_ends_the_process_and_is_raised_bare(
    registry: Registry, scheduler: Scheduler
) -> None:
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(3600)"
    pids: list[int] = []

    def on_line(line: str) -> None:
        pids.append(int(line))
        raise LookupError("no such page")

    @registry.kind("work")
    async def work(job: JobContext) -> None:
        with pytest.raises(LookupError, match="no such page"):
            await job.run_process(python(code), on_line=on_line)
        with pytest.raises(ProcessLookupError):
            os.kill(pids[0], 0)

    snapshot = await (await scheduler.submit(work())).wait()
    assert (snapshot.state, snapshot.failure) == (JobState.SUCCEEDED, None)
