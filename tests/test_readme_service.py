"""The README's service over HTTP: what its clients get, what its users pay, and what a restart leaves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jobcancel import JobContext, Registry, Scheduler
from tests.readme import evaluated

Events = list[tuple[str, dict[str, Any]]]
TOO_LONG_S = 30  # a service that never does what a test waits for fails, and does not hang


class CrashError(Exception):
    """Ends a service before its jobs have ended."""


class Renderer:
    """Takes the place of the service's slow work: each call waits until the test lets it go on."""

    def __init__(self) -> None:
        self.reached: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        self.open: defaultdict[str, anyio.Event] = defaultdict(anyio.Event)
        self.calls: list[str] = []

    async def render(self, name: str) -> str:
        self.calls.append(name)
        self.reached[name].set()
        await self.open[name].wait()
        return name

    def let(self, *names: str) -> None:
        for name in names:
            self.open[name].set()


class Service:
    """One process of the service: the README's block, evaluated in the current folder, where its databases are."""

    def __init__(self, *headings: str) -> None:
        self.namespace = evaluated(*headings)
        self.studio, self.app = self.namespace["studio"], self.namespace["app"]
        self.renderer = Renderer()
        self.studio.render = self.renderer.render
        self.streaming = anyio.Event()  # the first event of a stream was sent

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(self._observed(self.app))
        client = httpx.AsyncClient(transport=transport, base_url="http://videos", headers={"x-user": "ann"})
        with anyio.fail_after(TOO_LONG_S):
            async with client, self.app.router.lifespan_context(self.app):
                yield client

    def reserved(self) -> list[tuple[str, str, int]]:
        rows: list[tuple[str, str, int]] = self.studio.db.execute("SELECT * FROM reserved ORDER BY key").fetchall()
        return rows

    def _observed(self, app: ASGIApp) -> ASGIApp:
        async def observed(scope: Scope, receive: Receive, send: Send) -> None:
            async def sending(message: Message) -> None:
                await send(message)
                if scope["path"].endswith("/events") and message.get("body"):
                    self.streaming.set()

            await app(scope, receive, sending)

        return observed


@contextmanager
def service(*headings: str) -> Generator[Service]:
    made = Service(*(headings or ("A complete service",)))
    try:
        yield made
    finally:
        made.studio.db.close()


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def submit(web: httpx.AsyncClient, key: str, title: str = "intro", **asked: Any) -> httpx.Response:
    return await web.post("/videos", params={"title": title, **asked}, headers={"idempotency-key": key})


async def events(web: httpx.AsyncClient, job_id: str) -> Events:
    """Read a stream of server-sent events to its end."""
    answer = await web.get(f"/videos/{job_id}/events")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    read: Events = []
    for block in answer.text.split("\n\n")[:-1]:
        event, data = block.split("\n")
        read.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return read


async def test_a_repeated_key_gets_the_first_video_and_reserves_its_credits_once() -> None:
    with service() as made:
        async with made.running() as web:
            first, again = await submit(web, "k"), await submit(web, "k")
            other = await submit(web, "k", title="outro")
            assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
            assert (first.json()["created"], again.json()) == (True, {"id": first.json()["id"], "created": False})
            found = await made.namespace["scheduler"].find(owner="ann", labels={"title": "intro"})
            assert [job.id for job in found.jobs] == [first.json()["id"]]
            assert made.reserved() == [("ann", "k", 5)]
            made.renderer.let("intro-0.png", "intro-1.png", "intro-2.png", "/videos/intro")


async def test_the_stream_tells_the_progress_and_ends_with_the_video() -> None:
    read: Events = []

    async def listen(web: httpx.AsyncClient, job_id: str) -> None:
        read.extend(await events(web, job_id))

    with service() as made:
        async with made.running() as web, anyio.create_task_group() as group:
            job_id = (await submit(web, "k", count=2)).json()["id"]
            made.renderer.let("intro-0.png")
            await made.renderer.reached["intro-1.png"].wait()
            group.start_soon(listen, web, job_id)
            await made.streaming.wait()
            made.renderer.let("intro-1.png", "/videos/intro")

    assert read[0] == ("progress", {"state": "running", "drawn": 1, "result": None})
    assert read[-1] == ("end", {"state": "succeeded", "drawn": 2, "result": "/videos/intro"})
    assert {event for event, _ in read[:-1]} == {"progress"}


