"""One run of `jobcancel serve`: a contract over a scheduler, on a socket, until a signal ends it."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import contextmanager

import anyio
import typer
import uvicorn
from anyio.abc import TaskGroup
from starlette.routing import Router

from jobcancel import Scheduler
from jobcancel.asgi import Caller, TokenTable, app, id_factory
from jobcancel.contracts import Contract

from .demo import ENDING_SIGNALS
from .demonstration import OWNER, Demonstration, demonstration
from .hints import hints
from .orders import Orders
from .outcomes import loaded
from .preflight import BadInputError

PATIENCE_S = 5  # for requests that are open when all jobs have ended


class Server(uvicorn.Server):
    """A server that leaves signals alone: the scheduler ends first, then it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def serve(source: str, variants: Iterable[str], host: str, port: int, token: str | None) -> None:
    """Serve a contract until SIGINT or SIGTERM.

    Args:
        source: A shipped contract's name, or a path of a TOML file.
        variants: What to lay over it.
        host: The address to listen on.
        port: The port; 0 for any free one.
        token: What clients have to send; None for one that is made.

    Raises:
        BadInputError: Something of this cannot be used. Nothing was started.
    """
    contract = loaded(source, variants)
    shown = demonstration(contract, None if source.endswith(".toml") else source)
    token = shown.token if token is None else token
    try:
        callers = TokenTable(contract, {token: Caller(OWNER, _scopes(contract))})
    except ValueError:
        pattern = contract.auth.token_pattern
        form = f"one of the form {pattern.pattern}" if pattern else "one that is not empty"
        raise BadInputError(f"{contract.title} knows no token {token!r}; --token takes {form}") from None
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with _listening(host, port) as listener:
        anyio.run(_serve, shown, callers, listener, hints(shown, _address(listener), token))


def _scopes(contract: Contract) -> frozenset[str]:
    return frozenset() if contract.auth.cancel_scope is None else frozenset({contract.auth.cancel_scope})


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    """Listen before anything else: whoever reads the address can connect."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, UnicodeError) as error:  # create_server adds the address to the system's own words
        reason = (error.strerror or "").partition(" (")[0] if isinstance(error, OSError) else "no such address"
        raise BadInputError(
            f"cannot listen on {host} port {port} ({reason}); --port 0 takes any that is free"
        ) from None
    with listener:
        # asyncio sets this only where a socket names its protocol; without it every answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _serve(shown: Demonstration, callers: TokenTable, listener: socket.socket, lines: Iterable[str]) -> None:
    """Serve until a signal comes; print the lines when one may."""
    async with Scheduler(shown.registry, new_id=id_factory(shown.contract)) as scheduler:
        contracted = app(scheduler, shown.contract, authenticate=callers)
        orders = Orders(scheduler, shown, callers).routes()
        config = uvicorn.Config(
            Router(orders, redirect_slashes=False, default=contracted),
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=PATIENCE_S,
        )
        server = Server(config)
        with anyio.open_signal_receiver(*ENDING_SIGNALS.values()) as signals:
            typer.echo("\n".join(lines))
            async with anyio.create_task_group() as group:
                group.start_soon(_end_on_signal, signals, scheduler, server, group)
                await server.serve(sockets=[listener])
                group.cancel_scope.cancel()
    typer.echo("ended")


async def _end_on_signal(
    signals: AsyncIterator[signal.Signals], scheduler: Scheduler, server: Server, group: TaskGroup
) -> None:
    """End the jobs and then the server. A stage that shields its job is waited for; whoever insists forces it."""
    ending = False
    async for _ in signals:
        if ending:
            await scheduler.cancel_many(by="a second signal", force=True)
        else:
            typer.echo("ending: jobs are being canceled")
            group.start_soon(_end, scheduler, server)
            ending = True


async def _end(scheduler: Scheduler, server: Server) -> None:
    await scheduler.shutdown()  # whoever waits for a job gets his answer while the server still runs
    server.should_exit = True
