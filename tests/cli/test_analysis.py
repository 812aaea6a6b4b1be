"""The analysis in its thread: what it says while it works, and that it stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from jobcancel import JobContext
from jobcancel._cli.analysis import analyze, markdown

LOG = "c0ffee\tAnn\n"


class StopWorkError(Exception):
    pass


class Recorder:
    """The side of a job that the analysis sees; canceled at the given look."""

    def __init__(self, canceled_at: int | None = None) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.looks = 0
        self._canceled_at = canceled_at

    def progress(self, *said: Any) -> None:
        self.said.append(said)

    def check_canceled(self) -> None:
        self.looks += 1
        if self.looks == self._canceled_at:
            raise StopWorkError


def test_it_says_how_far_it_is(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x\n")
    job = Recorder()
    analyze(cast(JobContext, job), "r", str(tmp_path), LOG)
    assert job.said == [(0, 2, "a.py"), (1, 2, "b.py"), (2, 2, "all files read")]


def test_of_many_files_it_tells_some(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}.py").touch()
    job = Recorder()
    analyze(cast(JobContext, job), "r", str(tmp_path), LOG)
    assert [said[0] for said in job.said[:3]] == [0, 4, 8]
    assert len(job.said) == 51


@pytest.mark.parametrize("look", [1, 2, 3])
def test_it_stops_at_the_next_look_when_the_job_is_canceled(tmp_path: Path, look: int) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text("x\n")
    job = Recorder(canceled_at=look)
    with pytest.raises(StopWorkError):
        analyze(cast(JobContext, job), "r", str(tmp_path), LOG)
    assert job.looks == look


def test_a_name_that_is_no_text_is_told_all_the_same(tmp_path: Path) -> None:
    Path(str(tmp_path) + "/\udcff.py").touch()
    report = analyze(cast(JobContext, Recorder()), "r", str(tmp_path), LOG)
    assert report["largest"] == [{"path": "\ufffd.py", "bytes": 0}]


def test_the_report_for_people_is_this(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x\n")
    assert markdown(analyze(cast(JobContext, Recorder()), "r", str(tmp_path), LOG)) == (
        "# Report\n\n"
        "Commit c0ffee: 1 files, 1 lines, 2 bytes; 1 commits.\n\n"
        "## Languages\n\n- Python: 1 files, 1 lines, 2 bytes\n\n"
        "## Largest files\n\n- `a.py`: 2 bytes\n\n"
        "## Commits by author\n\n- Ann: 1\n"
    )