async def test_a_stream_ends_by_itself_although_its_video_is_still_drawn() -> None:
    with service() as made:
        made.namespace["STREAM_S"] = 0
        async with made.running() as web:
            job_id = (await submit(web, "k")).json()["id"]
            await made.renderer.reached["intro-0.png"].wait()
            assert all(event == "progress" for event, _ in await events(web, job_id))
            assert (await made.namespace["scheduler"].get(job_id)).state == "running"
            await web.post(f"/videos/{job_id}/cancel")


async def test_a_cancel_while_publishing_is_a_conflict_that_names_the_stage_and_the_credits_stay_spent() -> None:
    with service() as made:
        async with made.running() as web:
            job_id = (await submit(web, "k", count=1)).json()["id"]
            made.renderer.let("intro-0.png")
            await made.renderer.reached["/videos/intro"].wait()
            answer = await web.post(f"/videos/{job_id}/cancel")
            made.renderer.let("/videos/intro")
            (last,) = (await events(web, job_id))[-1:]

        assert (answer.status_code, answer.json()) == (409, {"outcome": "refused", "stage": "publishing"})
        assert last == ("end", {"state": "succeeded", "drawn": 1, "result": "/videos/intro"})
        assert made.reserved() == [("ann", "k", 5)]


async def test_a_cancel_while_drawing_gives_the_credits_back_and_records_who_asked_and_why() -> None:
    with service() as made:
        async with made.running() as web:
            job_id = (await submit(web, "k")).json()["id"]
            await made.renderer.reached["intro-0.png"].wait()
            answer = await web.post(f"/videos/{job_id}/cancel", params={"reason": "wrong title"})
            (last,) = (await events(web, job_id))[-1:]
            cancel = (await made.namespace["scheduler"].get(job_id)).cancel
            again = await web.post(f"/videos/{job_id}/cancel")
            replayed = await submit(web, "k")

        assert (answer.status_code, answer.json()) == (202, {"outcome": "canceling", "stage": "drawing"})
        assert last == ("end", {"state": "canceled", "drawn": None, "result": None})
        assert (cancel.by, cancel.reason, cancel.compensated) == ("ann", "wrong title", True)
        assert (again.status_code, again.json()["outcome"]) == (409, "already_terminal")
        assert replayed.json() == {"id": job_id, "created": False}
        assert made.reserved() == [("ann", "k", 0)]


async def test_a_cancel_of_a_waiting_video_gives_the_credits_back_though_it_never_ran() -> None:
    with service() as made:
        async with made.running() as web:
            for number in range(4):  # as many as run at once
                await submit(web, f"a{number}", title=f"other{number}")
            job_id = (await submit(web, "k")).json()["id"]
            answer = await web.post(f"/videos/{job_id}/cancel")
            assert (await events(web, job_id))[-1][1]["state"] == "canceled"
            await made.namespace["scheduler"].cancel_many(owner="ann")

        assert (answer.status_code, answer.json()) == (202, {"outcome": "canceling", "stage": None})
        assert made.reserved()[-1] == ("ann", "k", 0)
        assert "intro-0.png" not in made.renderer.calls


async def test_another_user_and_an_unknown_id_get_the_same_answer() -> None:
    with service() as made:
        async with made.running() as web:
            job_id = (await submit(web, "k")).json()["id"]
            for path in (f"/videos/{job_id}", "/videos/job_nobody"):
                answers = [
                    await web.post(f"{path}/cancel", headers={"x-user": "bob"}),
                    await web.get(f"{path}/events", headers={"x-user": "bob"}),
                ]
                assert [answer.status_code for answer in answers] == [404, 404]
            await web.post(f"/videos/{job_id}/cancel")


async def test_a_submit_that_fails_reserves_nothing() -> None:
    with service() as made:
        async with made.running() as web:
            await made.namespace["scheduler"].shutdown()
            assert (await submit(web, "k")).status_code == 503
        assert made.reserved() == []


