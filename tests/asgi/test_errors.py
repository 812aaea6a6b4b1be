"""Errors behind an endpoint: answered in the vendor's words without internal details, and logged."""

from __future__ import annotations

import logging
import re
from typing import Any

import anyio
import attrs
import pytest
from starlette.requests import Request

from jobcancel import JobState
from jobcancel.asgi import Caller, TokenTable, app
from jobcancel.errors import SchedulerClosedError, StoreError

from .bench import ANN, CALLERS, HEADERS, over, serving, vendor
from .fakes import UUID, FakeService, a_job, service
from .raw import exchange

ULID = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"
REQUESTS = [
    ("layers", "POST", f"/v1/jobs/{ULID}/cancel"),
    ("layers", "GET", f"/v1/jobs/{ULID}"),
    ("tensorpool", "POST", f"/job/cancel/{ULID}"),
    ("tensorpool", "GET", "/job/list"),
    ("dafty", "POST", f"/api/v1/jobs/{UUID}/cancel"),
    ("dafty", "GET", f"/api/v1/jobs/{UUID}?wait=true"),
    ("dex", "POST", "/v1/projects/p/jobs/job-1/cancel"),
    ("sutro", "POST", "/job-cancel/job-1"),
    ("sutro", "GET", "/list-jobs"),
]


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The library's own log records, without those of asyncio's debug mode."""
    return [record for record in caplog.records if record.name == "jobcancel"]


@pytest.mark.parametrize(("name", "method", "path"), REQUESTS)
@pytest.mark.parametrize("error", [RuntimeError("at /srv/secret"), OSError("at /srv/secret"), KeyError("/srv/secret")])
async def test_an_error_of_the_service_is_a_500_without_details_and_is_logged(
    name: str, method: str, path: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "jobcancel"):
        async with over(service(FakeService(error=error)), vendor(name)) as client:
            answer = await client.request(method, path)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json(), dict)
    assert "secret" not in answer.text
    assert "Error" not in answer.text.replace("INTERNAL_ERROR", "")
    (record,) = told(caplog)
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert vars(record)["request_id"] == answer.headers["x-request-id"]
    assert path.partition("?")[0] in record.getMessage()


async def test_an_exception_group_is_an_internal_error() -> None:
    async with over(
        service(FakeService(error=ExceptionGroup("two", [ValueError(), KeyError()]))), vendor("layers")
    ) as client:
        assert (await client.get(f"/v1/jobs/{ULID}")).status_code == 500


async def test_a_path_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    contract = vendor("tensorpool")
    contract = attrs.evolve(contract, ids=attrs.evolve(contract.ids, pattern=re.compile("(?s).+")))
    with caplog.at_level(logging.ERROR, "jobcancel"):
        async with over(service(FakeService(error=RuntimeError())), contract) as client:
            assert (await client.get("/job/info/x%0D%0AERROR%20forged")).status_code == 500

    assert not set("\r\n") & set(told(caplog)[0].getMessage())


async def test_a_raising_log_filter_does_not_prevent_the_reply() -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("the log is full")

    logger, broken = logging.getLogger("jobcancel"), Broken()
    logger.addFilter(broken)
    try:
        async with over(service(FakeService(error=RuntimeError())), vendor("layers")) as client:
            assert (await client.get(f"/v1/jobs/{ULID}")).status_code == 500
    finally:
        logger.removeFilter(broken)


async def test_an_authentication_that_raises_is_a_500() -> None:
    def broken(_: Request) -> Caller:
        raise ConnectionError("redis://secret")

    async with serving("layers", authenticate=broken) as bench:
        answer = await bench.client.get(f"/v1/jobs/{ULID}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text


async def test_a_result_that_is_no_json_is_shown_by_its_repr() -> None:
    fake = FakeService(a_job(ULID, JobState.SUCCEEDED, result={"at": float("nan"), "x": "\ud800"}))
    async with over(service(fake), vendor("layers")) as client:
        answer = await client.get(f"/v1/jobs/{ULID}")

    assert (answer.status_code, answer.json()["result"]) == (200, {"at": None, "x": "\\ud800"})


@pytest.mark.parametrize(("name", "method", "path"), REQUESTS)
async def test_a_closed_service_is_503(name: str, method: str, path: str, caplog: pytest.LogCaptureFixture) -> None:
    async with over(service(FakeService(error=SchedulerClosedError("cancel"))), vendor(name)) as client:
        answer = await client.request(method, path)

    assert answer.status_code == 503
    assert isinstance(answer.json(), dict)
    assert told(caplog) == []


@pytest.mark.parametrize(("name", "method", "path"), REQUESTS)
async def test_a_failed_store_is_503_with_a_message(
    name: str, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = StoreError("/srv/secret.db", "has no room left (database or disk is full)")
    async with over(service(FakeService(error=error)), vendor(name)) as client:
        answer = await client.request(method, path)

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json(), dict)
    assert "cannot store the request at the moment. Nothing was changed." in answer.text
    assert "secret" not in answer.text
    assert told(caplog) == []


async def test_reads_and_cancels_work_after_the_shutdown() -> None:
    async with serving("layers") as bench:
        job_id = await bench.running()
        await bench.scheduler.shutdown()
        assert (await bench.client.get(f"/v1/jobs/{job_id}")).json()["status"] == "canceled"
        late = await bench.client.post(f"/v1/jobs/{job_id}/cancel")

    assert late.json() == {"jobId": job_id, "accepted": False, "reason": "ALREADY_CANCELED"}


@pytest.mark.parametrize(("method", "path"), [("GET", "?wait=true"), ("POST", "/cancel")])
async def test_a_disconnected_client_cancels_its_request_and_not_the_job(method: str, path: str) -> None:
    async with serving("dafty") as bench:
        job_id = await bench.running("saving")
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bench.client.request, method, f"/api/v1/jobs/{job_id}{path}")
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

        assert scope.cancelled_caught
        job = await bench.scheduler.get(job_id)
        assert job.stage == "saving"
        assert job.state is (JobState.RUNNING if method == "GET" else JobState.CANCELING)


class HostStops(BaseException):
    """What no endpoint may keep."""


@pytest.mark.parametrize("error", [HostStops(), KeyboardInterrupt(), SystemExit(3)])
async def test_a_base_exception_is_not_caught(error: BaseException) -> None:
    contract = vendor("layers")
    served = app(service(FakeService(error=error)), contract, authenticate=TokenTable(contract, CALLERS))
    with pytest.raises(type(error)):
        await exchange(served, "GET", f"/v1/jobs/{ULID}", HEADERS["layers"](ANN))


async def test_a_closed_connection_ends_the_request_without_an_error() -> None:
    contract = vendor("layers")
    served = app(service(FakeService()), contract, authenticate=TokenTable(contract, CALLERS))
    gone = await exchange(served, "GET", f"/v1/jobs/{ULID}", HEADERS["layers"](ANN), error=BrokenPipeError())
    assert gone.messages == []


async def test_an_error_in_the_hosts_send_reaches_the_host() -> None:
    contract: Any = vendor("layers")
    served = app(service(FakeService()), contract, authenticate=TokenTable(contract, CALLERS))
    with pytest.raises(RuntimeError, match="middleware"):
        await exchange(served, "GET", f"/v1/jobs/{ULID}", error=RuntimeError("middleware"))
