"""Mounting the routes in host applications whose exception handlers would answer every error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from jobcancel import BlockingScheduler, JobContext, JobState, Registry, Scheduler
from jobcancel.asgi import TokenTable, app, routes
from jobcancel.errors import JobNotFoundError, SchedulerClosedError

from .bench import ANN, CALLERS, HEADERS, Bench, client_of, serving, vendor
from .fakes import FakeService, service
from .raw import exchange

ULID = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"


async def hosts_words(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"host: {error!r}", status_code=418)


HANDLERS: dict[Any, Any] = dict.fromkeys(
    (Exception, HTTPException, JobNotFoundError, SchedulerClosedError, 401, 403, 404, 405, 409, 422, 500, 503),
    hosts_words,
)


async def ping(_: Request) -> Response:
    return PlainTextResponse("pong")


async def passes_on(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


def paths(bench: Bench) -> list[Any]:
    return routes(bench.scheduler, bench.contract, authenticate=TokenTable(bench.contract, CALLERS))


def starlette(bench: Bench) -> ASGIApp:
    return Starlette(routes=[Route("/ping", ping), *paths(bench)], exception_handlers=HANDLERS)


def starlette_with_middleware(bench: Bench) -> ASGIApp:
    middleware = [Middleware(BaseHTTPMiddleware, dispatch=passes_on)]
    return Starlette(routes=[*paths(bench), Route("/ping", ping)], exception_handlers=HANDLERS, middleware=middleware)


def fastapi(bench: Bench) -> ASGIApp:
    host = FastAPI(exception_handlers=HANDLERS)
    host.router.routes.extend(paths(bench))
    host.add_route("/ping", ping)
    return host


def fastapi_from_the_start(bench: Bench) -> ASGIApp:
    return FastAPI(routes=[*paths(bench), Route("/ping", ping)], exception_handlers=HANDLERS)


HOSTS = [starlette, starlette_with_middleware, fastapi, fastapi_from_the_start]


@pytest.mark.parametrize("host", HOSTS)
async def test_the_contracts_paths_answer_as_the_vendor_and_others_as_the_host(
    host: Callable[[Bench], ASGIApp],
) -> None:
    async with serving("layers") as bench, client_of(host(bench), HEADERS["layers"](ANN)) as client:
        pushing = await bench.running("pushing")
        answers = [
            (405, "METHOD_NOT_ALLOWED", await client.put(f"/v1/jobs/{pushing}")),
            (401, "UNAUTHENTICATED", await client.get(f"/v1/jobs/{pushing}", headers={"Authorization": ""})),
            (404, "NOT_FOUND", await client.get("/v1/jobs/malformed")),
            (404, "NOT_FOUND", await client.post(f"/v1/jobs/{ULID}/cancel")),
            (409, "CONFLICT", await client.post(f"/v1/jobs/{pushing}/cancel")),
        ]
        for status, code, answer in answers:
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        running = await bench.running()
        assert (await client.post(f"/v1/jobs/{running}/cancel")).status_code == 202
        assert (await bench.scheduler.wait(running)).state is JobState.CANCELED
        assert (await client.head(f"/v1/jobs/{running}")).status_code == 200

        assert (await client.get("/ping")).text == "pong"
        assert (await client.get("/elsewhere")).status_code == 418


@pytest.mark.parametrize(
    "error", [RuntimeError("secret"), SchedulerClosedError("cancel"), HTTPException(404, "secret")]
)
async def test_no_error_reaches_the_hosts_exception_handlers(error: Exception) -> None:
    contract = vendor("layers")
    inside = routes(service(FakeService(error=error)), contract, authenticate=TokenTable(contract, CALLERS))
    status, code = (503, "UNAVAILABLE") if isinstance(error, SchedulerClosedError) else (500, "INTERNAL_ERROR")
    for host in (
        Starlette(routes=inside, exception_handlers=HANDLERS),
        FastAPI(routes=inside, exception_handlers=HANDLERS),
    ):
        async with client_of(host, HEADERS["layers"](ANN)) as client:
            answer = await client.get(f"/v1/jobs/{ULID}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_host_in_debug_mode_shows_no_traceback() -> None:
    contract = vendor("layers")
    inside = routes(service(FakeService(error=RuntimeError("secret"))), contract, authenticate=lambda _: CALLERS[ANN])
    async with client_of(Starlette(routes=inside, debug=True)) as client:
        answer = await client.get(f"/v1/jobs/{ULID}", headers={"Accept": "text/html"})
    assert "secret" not in answer.text


async def test_the_routes_work_below_a_prefix() -> None:
    async with serving("layers") as bench:
        host = Starlette(routes=[Mount("/vendor", routes=paths(bench))])
        async with client_of(host, HEADERS["layers"](ANN)) as client:
            job_id = await bench.running()
            assert (await client.post(f"/vendor/v1/jobs/{job_id}/cancel")).status_code == 202
            assert (await client.put(f"/vendor/v1/jobs/{job_id}")).headers["allow"] == "GET, HEAD"


async def test_a_mounted_application_answers_every_path_below_it() -> None:
    async with serving("layers") as bench:
        contract = bench.contract
        whole = app(bench.scheduler, contract, authenticate=TokenTable(contract, CALLERS))
        host = FastAPI(exception_handlers=HANDLERS)
        host.mount("/vendor", whole)
        async with client_of(host, HEADERS["layers"](ANN)) as client:
            job_id = await bench.running()
            assert (await client.get(f"/vendor/v1/jobs/{job_id}")).status_code == 200
            assert (await client.get("/vendor/nothing")).json()["error"]["code"] == "NOT_FOUND"
            assert (await client.get("/vendor/openapi.json")).status_code == 200


async def test_two_contracts_may_serve_one_scheduler() -> None:
    async with serving("layers") as bench:
        pool = vendor("tensorpool")
        both = [*paths(bench), *routes(bench.scheduler, pool, authenticate=TokenTable(pool, CALLERS))]
        async with client_of(Starlette(routes=both), HEADERS["layers"](ANN)) as client:
            job_id = await bench.running("pushing")
            assert (await client.post(f"/v1/jobs/{job_id}/cancel")).status_code == 409
            assert (await client.post(f"/job/cancel/{job_id}")).status_code == 202


MOUNTS = [routes, app]
OTHER_FORMS = [
    ("dafty", "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ("dafty", "7F9C24E8-3B12-4FEF-91E0-56A2D5A0E4B1"),  # a client that writes it so asks for the lower case
    ("layers", "7f9c24e8-3b12-4fef-91e0-56a2d5a0e4b1"),
    ("layers", "job_1"),
    ("tensorpool", "a b"),
    ("dex", "job/1"),
]


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize(("name", "job_id"), OTHER_FORMS)
def test_a_scheduler_with_malformed_ids_is_not_mounted(mount: Any, name: str, job_id: str) -> None:
    contract = vendor(name)
    with pytest.raises(ValueError, match=r"new_id=asgi\.id_factory\(contract\)") as caught:
        mount(Scheduler(Registry(), new_id=lambda: job_id), contract, authenticate=TokenTable(contract, CALLERS))
    assert repr(job_id) in str(caught.value)
    assert contract.ids.pattern.pattern in str(caught.value)


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("name", ["layers", "tensorpool", "dex", "sutro"])
def test_a_scheduler_with_default_ids_is_mounted_if_they_fit(mount: Any, name: str) -> None:
    contract = vendor(name)
    assert mount(Scheduler(Registry()), contract, authenticate=TokenTable(contract, CALLERS))


async def test_mounting_uses_up_no_id_of_the_scheduler() -> None:
    ids = (f"job-{number}" for number in range(9))
    registry = Registry()

    @registry.kind("work")
    async def work(job: JobContext) -> None: ...

    async with Scheduler(registry, new_id=lambda: next(ids)) as scheduler:
        for name in ("tensorpool", "sutro"):
            app(scheduler, vendor(name), authenticate=TokenTable(vendor(name), CALLERS))
        first = await scheduler.submit(work())
        app(scheduler, vendor("dex"), authenticate=TokenTable(vendor("dex"), CALLERS))
        later = [await scheduler.submit(work()) for _ in range(2)]

    assert [handle.id for handle in (first, *later)] == ["job-0", "job-1", "job-2"]


def test_a_service_that_makes_no_ids_itself_is_mounted() -> None:
    contract = vendor("dafty")
    assert routes(service(FakeService()), contract, authenticate=TokenTable(contract, CALLERS))


async def test_a_route_works_without_an_application() -> None:
    contract = vendor("tensorpool")
    inside = routes(service(FakeService()), contract, authenticate=TokenTable(contract, CALLERS))
    healthz = next(route for route in inside if isinstance(route, Route) and route.path == "/healthz")
    assert (await exchange(healthz, "GET", "/healthz")).document == {"status": "ok"}


AUTHENTICATE = "authenticate must be a function that returns a request's Caller, or a jobcancel.asgi.TokenTable, not "
BLOCKS = (
    "service must be a JobService, whose methods are awaited, not a {}, whose methods block: "
    "serve a jobcancel.Scheduler that runs in the application's loop"
)
CONTRACT = "contract must be a Contract, as jobcancel.contracts.load(name) gives one, not "
SERVICE = "service must be a JobService, as a jobcancel.Scheduler is one, not "

# the wrong argument, its value, and the message of the refusal
MISTAKES: dict[str, tuple[str, Callable[[], Any], str]] = {
    "no authentication": ("authenticate", lambda: None, AUTHENTICATE + "None (NoneType)"),
    "a table of strings": ("authenticate", lambda: {"lp_1": "ann"}, AUTHENTICATE + "{'lp_1': 'ann'} (dict)"),
    "a blocking scheduler": ("service", lambda: BlockingScheduler(Registry()), BLOCKS.format("BlockingScheduler")),
    "a scheduler's blocking methods": (
        "service",
        lambda: Scheduler(Registry()).from_thread,
        BLOCKS.format("BlockingJobs"),
    ),
    "a class": ("service", lambda: Scheduler, SERVICE + "<class 'jobcancel._runtime.scheduler.Scheduler'> (type)"),
    "no service": ("service", lambda: None, SERVICE + "None (NoneType)"),
    "a contract's name": ("contract", lambda: "layers", CONTRACT + "'layers' (str)"),
}


@pytest.mark.parametrize("mount", [routes, app])
@pytest.mark.parametrize("what", MISTAKES)
def test_an_unusable_service_contract_or_authenticate_is_refused_at_mounting(mount: Any, what: str) -> None:
    argument, make, message = MISTAKES[what]
    contract = vendor("layers")
    given: dict[str, Any] = {
        "service": service(FakeService()),
        "contract": contract,
        "authenticate": TokenTable(contract, CALLERS),
        argument: make(),
    }
    with pytest.raises(TypeError) as refused:
        mount(given["service"], given["contract"], authenticate=given["authenticate"])
    assert str(refused.value) == message
