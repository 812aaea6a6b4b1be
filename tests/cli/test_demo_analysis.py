"""The analysis of a clone: its progress, its reaction to a cancel, and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from jobcancel import JobContext
from jobcancel._cli.demo.analysis import analyze, markdown

LOG = "c0ffee\tAnn\n"


class StopWorkError(Exception):
    pass


class Recorder:
    """Stands for the job: records its progress, and is canceled at the given check."""

    def __init__(self, canceled_at: int | None = None) -> None:
        self.reported: list[tuple[Any, ...]] = []
        self.checks = 0
        self._canceled_at = canceled_at

    def progress(self, *reported: Any) -> None:
        self.reported.append(reported)

    def check_canceled(self) -> None:
        self.checks += 1
        if self.checks == self._canceled_at:
            raise StopWorkError


def test_progress_is_reported_for_each_of_a_few_files(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x\n")
    job = Recorder()
    analyze(cast(JobContext, job), "r", str(tmp_path), LOG)
    assert job.reported == [(0, 2, "a.py"), (1, 2, "b.py"), (2, 2, "all files read")]


def test_progress_is_reported_for_some_of_many_files(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}.py").touch()
    job = Recorder()
    analyze(cast(JobContext, job), "r", str(tmp_path), LOG)
    assert [done for done, *_ in job.reported[:3]] == [0, 4, 8]
    assert len(job.reported) == 51


@pytest.mark.parametrize("check", [1, 2, 3])
def test_the_analysis_stops_at_the_first_check_after_a_cancel(tmp_path: Path, check: int) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text("x\n")
    job = Recorder(canceled_at=check)
    with pytest.raises(StopWorkError):
        analyze(cast(JobContext, job), "r", str(tmp_path), LOG)
    assert job.checks == check


def test_a_file_name_that_is_not_text_is_reported(tmp_path: Path) -> None:
    Path(str(tmp_path) + "/\udcff.py").touch()
    report = analyze(cast(JobContext, Recorder()), "r", str(tmp_path), LOG)
    assert report["largest"] == [{"path": "\ufffd.py", "bytes": 0}]


def test_the_markdown_report(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x\n")
    assert markdown(analyze(cast(JobContext, Recorder()), "r", str(tmp_path), LOG)) == (
        "# Report\n\n"
        "Commit c0ffee: 1 files, 1 lines, 2 bytes; 1 commits.\n\n"
        "## Languages\n\n- Python: 1 files, 1 lines, 2 bytes\n\n"
        "## Largest files\n\n- `a.py`: 2 bytes\n\n"
        "## Commits by author\n\n- Ann: 1\n"
    )
