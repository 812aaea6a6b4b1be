"""A service whose jobs survive it; ``uvicorn tests.hosts.durable_app:app`` serves it.

Its journal is the file that the environment variable JOBS_DB names. What its jobs do goes to the file that JOBS_MARKERS
names, one line each. A job waits in the stage ``rendering`` for a line from the named pipe JOBS_GATE.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response

from jobcancel import CompensationContext, JobContext, Registry, Scheduler, Stage
from jobcancel.stores import SqliteStore

registry = Registry()
scheduler = Scheduler(registry, store=SqliteStore(os.environ["JOBS_DB"]))


def mark(what: str) -> None:
    with Path(os.environ["JOBS_MARKERS"]).open("a", encoding="utf-8") as file:
        file.write(what + "\n")


def read_gate() -> None:
    with Path(os.environ["JOBS_GATE"]).open(encoding="utf-8") as pipe:
        pipe.readline()


@registry.compensation("unfetch")
def unfetch(context: CompensationContext, name: str) -> None:
    mark(f"{name}: unfetched, {context.token.removeprefix(context.job_id)}")


@registry.kind(
    "publish",
    stages=[Stage("fetching"), Stage("rendering", on_cancel="defer"), Stage("publishing")],
    on_restart="rerun",
)
async def publish(job: JobContext, name: str) -> str:
    async def fetch() -> str:
        job.add_compensation(unfetch(name))
        mark(f"{name}: fetched in attempt {job.attempt}")
        return f"source of {name}"

    source = await job.run_stage("fetching", fetch)
    async with job.stage("rendering"):
        mark(f"{name}: rendering in attempt {job.attempt}")
        await job.run_sync(read_gate)
    async with job.stage("publishing"):
        mark(f"{name}: publishing in attempt {job.attempt}")
    return f"rendered {source}"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with scheduler:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/jobs", status_code=202)
async def submit(order: dict[str, str]) -> dict[str, Any]:
    handle = await scheduler.submit(publish(order["name"]), key=order.get("key"))
    return {"id": handle.id, "created": handle.created}


@app.post("/jobs/{job_id}/cancel")
async def cancel(job_id: str, response: Response) -> dict[str, str]:
    verdict = await scheduler.cancel(job_id, by="client")
    response.status_code = 202 if verdict else 409
    return {"outcome": verdict.outcome}


@app.get("/jobs/{job_id}")
async def read(job_id: str) -> dict[str, Any]:
    return (await scheduler.get(job_id)).to_dict()


@app.get("/jobs/{job_id}/wait")
async def wait(job_id: str, timeout_s: float) -> dict[str, Any]:
    return (await scheduler.wait(job_id, timeout_s=timeout_s)).to_dict()
