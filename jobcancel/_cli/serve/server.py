"""One run of `jobcancel serve`: a contract over a scheduler, on a socket, until a signal ends it."""

from __future__ import annotations

import errno
import logging
import re
import socket
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio
import typer
import uvicorn
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from jobcancel import Scheduler
from jobcancel._cli.bad_input import BadInputError
from jobcancel._cli.contracts import load_contract
from jobcancel._cli.jobs.stored import jobs_to_resume
from jobcancel._cli.terminal import END_SIGNALS
from jobcancel.asgi import Caller, TokenTable, app, id_factory
from jobcancel.contracts import Contract
from jobcancel.stores import SqliteStore

from .banner import banner
from .demonstration import OWNER, Demonstration, demonstration, restore_credits
from .routes import DemoRoutes
from .shutdown import Shutdown

_OPEN_REQUESTS_S: Final = 5  # how long requests may stay open after all jobs have ended
_SENDABLE: Final = re.compile(r"[!-~]+")  # what every client can send in a header, and a line can show


class MergeLeadingSlashes:
    """An application for clients that append their paths to a base URL that ends with a slash.

    Such paths begin with two slashes, as in Sutro's older SDK by default.

    Args:
        inner: The application; it gets paths that begin with one slash.
    """

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._inner({**scope, "path": f"/{scope['path'].lstrip('/')}"}, receive, send)


class SignalFreeServer(uvicorn.Server):
    """A server that leaves signals alone: ``Shutdown`` handles them."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture no signal."""
        yield


def serve_contract(
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
        source: The name of a shipped contract, or the path of a TOML file.
        variants: Names of the contract's variants to apply.
        host: The address to listen on.
        port: The port; 0 for any free one.
        token: The token that clients send; None for a new one.
        max_running: How many jobs run at once; None for no limit.
        journal: The journal of the jobs; None for jobs that end with this process.

    Raises:
        BadInputError: An argument cannot be used. Nothing was started.
        StoreError: The journal cannot be opened, or its last entries cannot be written.
    """
    contract = load_contract(source, variants)
    served = demonstration(contract, None if source.endswith(".toml") else source)
    token = served.token if token is None else token
    callers = token_table(contract, token)
    if journal is not None:
        jobs_to_resume(journal, {kind.name for kind in served.registry}, contract.title)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with listen(host, port) as listener:
        lines = banner(served, address_of(listener), token, durable=journal is not None)
        anyio.run(_serve, served, callers, listener, lines, max_running, journal)


def token_table(contract: Contract, token: str) -> TokenTable:
    """Return a table with the one caller of a demonstration.

    Raises:
        BadInputError: No client can send this token.
    """
    pattern = contract.auth.token_pattern or _SENDABLE
    if pattern.fullmatch(token) is None:
        form = "printable ASCII without spaces" if pattern is _SENDABLE else f"one of the form {pattern.pattern}"
        raise BadInputError(f"{contract.title} has no token like {token!r}; --token takes {form}")
    scopes = frozenset[str]() if contract.auth.cancel_scope is None else frozenset({contract.auth.cancel_scope})
    return TokenTable(contract, {token: Caller(OWNER, scopes)})


@contextmanager
def listen(host: str, port: int) -> Generator[socket.socket]:
    """Listen on an address.

    Raises:
        BadInputError: The address or the port cannot be used.
    """
    where = f"{host if host.isprintable() and host.strip() == host != '' else repr(host)} port {port}"
    host_advice = "--host takes an address or a name of this machine"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        raise BadInputError(f"cannot listen on {where} ({reason}); {host_advice}") from None
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or "").partition(" (")[0]  # create_server appends the address to the system's message
        advice = host_advice if error.errno == errno.EADDRNOTAVAIL else "--port 0 takes any free port"
        raise BadInputError(f"cannot listen on {where} ({reason}); {advice}") from None
    with listener:
        # asyncio sets this only if the socket names its protocol. Without it every answer waits 40 ms for an ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def address_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def application(scheduler: Scheduler, served: Demonstration, callers: TokenTable) -> ASGIApp:
    """Return the contract's routes over a scheduler, with the routes that submit jobs and show their credits."""
    contract_app = app(scheduler, served.contract, authenticate=callers)
    demo_routes = DemoRoutes(scheduler, served, callers).routes()
    return MergeLeadingSlashes(Router(demo_routes, redirect_slashes=False, default=contract_app))


async def _serve(
    served: Demonstration,
    callers: TokenTable,
    listener: socket.socket,
    lines: Iterable[str],
    max_running: int | None,
    journal: Path | None,
) -> None:
    """Serve until a signal comes; print the lines once signals are received."""
    new_id = id_factory(served.contract)
    store = None if journal is None else SqliteStore(journal)
    async with Scheduler(served.registry, max_running=max_running, new_id=new_id, store=store) as scheduler:
        await restore_credits(served.credits, scheduler)
        config = uvicorn.Config(
            application(scheduler, served, callers),
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_OPEN_REQUESTS_S,
        )
        server = SignalFreeServer(config)
        shutdown = Shutdown(scheduler, served.registry, server, durable=store is not None)
        with anyio.open_signal_receiver(*END_SIGNALS.values()) as signals:
            typer.echo("\n".join(lines))
            async with anyio.create_task_group() as group:
                group.start_soon(shutdown.on_signals, signals, group)
                await server.serve(sockets=[listener])
                group.cancel_scope.cancel()
    typer.echo("ended")
