"""What a loop says by itself is accepted on stderr, and nothing like it."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from .cells import Cell
from .judge import problems
from .servers import SERVERS
from .zygote import Report

# A host without jobcancel that gets Ctrl-C when asyncio.Runner.close has made the coroutine that argv names.
HOST: Final = """
import asyncio, signal, sys

class Loop(asyncio.SelectorEventLoop):
    def run_until_complete(self, future):
        if sys.argv[1] in repr(future):
            signal.raise_signal(signal.SIGINT)
        return super().run_until_complete(future)

async def main():
    pass

try:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())
except KeyboardInterrupt:
    print("interrupted")
"""


def stderr_problems(ending: str, stderr: str) -> list[str]:
    made = next(each for each in SERVERS if each.name == ending)
    report = Report(Cell(made, "asyncio", "none", "idle"), exit_code=0, seconds=0.1, processor_s=0.1, stderr=stderr)
    return [problem for problem in problems(report) if problem.startswith("stderr")]


def outcome_problems(loop: str, outcome: str, stderr: str) -> list[str]:
    made = next(each for each in SERVERS if each.name == "uvicorn_ctrl_c_while_leaving")
    facts = [{"what": "outcome", "name": outcome}]
    return problems(Report(Cell(made, loop, "none", "idle"), 0, 0.1, 0.1, facts, stderr))


@pytest.mark.parametrize("coroutine", ["BaseEventLoop.shutdown_asyncgens", "BaseEventLoop.shutdown_default_executor"])
def test_what_python_says_of_a_ctrl_c_in_runner_close_is_accepted(coroutine: str) -> None:
    host = subprocess.run([sys.executable, "-c", HOST, coroutine], capture_output=True, text=True, check=True)

    assert host.stdout == "interrupted\n"
    assert f"RuntimeWarning: coroutine '{coroutine}' was never awaited" in host.stderr
    assert stderr_problems("uvicorn_ctrl_c_while_leaving", host.stderr) == []
    assert len(stderr_problems("uvicorn_ctrl_c", host.stderr)) == 1  # no second Ctrl-C, so nothing can interrupt it


@pytest.mark.parametrize(
    "line",
    [
        "RuntimeWarning: coroutine 'Scheduler.shutdown' was never awaited",
        "RuntimeWarning: coroutine 'BaseEventLoop.create_server' was never awaited",
        "Task was destroyed but it is pending!",
    ],
)
def test_another_warning_is_a_problem(line: str) -> None:
    stderr = f"{line}\nRuntimeWarning: Enable tracemalloc to get the object allocation traceback\n"

    assert len(stderr_problems("uvicorn_ctrl_c_while_leaving", stderr)) == 1


def test_uvloop_that_cannot_close_is_accepted_and_another_runtime_error_is_not() -> None:
    sockets = (
        "python3.11/socket.py:608: ResourceWarning: unclosed <socket object, fd=14, family=1, type=1, proto=0>\n"
        "  a = socket(family, type, proto, a.detach())\n"
        "ResourceWarning: Enable tracemalloc to get the object allocation traceback\n"
    )
    cannot_close = "RuntimeError: Cannot close a running event loop"

    assert outcome_problems("uvloop", cannot_close, sockets) == []
    assert len(outcome_problems("asyncio", cannot_close, sockets)) == 2
    assert len(outcome_problems("uvloop", "RuntimeError: another", "")) == 1
    assert len(outcome_problems("uvloop", "KeyboardInterrupt", sockets)) == 1
