"""A copy of the package in which a line may be changed, for what has to run in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

TOP: Final = Path(__file__).resolve().parent.parent
COPIED: Final = ("jobcancel", "tests", "benchmarks", "README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml")
TIMEOUT_S: Final = 15.0


@frozen
class Fault:
    """A line that could be written wrongly.

    Attributes:
        breaks: What rule it breaks.
        file: Where, as a path from the top of the tree: ``jobcancel/_core/decision.py``.
        old: What stands there; occurs exactly once in the file.
        new: What to write instead.
        test: What must be found then.
    """

    breaks: int | str
    file: str
    old: str
    new: str
    test: str


def copy_tree(folder: Path) -> Path:
    """Copy what a test needs and make sure that the copy is what a test imports."""
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


def run_python(
    folder: Path,
    arguments: Sequence[str],
    timeout_s: float = TIMEOUT_S,
    *,
    bytecode: bool = False,
    environment: Mapping[str, str] | None = None,
) -> tuple[int | None, str]:
    """Run Python in a folder; return the exit code (``None`` if it hung) and what it printed.

    Without ``bytecode`` none is written: a fault of the same length, planted within the same second, would meet the
    old one.
    """
    variables = os.environ | {"PYTHONPATH": str(folder)} | ({} if bytecode else {"PYTHONDONTWRITEBYTECODE": "1"})
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=variables | dict(environment or {}),
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
            _kill_group(process)
        output.seek(0)
        return code, output.read()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it has left running."""
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
    """Return why the fault cannot be planted, if it cannot."""
    path = folder / fault.file
    if not path.is_file():
        return f"there is no file {fault.file}"
    count = path.read_text(encoding="utf-8").count(fault.old)
    if count != 1:
        return f"the text to replace occurs {count} times, not once: {fault.old!r}"
    return None if fault.old != fault.new else "it changes nothing"
