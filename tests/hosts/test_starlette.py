"""A scheduler in the lifespan of a Starlette application, on every backend."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from jobcancel import JobContext, JobState, Registry, Scheduler, Stage


def application(scheduler: Scheduler, kind: str) -> Starlette:
    """An application that submits jobs of the kind, cancels and reads them."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with scheduler:
            yield

    async def submit(_: Request) -> JSONResponse:
        return JSONResponse({"id": (await scheduler.submit(kind)).id}, status_code=202)

    async def cancel(request: Request) -> JSONResponse:
        verdict = await scheduler.cancel(request.path_params["job_id"])
        return JSONResponse({"outcome": verdict.outcome, "stage": verdict.stage}, status_code=202 if verdict else 409)

    async def read(request: Request) -> JSONResponse:
        return JSONResponse((await scheduler.get(request.path_params["job_id"])).to_dict())

    routes = [
        Route("/jobs", submit, methods=["POST"]),
        Route("/jobs/{job_id}/cancel", cancel, methods=["POST"]),
        Route("/jobs/{job_id}", read),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def test_a_job_outlives_its_request_until_the_lifespan_ends() -> None:
    registry = Registry()
    pushing, release = anyio.Event(), anyio.Event()
    ended: list[str] = []

    @registry.kind("push", stages=[Stage("pushing", on_cancel="refuse"), Stage("announcing")])
    async def push(job: JobContext) -> None:
        async with job.stage("pushing"):
            pushing.set()
            await release.wait()
            ended.append("pushing")
        async with job.stage("announcing"):
            ended.append("announcing")

    scheduler = Scheduler(registry)
    app = application(scheduler, push.name)

    async def release_it_when_the_shutdown_asks(job_id: str) -> None:
        async with scheduler.watch(job_id) as snapshots:
            async for snapshot in snapshots:
                if snapshot.cancel is not None:
                    release.set()

    async with (
        anyio.create_task_group() as tasks,
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://jobs") as client,
    ):
        job_id = (await client.post("/jobs")).json()["id"]
        await pushing.wait()
        refused = await client.post(f"/jobs/{job_id}/cancel")
        read = (await client.get(f"/jobs/{job_id}")).json()
        assert (refused.status_code, refused.json()) == (409, {"outcome": "refused", "stage": "pushing"})
        assert (read["state"], read["stage"], read["cancel"]) == ("running", "pushing", None)
        tasks.start_soon(release_it_when_the_shutdown_asks, job_id)

    (job,) = (await scheduler.find()).jobs
    assert job.state is JobState.CANCELED
    assert ended == ["pushing"]
