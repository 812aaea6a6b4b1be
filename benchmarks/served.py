"""The server that ``benchmarks.http`` measures: ``python -m benchmarks.served`` prints its port and serves.

Both routes answer the same bytes: what the contract says of a cancel that is under way already, and a route that knows
these bytes beforehand.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jobcancel import JobContext, Registry, Scheduler, asgi, contracts

TOKEN: Final = "lp_benchmark"  # noqa: S105  # it opens nothing
registry = Registry()


@registry.kind("endless", stages=[], on_cancel="defer")
async def endless(_job: JobContext, go_on: asyncio.Event) -> None:
    """Wait, and let no cancel through."""
    await go_on.wait()


async def main() -> None:
    """Serve one job's cancel, and a bare route beside it."""
    contract = contracts.load("layers")
    caller = asgi.Caller("ada", frozenset({"jobs:cancel"}))
    tokens = asgi.TokenTable(contract, {TOKEN: caller})
    go_on = asyncio.Event()
    async with Scheduler(registry, new_id=asgi.id_factory(contract)) as scheduler:
        job = await scheduler.submit(endless(go_on), owner=caller.owner)
        await job.cancel()
        answer = contracts.outcome_reply(
            contract, contracts.Case.ALREADY_CANCELING, contracts.Context(job_id=job.id)
        ).content

        async def bare(_request: Request) -> Response:
            return Response(answer, status_code=202, media_type="application/json")

        cancel = asgi.routes(scheduler, contract, authenticate=tokens)
        app = Starlette(routes=[Route("/bare/{job_id}", bare, methods=["POST"]), *cancel])
        # Written out: for a socket of protocol 0 asyncio sets no TCP_NODELAY, and every answer waits 40 ms for an ACK.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        print(listener.getsockname()[1], job.id, flush=True)
        await server.serve([listener])
        go_on.set()


if __name__ == "__main__":
    asyncio.run(main())
