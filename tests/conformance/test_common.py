"""What holds in every contract: the order of the checks, the HTTP methods, and the replies besides the outcomes."""

from __future__ import annotations

import json
import logging

import pytest

from tests.conformance.bench import Bench
from tests.conformance.served import Vendor
from tests.conformance.situations import SITUATIONS, TOO_LONG, arrange
from tests.conformance.vendors import ALL, DAFTY, DEX, LAYERS, TENSORPOOL, TOKENS, bearer

every_vendor = pytest.mark.parametrize("vendor", ALL, ids=[vendor.name for vendor in ALL])
with_get = pytest.mark.parametrize("vendor", [LAYERS, TENSORPOOL, DAFTY, DEX], ids=lambda vendor: vendor.name)

ACCEPTING = ("pending_canceled", "pending_canceled, with something to undo", "canceling")
DEFERRING = ("canceling, held by a stage that defers", "refused")


@every_vendor
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_only_an_accepted_cancel_changes_a_job(bench: Bench, vendor: Vendor, situation: str) -> None:
    served = await bench.serve(vendor)
    asked = await arrange(served, situation)
    before = "canceled" if situation == "already_canceling" else None

    await served.send_past_a_minute("POST", vendor.cancel.format(asked.job_id), asked.headers)
    served.scheduler.broken = False

    refuses = vendor is LAYERS and situation == "refused"
    if asked.live:
        accepted = situation in ACCEPTING or (situation in DEFERRING and not refuses)
        assert await served.final(asked.job_id) == ("canceled" if accepted else before or "succeeded")


@every_vendor
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_an_answer_is_json_that_names_its_request_and_its_length(
    bench: Bench, vendor: Vendor, situation: str
) -> None:
    served = await bench.serve(vendor)
    asked = await arrange(served, situation)

    answer = await served.send_past_a_minute("POST", vendor.cancel.format(asked.job_id), asked.headers)

    assert answer.header("content-type") == "application/json"
    assert answer.header("content-length") == str(len(answer.content))
    assert isinstance(json.loads(answer.content), dict)
    assert answer.header("x-request-id")
    for leak in (b"Traceback", b"secret", b"RuntimeError", b"jobcancel"):
        assert leak not in answer.content


@every_vendor
async def test_two_requests_have_two_ids(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    first, second = [(await served.cancel(vendor.unknown)).header("x-request-id") for _ in range(2)]
    assert first != second


@every_vendor
async def test_an_unexpected_error_is_logged_with_its_cause(
    bench: Bench, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    served = await bench.serve(vendor)
    asked = await arrange(served, "internal_error")
    with caplog.at_level(logging.ERROR, "jobcancel"):
        await served.cancel(asked.job_id)
    logged = [record for record in caplog.records if record.name.startswith("jobcancel") and record.exc_info]
    assert [str(record.exc_info[1]) for record in logged if record.exc_info] == ["secret of the back end"]


@every_vendor
async def test_the_key_is_checked_before_the_limit_the_limit_before_the_id(bench: Bench, vendor: Vendor) -> None:
    served = await bench.serve(vendor)
    served.scheduler.calls.clear()

    nobody = [await served.cancel(job_id, vendor.wrong) for job_id in (TOO_LONG, vendor.unknown)]
    hasty = [await served.cancel(job_id, vendor.hasty) for job_id in (TOO_LONG, vendor.unknown)]

    assert {answer.status for answer in nobody} == {403 if vendor is TENSORPOOL else 401}
    assert {answer.status for answer in hasty} == {429}
    assert served.scheduler.calls == []


async def test_the_scope_is_checked_after_the_limit_and_before_the_id(bench: Bench) -> None:
    layers = await bench.serve(LAYERS)
    layers.scheduler.calls.clear()
    answers = [await layers.cancel(job_id, bearer(TOKENS["viewer"])) for job_id in ("x", TOO_LONG, LAYERS.unknown)]
    assert [answer.status for answer in answers] == [403, 403, 403]
    assert layers.scheduler.calls == []


@every_vendor
async def test_an_id_that_is_too_long_is_not_looked_up(bench: Bench, vendor: Vendor) -> None:
    served = await bench.serve(vendor)
    served.scheduler.calls.clear()
    await served.cancel(TOO_LONG)
    assert served.scheduler.calls == []


@every_vendor
async def test_the_owner_is_checked_before_the_state(bench: Bench, vendor: Vendor) -> None:
    served = await bench.serve(vendor)
    running, _ = await served.running(owner="bob")
    live = await served.cancel(running)
    assert await served.final(running) == "succeeded"
    settled = await served.cancel(running)

    assert settled.status == live.status
    assert set(settled.body) == set(live.body)


@every_vendor
@pytest.mark.parametrize("body", [b"", b"{}", b"no json", b"\xff\xfe\x00", b'{"force": true}'])
async def test_no_body_is_needed_and_none_is_read(socket_bench: Bench, vendor: Vendor, body: bytes) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()
    answer = await served.send("POST", vendor.cancel.format(job_id), body=body)
    assert answer.status in {200, 202}
    assert await served.final(job_id) == "canceled"


@every_vendor
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
async def test_another_verb_is_405_with_what_is_allowed_and_cancels_nothing(
    socket_bench: Bench, vendor: Vendor, method: str
) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()
    served.scheduler.calls.clear()

    answer = await served.send(method, vendor.cancel.format(job_id))

    assert answer.status == 405
    assert "POST" in (answer.header("allow") or "")
    assert isinstance(answer.body, dict)
    assert ("cancel", "alice") not in served.scheduler.calls
    assert (await served.scheduler.get(job_id)).state == "running"


@with_get
async def test_head_is_get_without_the_body(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()
    get = await served.get(job_id)
    head = await served.send("HEAD", vendor.get.format(job_id))
    assert (head.status, head.content) == (200, b"")
    assert head.header("content-length") == get.header("content-length")
    assert head.header("content-type") == "application/json"


@every_vendor
async def test_head_on_the_cancel_route_cancels_nothing(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()
    head = await served.send("HEAD", vendor.cancel.format(job_id))
    assert (head.status, head.content) == (405, b"")
    assert (await served.scheduler.get(job_id)).state == "running"


@every_vendor
@pytest.mark.parametrize("path", ["/", "/nowhere", "/v1", "/v1/jobs/x/cancel/now", "//", "/job%2Fcancel"])
async def test_an_unknown_route_is_the_vendors_404(socket_bench: Bench, vendor: Vendor, path: str) -> None:
    served = await socket_bench.serve(vendor)
    answer = await served.send("POST", path)
    assert answer.status in {404, 405}
    assert isinstance(answer.body, dict)
    assert answer.header("content-type") == "application/json"


@every_vendor
async def test_the_app_serves_its_openapi_document(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    answer = await served.send("GET", "/openapi.json", {})
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.body["openapi"].startswith("3.1")
    described = {path.partition("{")[0] for path in answer.body["paths"]}
    assert vendor.cancel.partition("{")[0].replace("proj_1/jobs/", "") in described
