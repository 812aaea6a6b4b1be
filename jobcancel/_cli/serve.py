"""One run of `jobcancel serve`: a contract over a scheduler, on a socket, until a signal ends it."""

from __future__ import annotations

import errno
import logging
import re
import socket
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import anyio
import typer
import uvicorn
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from jobcancel import Scheduler
from jobcancel.asgi import Caller, TokenTable, app, id_factory
from jobcancel.contracts import Contract
from jobcancel.stores import SqliteStore

from .demo import ENDING_SIGNALS
from .demonstration import OWNER, Credits, Demonstration, demonstration
from .ending import Ending
from .hints import hints
from .orders import Orders
from .outcomes import loaded
from .preflight import BadInputError
from .unfinished import usable

PATIENCE_S = 5  # for requests that are open when all jobs have ended
PRINTABLE = re.compile(r"[!-~]+")  # what every client can send in a header, and a line can show


class OneSlash:
    """An application for clients that join their paths to a base URL with a slash at its end.

    Their paths begin with two slashes, as those of Sutro's older SDK do by default.

    Args:
        served: The application, to which they begin with one.
    """

    def __init__(self, served: ASGIApp) -> None:
        self._served = served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._served({**scope, "path": f"/{scope['path'].lstrip('/')}"}, receive, send)


class Server(uvicorn.Server):
    """A server that leaves signals alone: the scheduler ends first, then it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def serve(
    source: str,
    variants: Iterable[str],
    host: str,
    port: int,
    token: str | None,
    max_running: int | None,
    journal: Path | None,
) -> None:
    """Serve a contract until SIGINT or SIGTERM.

    Args:
        source: A shipped contract's name, or a path of a TOML file.
        variants: What to lay over it.
        host: The address to listen on.
        port: The port; 0 for any free one.
        token: What clients have to send; None for one that is made.
        max_running: How many jobs run at once; None for no limit.
        journal: Where jobs are kept, so that they outlast the process; None for nowhere.

    Raises:
        BadInputError: Something of this cannot be used. Nothing was started.
        StoreError: The journal cannot be taken, or at the end what was left not be written.
    """
    contract = loaded(source, variants)
    shown = demonstration(contract, None if source.endswith(".toml") else source)
    token = shown.token if token is None else token
    callers = _callers(contract, token)
    if journal is not None:
        usable(journal, {kind.name for kind in shown.registry}, contract.title)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with _listening(host, port) as listener:
        lines = hints(shown, _address(listener), token, kept=journal is not None)
        anyio.run(_serve, shown, callers, listener, lines, max_running, journal)


def _callers(contract: Contract, token: str) -> TokenTable:
    """Return the one caller that there is.

    Raises:
        BadInputError: No client could send its token.
    """
    pattern = contract.auth.token_pattern or PRINTABLE
    if pattern.fullmatch(token) is None:
        form = "printable ASCII without spaces" if pattern is PRINTABLE else f"one of the form {pattern.pattern}"
        raise BadInputError(f"{contract.title} knows no token {token!r}; --token takes {form}")
    return TokenTable(contract, {token: Caller(OWNER, _scopes(contract))})


def _scopes(contract: Contract) -> frozenset[str]:
    return frozenset() if contract.auth.cancel_scope is None else frozenset({contract.auth.cancel_scope})


@contextmanager
def _listening(host: str, port: int) -> Generator[socket.socket]:
    """Listen before anything else: whoever reads the address can connect."""
    where = f"{host if host.isprintable() and host.strip() == host != '' else repr(host)} port {port}"
    ours = "--host takes an address or a name of this machine"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        raise BadInputError(f"cannot listen on {where} ({reason}); {ours}") from None
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or "").partition(" (")[0]  # create_server adds the address to the system's own words
        advice = ours if error.errno == errno.EADDRNOTAVAIL else "--port 0 takes any that is free"
        raise BadInputError(f"cannot listen on {where} ({reason}); {advice}") from None
    with listener:
        # asyncio sets this only where a socket names its protocol; without it every answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _serve(
    shown: Demonstration,
    callers: TokenTable,
    listener: socket.socket,
    lines: Iterable[str],
    max_running: int | None,
    journal: Path | None,
) -> None:
    """Serve until a signal comes; print the lines when one may."""
    new_id = id_factory(shown.contract)
    store = None if journal is None else SqliteStore(journal)
    async with Scheduler(shown.registry, max_running=max_running, new_id=new_id, store=store) as scheduler:
        await _restore(shown.credits, scheduler)
        contracted = app(scheduler, shown.contract, authenticate=callers)
        orders = Orders(scheduler, shown, callers).routes()
        config = uvicorn.Config(
            OneSlash(Router(orders, redirect_slashes=False, default=contracted)),
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=PATIENCE_S,
        )
        server = Server(config)
        ending = Ending(scheduler, shown.registry, server, kept=store is not None)
        with anyio.open_signal_receiver(*ENDING_SIGNALS.values()) as signals:
            typer.echo("\n".join(lines))
            async with anyio.create_task_group() as group:
                group.start_soon(ending.on_signals, signals, group)
                await server.serve(sockets=[listener])
                group.cancel_scope.cancel()
    typer.echo("ended")


async def _restore(credits_of: Credits, scheduler: Scheduler) -> None:
    """Know what the jobs of earlier processes have cost, as far as their retention has kept them."""
    page = await scheduler.find()
    while True:
        for job in page.jobs:
            credits_of.restore(job)
        if page.cursor is None:
            return
        page = await scheduler.find(cursor=page.cursor)
