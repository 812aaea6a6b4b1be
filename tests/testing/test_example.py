"""The complete example of the README: a job with a database and files, its bug, the report, and the fix."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from attrs import frozen

from jobcancel import JobContext, JobState, Kind, Registry, Stage
from jobcancel.testing import Fault, Finding, Run, Submission, explore

registry = Registry()
STAGES = [Stage("storing"), Stage("recording", on_cancel="defer", commits=True)]


@frozen
class Album:
    """The host's own data: a folder of pictures, and a table of them."""

    folder: Path
    database: sqlite3.Connection

    def record(self, name: str, size: int) -> None:
        with self.database:
            self.database.execute("INSERT INTO pictures VALUES (?, ?)", (name, size))
            self.database.execute("UPDATE totals SET bytes = bytes + ?", (size,))

    def stored(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def recorded(self) -> list[str]:
        return [name for (name,) in self.database.execute("SELECT name FROM pictures ORDER BY name")]


@registry.kind("add_picture", stages=STAGES)
async def add_picture(job: JobContext, name: str, picture: bytes) -> str:
    path = job.app.folder / name
    async with job.stage("storing"):
        await anyio.Path(path).touch(exist_ok=False)  # reserves the name
        await anyio.Path(path).write_bytes(picture)  # BUG
        job.add_compensation(path.unlink)
    async with job.stage("recording"):
        await job.run_sync(job.app.record, name, len(picture))
    return name


@registry.kind("add_picture_fixed", stages=STAGES)
async def add_picture_fixed(job: JobContext, name: str, picture: bytes) -> str:
    path = job.app.folder / name
    async with job.stage("storing"):
        job.add_compensation(partial(path.unlink, missing_ok=True))  # before the file exists
        await anyio.Path(path).touch(exist_ok=False)
        await anyio.Path(path).write_bytes(picture)
    async with job.stage("recording"):
        await job.run_sync(job.app.record, name, len(picture))
    return name


def make_for(kind: Kind[[str, bytes], str]) -> Callable[[], Any]:
    @asynccontextmanager
    async def make() -> AsyncGenerator[Submission]:
        with TemporaryDirectory() as folder, closing(sqlite3.connect(":memory:", check_same_thread=False)) as database:
            database.executescript(
                "CREATE TABLE pictures (name TEXT PRIMARY KEY, size INTEGER);"
                "CREATE TABLE totals (bytes INTEGER); INSERT INTO totals VALUES (0);"
            )
            yield Submission(kind("cat.png", b"meow"), app=Album(Path(folder), database))

    return make


def check(run: Run[str]) -> None:
    """Every picture is recorded, and every record has its picture; a canceled job leaves neither."""
    album: Album = run.app
    assert album.stored() == album.recorded(), f"stored {album.stored()}, recorded {album.recorded()}"
    assert album.stored() == ([] if run.snapshot.state is JobState.CANCELED else ["cat.png"])


def line_of(mark: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {mark}"))


async def test_explore_finds_the_picture_left_by_a_cancel() -> None:
    report = await explore(make_for(add_picture), check=check)

    assert not report.ok
    finding = next(finding for finding in report.findings if finding.line == line_of("BUG"))
    assert (finding.fault, finding.stage, finding.state) == (Fault.CHECK, "storing", JobState.CANCELED)
    assert finding.message == "AssertionError: stored ['cat.png'], recorded []"
    assert {each.fault for each in report.findings} == {Fault.CHECK}
    again = await explore(make_for(add_picture), check=check, only=finding.replay)
    assert [facts(each) for each in again.findings] == [facts(finding)]


async def test_fixed_job_survives_a_cancel_at_every_point() -> None:
    report = await explore(make_for(add_picture_fixed), check=check, pairs=["shutdown"])

    assert report.ok, str(report)
    assert report.covered == report.points > 10


def facts(finding: Finding) -> tuple[Any, ...]:
    return finding.fault, finding.line, finding.stage, finding.message, finding.replay
