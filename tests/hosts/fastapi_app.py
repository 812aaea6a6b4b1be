"""A service that embeds the scheduler; ``uvicorn tests.hosts.fastapi_app:app`` serves it.

What its jobs do goes to the file that the environment variable JOBS_MARKERS names, one line each. A job waits in the
stage ``hold`` for a line from ``gate``, a named pipe; without a gate it waits there until it is canceled.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from jobcancel import JobContext, JobState, Registry, Scheduler, Stage
from jobcancel.errors import JobNotFoundError

MARKERS = Path(os.environ["JOBS_MARKERS"])

registry = Registry()
scheduler = Scheduler(registry)


class Ingest(BaseModel):
    """What a client asks for."""

    name: str
    hold: str | None = None
    gate: Path | None = None
    refund: bool = False


def mark(what: str) -> None:
    with MARKERS.open("a", encoding="utf-8") as file:
        file.write(what + "\n")


def read_line(gate: Path) -> None:
    with gate.open(encoding="utf-8") as pipe:
        pipe.readline()


@registry.kind(
    "ingest",
    stages=[
        Stage("cloning"),
        Stage("opening_pr", on_cancel="refuse"),
        Stage("recording", on_cancel="defer"),
        Stage("finalizing"),
    ],
    max_running=1,
)
async def ingest(job: JobContext, order: Ingest) -> str:
    for stage in ("cloning", "opening_pr", "recording", "finalizing"):
        async with job.stage(stage):
            mark(f"{order.name}: {stage} began")
            if stage == "cloning":
                job.add_compensation(mark, f"{order.name}: clone removed")
            if stage == order.hold:
                await (job.run_sync(read_line, order.gate) if order.gate else anyio.sleep_forever())
            await anyio.lowlevel.checkpoint()  # a stage that is torn is torn here: a thread's end tells nothing
            mark(f"{order.name}: {stage} completed")
    return order.name


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with scheduler:
        yield
    for job in (await scheduler.find()).jobs:
        mark(f"{job.labels['name']}: ended {job.state}, cause {job.cancel and job.cancel.cause}")


app = FastAPI(lifespan=lifespan)


@app.exception_handler(JobNotFoundError)
async def not_found(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=404)


@app.post("/jobs", status_code=202)
async def submit(order: Ingest) -> dict[str, str]:
    undo = [partial(mark, f"{order.name}: refunded")] if order.refund else []
    handle = await scheduler.submit(ingest(order), labels={"name": order.name}, compensations=undo)
    return {"id": handle.id}


@app.get("/jobs")
async def find(state: JobState | None = None) -> list[dict[str, Any]]:
    return [job.to_dict() for job in (await scheduler.find(state=state)).jobs]


@app.post("/jobs/cancel")
async def cancel_all(*, force: bool = False) -> dict[str, str]:
    verdicts = await scheduler.cancel_many(by="operator", force=force)
    return {job_id: verdict.outcome for job_id, verdict in verdicts.items()}


@app.post("/jobs/{job_id}/cancel")
async def cancel(job_id: str, response: Response) -> dict[str, str | None]:
    verdict = await scheduler.cancel(job_id, by="client", reason="asked over HTTP")
    response.status_code = 202 if verdict else 409
    return {"outcome": verdict.outcome, "state": verdict.state, "stage": verdict.stage}


@app.get("/jobs/{job_id}")
async def read(job_id: str) -> dict[str, Any]:
    return (await scheduler.get(job_id)).to_dict()


@app.get("/jobs/{job_id}/wait")
async def wait(job_id: str, timeout_s: float) -> dict[str, Any]:
    mark(f"a client waits for {job_id}")
    return (await scheduler.wait(job_id, timeout_s=timeout_s)).to_dict()
