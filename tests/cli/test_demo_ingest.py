"""The demo's job: the shortest duration of a stage, and a pull request that an earlier attempt opened."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from jobcancel import JobContext
from jobcancel._cli.demo import ingest


async def test_the_pull_request_of_an_earlier_attempt_is_found() -> None:
    async def run(job: object, *words: str, cwd: str) -> str:
        return "3/head other\n4/head mine\n"

    job: Any = SimpleNamespace(app=SimpleNamespace(run=run))
    assert await ingest.pull_request_number(job, "host", "mine") == (4, True)
    assert await ingest.pull_request_number(job, "host", "new") == (5, False)


async def test_a_pull_request_that_exists_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []

    async def run(job: object, *words: str, cwd: str) -> str:
        commands.append(words[0])
        return ""

    async def commit_report(*_: object) -> str:
        return "mine"

    async def pull_request_number(*_: object) -> tuple[int, bool]:
        return 4, True

    monkeypatch.setattr(ingest, "commit_report", commit_report)
    monkeypatch.setattr(ingest, "pull_request_number", pull_request_number)

    def nothing(*_: object) -> None: ...

    job: Any = SimpleNamespace(app=SimpleNamespace(run=run), id="job_1", progress=nothing, add_compensation=nothing)
    report: Any = {}
    opened: Any = await ingest.open_pull_request(job, 0, "host", "clone", report)
    assert opened["pull_request"] == 4
    assert commands == ["push"]


async def test_a_short_stage_is_extended_and_counts_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now, reported = 100.0, list[tuple[int, int]]()

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    def progress(done: int, total: int, message: str) -> None:
        reported.append((done, total))

    async def stage(job: JobContext, result: str) -> str:
        await sleep(0.25)
        return result

    monkeypatch.setattr(anyio, "sleep", sleep)
    monkeypatch.setattr(anyio, "current_time", lambda: now)
    job: Any = SimpleNamespace(progress=progress)
    assert await ingest.lasting(stage)(job, 2.5, "result") == "result"
    assert now == 102.5
    assert reported == [(0, 3), (1, 3), (2, 3)]


async def test_a_long_stage_is_not_extended() -> None:
    async def stage(job: JobContext) -> str:
        return "result"

    job: Any = None
    assert await ingest.lasting(stage)(job, 0) == "result"
