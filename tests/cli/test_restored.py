"""What the demonstrations do when what they had before is there again, or cannot be kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobcancel import JobState, Page, Snapshot
from jobcancel._cli import demo, ingest, orders, serve
from jobcancel._cli.demonstration import Credits
from jobcancel._cli.job_checks import Check
from jobcancel._cli.preflight import BadInputError, _lasting_home  # pyright: ignore[reportPrivateUsage]
from jobcancel._cli.stored import replays
from jobcancel.abc import Entry
from jobcancel.asgi.endpoints import STORE_FAILED
from jobcancel.errors import StoreError

AT = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(number: int, **facts: Any) -> Snapshot[Any]:
    return Snapshot(id=f"job_{number}", kind="work", state=JobState.SUCCEEDED, created_at=AT, **facts)


def test_credits_are_those_of_jobs_that_somebody_owns_and_not_of_their_children() -> None:
    credits_of = Credits()
    credits_of.restore(snapshot(1, owner="ann"))
    credits_of.restore(snapshot(2, owner="ann", parent_id="job_1"))
    credits_of.restore(snapshot(3))
    assert list(credits_of.reserved) == ["job_1"]


async def test_every_page_of_earlier_jobs_is_read() -> None:
    pages = {None: Page((snapshot(2, owner="ann"),), "1"), "1": Page((snapshot(1, owner="ann"),), None)}

    async def find(cursor: str | None = None) -> Page:
        return pages[cursor]

    credits_of = Credits()
    scheduler: Any = SimpleNamespace(find=find)
    await serve._restore(credits_of, scheduler)  # pyright: ignore[reportPrivateUsage]
    assert sorted(credits_of.reserved) == ["job_1", "job_2"]


async def test_a_cancel_that_cannot_be_kept_is_told_as_not_accepted() -> None:
    async def cancel(job_id: str, **options: Any) -> None:
        raise StoreError("jobs.db", "the disk is full")

    told: list[str] = []
    scheduler: Any = SimpleNamespace(cancel=cancel)
    view: Any = SimpleNamespace(told=told.append)
    watched = demo._Watched(scheduler, "job_1", view)  # pyright: ignore[reportPrivateUsage]
    await watched._cancel("SIGINT", "interrupted")  # pyright: ignore[reportPrivateUsage]
    assert told == ["cancel (SIGINT): not accepted, for it cannot be kept: journal jobs.db: the disk is full"]


async def test_an_order_that_cannot_be_kept_is_refused_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: Any) -> None:
        raise StoreError("jobs.db", "the disk is full")

    async def body_of(request: object) -> dict[str, Any]:
        return {}

    monkeypatch.setattr(orders, "body_of", body_of)

    def order_from(*_: object) -> Any:
        return SimpleNamespace(owner=None)

    def no_key(*_: object) -> None: ...

    monkeypatch.setattr(orders, "order_from", order_from)
    monkeypatch.setattr(orders, "idempotency_key", no_key)
    refused: list[tuple[str, Any]] = []

    def refused_as(name: str, **facts: Any) -> None:
        refused.append((name, facts))

    shown = SimpleNamespace(contract=None)
    taker: Any = SimpleNamespace(_shown=shown, _ordered=refuse, _refused=refused_as)
    request: Any = object()
    await orders.Orders._submit(taker, request, "ann")  # pyright: ignore[reportPrivateUsage]
    assert refused == [("closed", {"message": STORE_FAILED})]


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(BadInputError, match="cannot make the folder"),
        _lasting_home(tmp_path / "file" / "jobs.db", None),
    ):
        pass


async def test_a_pull_request_that_an_earlier_try_has_opened_is_found() -> None:
    async def run(job: object, *words: str, cwd: str) -> str:
        return "3/head other\n4/head mine\n"

    job: Any = SimpleNamespace(app=SimpleNamespace(run=run))
    assert await ingest.numbered(job, "host", "mine") == (4, True)
    assert await ingest.numbered(job, "host", "new") == (5, False)


async def test_a_pull_request_that_is_there_is_not_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[str] = []

    async def run(job: object, *words: str, cwd: str) -> str:
        commands.append(words[0])
        return ""

    async def committed(*_: object) -> str:
        return "mine"

    async def numbered(*_: object) -> tuple[int, bool]:
        return 4, True

    monkeypatch.setattr(ingest, "commit_report", committed)
    monkeypatch.setattr(ingest, "numbered", numbered)

    def nothing(*_: object) -> None: ...

    job: Any = SimpleNamespace(app=SimpleNamespace(run=run), id="job_1", progress=nothing, add_compensation=nothing)
    report: Any = {}
    opened: Any = await ingest.opened(job, "host", "clone", report)
    assert opened["pull_request"] == 4
    assert commands == ["push"]


def test_what_is_forgotten_is_no_job_and_what_is_broken_is_told_once() -> None:
    forgotten = Entry("job_1", None, final=True)
    broken = [Entry("job_2", {"history": 5}), Entry("job_2", {"state": "running"})]
    assert list(replays([forgotten])) == []
    check = Check().jobs([forgotten, *broken])
    assert [problem.partition(":")[0].split()[0] for problem in check.problems] != []
