"""uvicorn as the host: the scheduler is held by its lifespan task, and signals end it."""

from __future__ import annotations

import logging
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any, Final

import anyio
import uvicorn

from .cells import ASYNCIO, CTRL_C, Ending, Jobs
from .kinds import LONG_S
from .scene import Scene

Message = MutableMapping[str, Any]
_LOOK_S: Final = 0.002  # between two looks at what the server sets
_REQUEST: Final = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class App:
    """An ASGI application whose lifespan is the scheduler's, and whose requests never end by themselves."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Serve the lifespan, or a request."""
        await receive()
        if scope["type"] != "lifespan":
            self._scene.ends.set()
            await anyio.sleep(LONG_S)
        async with self._scene.scheduler:
            await self._scene.begin()
            await send({"type": "lifespan.startup.complete"})
            try:
                await receive()
            finally:
                self._scene.leave()
        await send({"type": "lifespan.shutdown.complete"})


def serve(scene: Scene, request: bool, graceful_s: int | None = None) -> None:
    """Serve until the signals come, with an open request or without one."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        App(scene),
        loop="uvloop" if scene.cell.loop == "uvloop" else "asyncio",
        http="h11",
        lifespan="on",
        log_config=None,
        timeout_graceful_shutdown=graceful_s,
    )
    server = uvicorn.Server(config)
    client = threading.Thread(target=_client, args=(scene, server, listener.getsockname(), request), daemon=True)
    client.start()
    server.run(sockets=[listener])


def _client(scene: Scene, server: uvicorn.Server, address: tuple[str, int], request: bool) -> None:
    while not server.started:
        time.sleep(_LOOK_S)
    if not request:
        scene.ends.set()
        return
    with socket.create_connection(address) as connection:
        connection.sendall(_REQUEST)
        while not server.should_exit:
            time.sleep(_LOOK_S)
        scene.handled.set()
        connection.recv(1)  # until the server has gone


SERVERS: Final = (
    Ending("uvicorn_sigterm", partial(serve, request=False), loops=ASYNCIO, signals=(signal.SIGTERM,), exit_code=-15),
    Ending("uvicorn_ctrl_c", partial(serve, request=False), ("KeyboardInterrupt",), loops=ASYNCIO, signals=CTRL_C),
    Ending(
        "uvicorn_ctrl_c_while_leaving",
        partial(serve, request=False),
        ("KeyboardInterrupt",),
        loops=ASYNCIO,
        signals=CTRL_C * 2,
        source="github.com/Kludex/uvicorn/issues/2751: no Ctrl-C ends a lifespan that hangs",
    ),
    Ending(
        "uvicorn_ctrl_c_twice",
        partial(serve, request=True),
        ("KeyboardInterrupt",),
        Jobs.PIERCED,
        ASYNCIO,
        signals=CTRL_C * 2,
        source="github.com/Kludex/uvicorn/issues/451: behind the second one the lifespan's shutdown never comes",
    ),
    Ending(
        "uvicorn_requests_cancelled",
        partial(serve, request=True, graceful_s=0),
        loops=ASYNCIO,
        signals=(signal.SIGTERM,),
        exit_code=-15,
        source="github.com/PrefectHQ/fastmcp/pull/3480: a lifespan's clean-up is cancelled by what ends the server",
    ),
)
