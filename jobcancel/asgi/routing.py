"""A contract over a service: as routes for a host's application, or as an application of its own."""

from __future__ import annotations

from typing import Final

from starlette.routing import BaseRoute, Router
from starlette.routing import Route as Path
from starlette.types import ASGIApp

from jobcancel._core.arguments import lacks, refusal, type_name
from jobcancel._runtime.from_thread import BlockingJobs
from jobcancel.abc import JobService
from jobcancel.contracts import Contract, Reply, Route

from .authentication import Authenticate, require_contract
from .endpoints import DocumentEndpoint, Endpoint, Served, UnknownPathEndpoint
from .ids import require_id_form
from .openapi import openapi

OPENAPI_PATH: Final = "/openapi.json"
_METHODS: Final = ("cancel", "find", "get", "wait")  # the methods of a service that requests call
_AUTHENTICATE: Final = "a function that returns a request's Caller, or a jobcancel.asgi.TokenTable"


def routes(service: JobService, contract: Contract, *, authenticate: Authenticate) -> list[BaseRoute]:
    """Return the contract's absolute paths, for a host's Starlette or FastAPI application.

    These routes answer every request for one of these paths, errors and unsupported methods included; the host's
    exception handlers are never called. No request's body is read.

    Args:
        service: The service that has the jobs.
        contract: The contract to serve.
        authenticate: A function or async function that returns a request's ``Caller``. It returns None or raises
            ``Unauthenticated`` if there is none; it may raise ``RateLimited``.

    Raises:
        TypeError: The service is no ``JobService`` (a ``BlockingScheduler`` is none: its methods block), the contract
            no ``Contract``, or ``authenticate`` cannot be called.
        ValueError: The scheduler's ids do not have the contract's form; with
            ``Scheduler(new_id=asgi.id_factory(contract))`` they do. The scheduler's next id is read, not used up. A
            service that makes no ids itself, such as a client of another process, is not checked.
    """
    require_contract(contract)
    _require_service(service)
    if not callable(authenticate):
        raise TypeError(refusal("authenticate", _AUTHENTICATE, authenticate))
    require_id_form(service, contract)
    served = Served.of(service, contract, authenticate)
    by_path: dict[str, list[Route]] = {}
    # A fixed path comes before a path whose parameter could match it.
    for route in sorted(contract.routes, key=lambda route: "{" in route.path):
        by_path.setdefault(route.path, []).append(route)
    return [Path(path, Endpoint(served, of_path), name=of_path[0].op) for path, of_path in by_path.items()]


def app(service: JobService, contract: Contract, *, authenticate: Authenticate, title: str | None = None) -> ASGIApp:
    """Return an application that serves the contract, and its OpenAPI document at ``/openapi.json``.

    Unlike ``routes``, it answers unknown paths too, as the vendor does. It does not enter the service: the host does
    that, around the server or in the lifespan of the application into which this one is mounted. If mounted, it never
    gets a path with an encoded line feed: Starlette's ``Mount`` does not match it, and the host answers.

    Args:
        service: The service that has the jobs.
        contract: The contract to serve.
        authenticate: See ``routes``.
        title: The OpenAPI document's title; the contract's title if None.

    Raises:
        TypeError: See ``routes``.
        ValueError: See ``routes``.
    """
    require_contract(contract)
    document = openapi(contract)
    if title is not None:
        document["info"]["title"] = title
    paths = routes(service, contract, authenticate=authenticate)
    paths.append(Path(OPENAPI_PATH, DocumentEndpoint(contract, Reply(200, {}, document)), name="openapi"))
    return Router(paths, redirect_slashes=False, default=UnknownPathEndpoint(contract))


def _require_service(service: object) -> None:
    """Refuse a service that could answer no request now, rather than at the first request."""
    if isinstance(service, BlockingJobs):
        raise TypeError(
            f"service must be a JobService, whose methods are awaited, not a {type_name(service)}, whose methods "
            "block: serve a jobcancel.Scheduler that runs in the application's loop"
        )
    if lacks(service, _METHODS):
        raise TypeError(refusal("service", "a JobService, as a jobcancel.Scheduler is one", service))
