"""Applies every planted fault to a copy of the package and requires its test to fail: ``python -m tests.run_faults``.

A fault is *caught* when its test fails or hangs, and *survived* when its test passes. Anything else (the text to
replace is not there exactly once, the test cannot be collected, its fixtures break) is a mistake in the list. Exit
code 0 means that every invariant has faults and that all of them were caught.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from attrs import frozen

from tests.durable_faults import DURABLE_FAULTS
from tests.faults import FAULTS, INVARIANTS, Fault
from tests.input_faults import INPUT_FAULTS
from tests.kit_faults import KIT_FAULTS
from tests.whole_faults import WHOLE_FAULTS
from tests.wire_faults import WIRE_FAULTS

TOP: Final = Path(__file__).resolve().parent.parent
COPIED: Final = ("jobcancel", "tests", "benchmarks", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")
TEST_TIMEOUT_S: Final = 15.0
PYTEST: Final = (
    *("-m", "pytest", "-q", "-x", "-rf", "--tb=line", "-p", "no:cacheprovider"),
    *("-p", "no:schemathesis"),  # it takes long to load
)
PASSED, FAILED = 0, 1  # pytest's exit codes; the others (2 to 5) say that no test was judged


class Result(StrEnum):
    """What became of a fault."""

    CAUGHT = "caught"
    HANGS = "caught (hangs)"
    SURVIVED = "SURVIVED"
    MISTAKE = "MISTAKE"


@frozen
class Report:
    """A fault and what became of it; ``detail`` says what is wrong with the list."""

    fault: Fault
    result: Result
    took_s: float
    detail: str = ""

    def __str__(self) -> str:
        fault = self.fault
        line = f"{fault.breaks:>23}  {self.result:<14} {self.took_s:>5.1f} s  {fault.file}  {fault.test}"
        return f"{line}\n    {self.detail}" if self.detail else line


def copy_tree(folder: Path) -> Path:
    """Copies what a test needs and makes sure that the copy is what a test imports."""
    for name in COPIED:
        source = TOP / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, folder / name)
    code, output = run_python(folder, ["-c", "import jobcancel; print(jobcancel.__file__)"])
    if code != 0 or Path(output.strip()) != folder / "jobcancel" / "__init__.py":
        raise SystemExit(f"the copy in {folder} is not what a test would import:\n{output}")
    return folder


def run_python(folder: Path, arguments: Sequence[str], timeout_s: float = TEST_TIMEOUT_S) -> tuple[int | None, str]:
    """Runs Python in the copy; answers the exit code (``None`` if it hung) and what it printed.

    No bytecode is written: a fault of the same length, planted within the same second, would meet the old one.
    """
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            kill_group(process)
        output.seek(0)
        return code, output.read()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and whatever its test left running."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@contextmanager
def planted(fault: Fault, folder: Path) -> Generator[None]:
    """The copy has the fault inside the block and is as before after it."""
    path = folder / fault.file
    original = path.read_text(encoding="utf-8")
    path.write_text(original.replace(fault.old, fault.new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(original, encoding="utf-8")


def mistake_in(fault: Fault, folder: Path) -> str | None:
    """Why the fault cannot be planted, if it cannot."""
    path = folder / fault.file
    if not path.is_file():
        return f"there is no file {fault.file}"
    count = path.read_text(encoding="utf-8").count(fault.old)
    if count != 1:
        return f"the text to replace occurs {count} times, not once: {fault.old!r}"
    return None if fault.old != fault.new else "it changes nothing"


def judge(code: int | None, output: str) -> tuple[Result, str]:
    """What the end of its test says about a fault."""
    if code is None:
        return Result.HANGS, ""
    if code == PASSED:
        return Result.SURVIVED, ""
    if code == FAILED and any(line.startswith("FAILED ") for line in output.splitlines()):
        return Result.CAUGHT, ""
    return Result.MISTAKE, f"pytest ended with {code} and no failing test:\n{output}"


def try_fault(fault: Fault, folders: SimpleQueue[Path]) -> Report:
    """Plants one fault in a copy that is free, and runs its test there."""
    folder = folders.get()
    started = time.monotonic()
    try:
        mistake = mistake_in(fault, folder)
        if mistake is not None:
            return Report(fault, Result.MISTAKE, 0.0, mistake)
        with planted(fault, folder):
            result, detail = judge(*run_python(folder, [*PYTEST, fault.test]))
        return Report(fault, result, time.monotonic() - started, detail)
    finally:
        folders.put(folder)


def require_passing(folder: Path, faults: Sequence[Fault]) -> None:
    """The named tests pass while nothing is planted; otherwise their failing says nothing."""
    tests = sorted({fault.test for fault in faults})
    if tests:
        code, output = run_python(folder, [*PYTEST, *tests], TEST_TIMEOUT_S * len(tests))
        if code != PASSED:
            raise SystemExit(f"the named tests do not pass without a fault (exit code {code}):\n{output}")
        print(f"{len(tests)} tests pass while nothing is planted")


def summarize(reports: Sequence[Report]) -> int:
    """Prints the counts; answers the exit code."""
    broken = {report.fault.breaks for report in reports}
    missing = [number for number in INVARIANTS if number not in broken]
    rules = len(broken) + len(missing) - len(INVARIANTS)
    caught = sum(report.result in (Result.CAUGHT, Result.HANGS) for report in reports)
    survived = sum(report.result is Result.SURVIVED for report in reports)
    mistakes = len(reports) - caught - survived
    for number in missing:
        print(f"{number:>23}  NO FAULT is listed for this invariant")
    what = f"{len(INVARIANTS) - len(missing)} invariants, {rules} rules beside them"
    line = f"{what}, {len(reports)} faults: {caught} caught, {survived} survived"
    print(f"{line}, {mistakes} mistakes in the list" if mistakes else line)
    return 1 if missing or survived or mistakes else 0


def main(
    faults: Sequence[Fault] = (*FAULTS, *WIRE_FAULTS, *KIT_FAULTS, *DURABLE_FAULTS, *INPUT_FAULTS, *WHOLE_FAULTS),
) -> int:
    """Tries all the faults, two copies for every processor: a test that hangs needs none."""
    workers = 2 * (os.cpu_count() or 1)
    folders: SimpleQueue[Path] = SimpleQueue()

    def attempt(fault: Fault) -> Report:
        return try_fault(fault, folders)

    with tempfile.TemporaryDirectory(prefix="jobcancel-faults-") as temporary:
        copies = [copy_tree(Path(temporary).resolve() / f"copy{number}") for number in range(workers)]
        require_passing(copies[0], faults)
        for copy in copies:
            folders.put(copy)
        reports: list[Report] = []
        with ThreadPoolExecutor(workers) as pool:
            for report in pool.map(attempt, faults):
                print(report, flush=True)
                reports.append(report)
    return summarize(reports)


if __name__ == "__main__":
    sys.exit(main())
