"""A contract in front of a service: as routes for a host's application, or as an application of its own."""

from __future__ import annotations

from typing import Final

from starlette.routing import BaseRoute, Router
from starlette.routing import Route as Path
from starlette.types import ASGIApp

from jobcancel._core.arguments import lacks, refusal, type_name
from jobcancel._runtime.from_thread import BlockingJobs
from jobcancel.abc import JobService
from jobcancel.contracts import Contract, Reply, Route

from .callers import Authenticate, require_contract
from .endpoints import Endpoint, Site
from .fixed import Fixed, Unknown
from .ids import require_form
from .openapi import openapi

OPENAPI_PATH: Final = "/openapi.json"
_ASKED: Final = ("cancel", "find", "get", "wait")  # what requests need of a service
_AUTHENTICATE: Final = "a function that says who sends a request, or a jobcancel.asgi.TokenTable"


def routes(service: JobService, contract: Contract, *, authenticate: Authenticate) -> list[BaseRoute]:
    """Return the contract's absolute paths, for a host's Starlette or FastAPI application.

    Every request for one of these paths is answered here, errors and other methods included, whatever exception
    handlers the host has. No request's body is read.

    Args:
        service: Where the jobs are.
        contract: What is served, and in whose words.
        authenticate: Says who sends a request: a ``Caller``, or None (or raises ``Unauthenticated``) for nobody we
            know. It may raise ``RateLimited``. A plain function or an async one.

    Raises:
        TypeError: The service is no ``JobService`` (a ``BlockingScheduler`` is none: its methods block), the contract
            no ``Contract``, or ``authenticate`` cannot be called.
        ValueError: The scheduler's ids do not have the contract's form; ``Scheduler(new_id=asgi.id_factory(contract))``
            gives ids that do. Its next id is looked at and not taken. A service that makes no ids itself, such as a
            client of another process, is not checked.
    """
    require_contract(contract)
    _require_service(service)
    if not callable(authenticate):
        raise TypeError(refusal("authenticate", _AUTHENTICATE, authenticate))
    require_form(service, contract)
    site = Site.of(service, contract, authenticate)
    by_path: dict[str, list[Route]] = {}
    # A fixed path comes before one that a parameter could stand for.
    for route in sorted(contract.routes, key=lambda route: "{" in route.path):
        by_path.setdefault(route.path, []).append(route)
    return [Path(path, Endpoint(site, of_path), name=of_path[0].op) for path, of_path in by_path.items()]


def app(service: JobService, contract: Contract, *, authenticate: Authenticate, title: str | None = None) -> ASGIApp:
    """Return an application that serves the contract, and its OpenAPI document at ``/openapi.json``.

    Unlike ``routes`` it answers unknown paths too, in the vendor's words. It does not run the service: the host does,
    around the server or in the lifespan of an application that this one is mounted into. Mounted, it never sees a path
    with an encoded line feed: Starlette's ``Mount`` matches none, and the host answers it.

    Args:
        service: Where the jobs are.
        contract: What is served, and in whose words.
        authenticate: See ``routes``.
        title: The OpenAPI document's title; the contract's own if None.

    Raises:
        TypeError: See ``routes``.
        ValueError: See ``routes``.
    """
    require_contract(contract)
    document = openapi(contract)
    if title is not None:
        document["info"]["title"] = title
    paths = routes(service, contract, authenticate=authenticate)
    paths.append(Path(OPENAPI_PATH, Fixed(contract, Reply(200, {}, document)), name="openapi"))
    return Router(paths, redirect_slashes=False, default=Unknown(contract))


def _require_service(service: object) -> None:
    """Refuse what no request could be answered with; else the first request would find it out."""
    if isinstance(service, BlockingJobs):
        raise TypeError(
            f"service must be a JobService, whose methods are awaited, not a {type_name(service)}, whose methods "
            "block: serve a jobcancel.Scheduler that runs in the application's loop"
        )
    if lacks(service, _ASKED):
        raise TypeError(refusal("service", "a JobService, as a jobcancel.Scheduler is one", service))
