"""Runs mypy and pyright over this folder: ``python -m tests.typing.check``.

Both must accept ``accepted.py``, and reject exactly the marked lines of ``rejected.py`` once its comments are taken
out. Exit code 0 means that both did; otherwise each line that differs is printed. Both come with the dependency
group ``typing``; one that is not installed is an error.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).resolve().parent
TOP: Final = FOLDER.parent.parent
MARK: Final = re.compile(r"  # type: ignore\[[^\]]+\]  # pyright: ignore\[[^\]]+\]$")
ACCEPTED, REJECTED = 0, 1  # exit codes of both; the others say that nothing was checked
Reports = dict[int, str]


def rejections_of_mypy(path: Path) -> Reports:
    """What mypy reports, by line."""
    process = run("mypy", "--config-file", TOP / "pyproject.toml", "--no-incremental", "--output", "json", path)
    reports: Reports = {}
    for line in process.stdout.splitlines():
        report = json.loads(line or "{}")
        if report.get("severity") == "error":
            reports.setdefault(report["line"], report["message"])
    return reports


def rejections_of_pyright(path: Path) -> Reports:
    """What pyright reports, by line."""
    settings = path.with_suffix(".json")
    settings.write_text(json.dumps({"include": [str(path)], "extraPaths": [str(TOP)], "typeCheckingMode": "strict"}))
    process = run("pyright", "--outputjson", "--pythonpath", sys.executable, "--project", settings)
    reports: Reports = {}
    for report in json.loads(process.stdout)["generalDiagnostics"]:
        if report["severity"] == "error":
            reports.setdefault(report["range"]["start"]["line"] + 1, report["message"].splitlines()[0])
    return reports


def run(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a checker, from the top of the tree, so that it finds the package and the tests."""
    if find_spec(module) is None:
        raise SystemExit(f"{module} is not installed: pip install --group typing")
    command = [sys.executable, "-m", module, *map(str, arguments)]
    process = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    if process.returncode not in (ACCEPTED, REJECTED):
        raise SystemExit(f"{module} ended with {process.returncode}:\n{process.stdout}{process.stderr}")
    return process


CHECKERS: Final[dict[str, Callable[[Path], Reports]]] = {
    "mypy": rejections_of_mypy,
    "pyright": rejections_of_pyright,
}


def differences(name: str, source: str, folder: Path) -> Iterator[str]:
    """Give what is wrong with a file's reports, one line each."""
    lines = source.splitlines()
    expected = {number for number, line in enumerate(lines, 1) if MARK.search(line)}
    path = folder / name
    path.write_text("".join(MARK.sub("", line) + "\n" for line in lines), encoding="utf-8")
    for checker, rejections_in in CHECKERS.items():
        reported = rejections_in(path)
        for number in sorted(expected - set(reported)):
            yield f"{name}:{number}: {checker} accepts what it must reject: {MARK.sub('', lines[number - 1]).strip()}"
        for number in sorted(set(reported) - expected):
            yield f"{name}:{number}: {checker} rejects what it must accept: {reported[number]}"
        sys.stdout.write(f"{name}: {checker} rejects {len(reported)} lines, {len(expected)} are marked\n")


def main() -> None:
    """Check both files; exit with what differs, if anything does."""
    found: list[str] = []
    with tempfile.TemporaryDirectory(prefix="jobcancel-typing-") as folder:
        for name in ("accepted.py", "rejected.py"):
            found += differences(name, (FOLDER / name).read_text(encoding="utf-8"), Path(folder))
    sys.exit("\n".join(found) or 0)


if __name__ == "__main__":
    main()
