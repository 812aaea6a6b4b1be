"""An ASGI app behind a loopback socket: uvicorn on asyncio, hypercorn on trio, in the event loop of the test."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import anyio
import uvicorn

MAX_HEAD = 1 << 22
"""Bytes of a request's head that a server reads; a hostile id is to reach the app, not to be stopped before it."""


class _Uvicorn(uvicorn.Server):
    """Says when it listens, and leaves the signals to the test."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = anyio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def _uvicorn(app: Any) -> AsyncGenerator[int]:
    # asyncio turns Nagle's delay off only for a socket that names its protocol: without, answers take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", http="h11", h11_max_incomplete_event_size=MAX_HEAD
    )
    server = _Uvicorn(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve, [listener])
        await server.listening.wait()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True


@asynccontextmanager
async def _hypercorn(app: Any) -> AsyncGenerator[int]:
    from hypercorn.config import Config

    hypercorn: Any = import_module("hypercorn.trio")  # its types are not complete

    config = Config()
    config.bind, config.backlog, config.errorlog = ["127.0.0.1:0"], 1024, None
    config.h11_max_incomplete_size = MAX_HEAD
    leave = anyio.Event()
    serve = partial(hypercorn.serve, app, config, shutdown_trigger=leave.wait, mode="asgi")
    async with anyio.create_task_group() as tasks:
        binds: list[str] = await tasks.start(serve)
        try:
            yield int(binds[0].rpartition(":")[2])
        finally:
            leave.set()


def serving(app: Any, backend: str) -> AbstractAsyncContextManager[int]:
    """Return a context manager that serves ``app`` and gives the port, once connections are taken."""
    return _uvicorn(app) if backend == "asyncio" else _hypercorn(app)
