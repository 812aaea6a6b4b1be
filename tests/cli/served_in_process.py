"""A demonstration's application in this process, and a client that sends requests to it without a socket."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
import httpx
from attrs import frozen

from jobcancel import Scheduler
from jobcancel._cli.serve.banner import banner
from jobcancel._cli.serve.demonstration import Demonstration, demonstration
from jobcancel._cli.serve.server import application, token_table
from jobcancel.asgi import id_factory
from jobcancel.contracts import load

ADDRESS = "http://demo"
LONG_S: float = 3600  # a stage that a test ends by a cancel
PATIENCE_S = 30  # for what happens at once unless something is broken


@frozen
class ServedInProcess:
    """A served demonstration.

    Attributes:
        scheduler: Runs the jobs.
        demonstration: The contract and its kinds.
        client: Sends requests with the token's headers.
        lines: The lines that `jobcancel serve` prints first.
    """

    scheduler: Scheduler
    demonstration: Demonstration
    client: httpx.AsyncClient
    lines: list[str]

    def command(self, label: str, job_id: str = "") -> list[str]:
        """The printed command with a label, split as a shell does."""
        (line,) = [line.removeprefix(f"{label}: ") for line in self.lines if line.startswith(f"{label}: ")]
        return shlex.split(line.replace("JOB_ID", job_id))

    async def run(self, command: list[str]) -> httpx.Response:
        """Send the request that curl would send."""
        return await self.client.request(**curl_request(command))

    async def submit(self, kind: str, stages: dict[str, float] | None = None, **fields: Any) -> str:
        """Submit a job and return its id."""
        answer = await self.client.post("/demo/jobs", json={"kind": kind, "stages": stages or {}, **fields})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["id"]
        return job_id

    async def submit_in_stage(self, kind: str, stage: str, **fields: Any) -> str:
        """Submit a job that stays in a stage, wait until it is there, and return its id."""
        job_id = await self.submit(kind, {stage: LONG_S}, **fields)
        await self.reached(job_id, stage)
        return job_id

    async def reached(self, job_id: str, stage: str) -> None:
        """Wait until the job is in the stage."""
        with anyio.fail_after(PATIENCE_S):
            async with self.scheduler.watch(job_id) as snapshots:
                async for snapshot in snapshots:
                    if snapshot.stage == stage:
                        return
        raise AssertionError(f"the job ended without reaching {stage}")

    async def settled(self, *job_ids: str) -> None:
        """Wait until the jobs have settled."""
        with anyio.fail_after(PATIENCE_S):
            for job_id in job_ids:
                await self.scheduler.wait(job_id)

    async def cancel(self, job_id: str) -> httpx.Response:
        """Cancel a job as the printed command does."""
        return await self.run(self.command("cancel", job_id))

    async def credits(self) -> dict[str, int]:
        """The credits that the server shows."""
        counts: dict[str, int] = (await self.client.get("/demo/credits")).json()
        return counts


def curl_request(command: list[str]) -> dict[str, Any]:
    """The request that a curl command sends, as arguments for httpx."""
    flags = list(pairwise(command))
    body = [value for flag, value in flags if flag == "-d"]
    return {
        "method": next((value for flag, value in flags if flag == "-X"), "GET"),
        "url": next(part for part in command if part.startswith("http")),
        "headers": dict(value.split(": ", 1) for flag, value in flags if flag == "-H"),
        "content": body[0] if body else None,
    }


@asynccontextmanager
async def served_in_process(source: str, *, max_running: int | None = None) -> AsyncGenerator[ServedInProcess]:
    """Serve a contract in this process; on leaving, all jobs are canceled by force."""
    contract = load(source)
    demo = demonstration(contract, None if source.endswith(".toml") else source)
    lines = list(banner(demo, ADDRESS, demo.token, durable=False))
    async with Scheduler(demo.registry, max_running=max_running, new_id=id_factory(contract)) as scheduler:
        app = application(scheduler, demo, token_table(contract, demo.token))
        headers = {"Content-Type": "application/json"}
        headers |= curl_request(shlex.split(next(line for line in lines if line.startswith("cancel: "))))["headers"]
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers) as client:
            yield ServedInProcess(scheduler, demo, client, lines)
        await scheduler.cancel_many(force=True)