async def crash_while_two_videos_are_drawn() -> tuple[str, str]:
    """Run a first process until each video has one of its two frames; return their ids."""
    ids: list[str] = []

    async def live() -> None:
        with service() as made:
            async with made.running() as web:
                for title in ("resumed", "canceled"):
                    ids.append((await submit(web, title, title=title, count=2)).json()["id"])
                    made.renderer.let(f"{title}-0.png")
                    await made.renderer.reached[f"{title}-1.png"].wait()
                raise CrashError

    with pytest.raises(CrashError):
        await live()
    return ids[0], ids[1]


async def test_a_restart_resumes_the_video_without_the_frames_that_are_drawn_and_can_still_cancel_it() -> None:
    resumed, canceled = await crash_while_two_videos_are_drawn()
    with service() as second:
        async with second.running() as web:
            await second.renderer.reached["resumed-1.png"].wait()
            await second.renderer.reached["canceled-1.png"].wait()
            replayed = await submit(web, "resumed", title="resumed", count=2)
            answer = await web.post(f"/videos/{canceled}/cancel")
            assert (await events(web, canceled))[-1][1]["state"] == "canceled"
            second.renderer.let("resumed-1.png", "/videos/resumed")
            (last,) = (await events(web, resumed))[-1:]

        assert replayed.json() == {"id": resumed, "created": False}
        assert answer.json() == {"outcome": "canceling", "stage": "drawing"}
        assert last == ("end", {"state": "succeeded", "drawn": 2, "result": "/videos/resumed"})
        assert sorted(second.renderer.calls) == ["/videos/resumed", "canceled-1.png", "resumed-1.png"]
        assert second.reserved() == [("ann", "canceled", 0), ("ann", "resumed", 5)]


async def test_a_shutdown_lets_a_running_video_finish() -> None:
    with service() as made:

        async def finish(web: httpx.AsyncClient) -> None:
            await anyio.wait_all_tasks_blocked()
            assert (await submit(web, "late")).status_code == 503  # the shutdown has begun
            made.renderer.let("/videos/intro")

        async with anyio.create_task_group() as group, made.running() as web:
            await submit(web, "k", count=1)
            made.renderer.let("intro-0.png")
            await made.renderer.reached["/videos/intro"].wait()
            group.start_soon(finish, web)

        (job,) = (await made.namespace["scheduler"].find()).jobs
        assert (job.state, job.cancel) == ("succeeded", None)


async def test_the_vendors_routes_answer_for_the_owner_that_was_given_at_submit() -> None:
    with service("A complete service", "Cancel APIs of vendors") as made:
        async with made.running() as web:
            job_id = (await submit(web, "k", count=1)).json()["id"]
            made.renderer.let("intro-0.png")
            await made.renderer.reached["/videos/intro"].wait()
            path = f"/v1/jobs/{job_id}/cancel"
            unknown = await web.post(path, headers={"x-user": ""})
            foreign = await web.post(path, headers={"x-user": "bob"})
            refused = await web.post(path)
            made.renderer.let("/videos/intro")
            await events(web, job_id)
            late = await web.post(path)

        assert [unknown.status_code, foreign.status_code] == [401, 404]
        details = refused.json()["error"]["details"]
        assert refused.status_code == 409
        assert (details["subcode"], details["stage"]) == ("JOB_CANCEL_UNAVAILABLE", "publishing")
        assert (late.status_code, late.json()["reason"]) == (200, "ALREADY_COMPLETED")


async def test_the_vendors_own_kinds_can_be_declared_and_served() -> None:
    namespace = evaluated("A complete service", "Cancel APIs of vendors")
    contract, asgi = namespace["contract"], namespace["asgi"]
    registry = Registry.from_mapping({"kinds": contract.kinds})

    @registry.handler("content_generate")
    async def content_generate(job: JobContext) -> str:
        async with job.stage("finalizing"):
            return job.id

    async with Scheduler(registry, new_id=asgi.id_factory(contract)) as scheduler:
        handle = await scheduler.submit(content_generate())
        assert contract.ids.fits(await handle.result())
    namespace["studio"].db.close()
