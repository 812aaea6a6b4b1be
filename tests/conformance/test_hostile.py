"""Hostile requests: none gives a 500, leaks anything or changes a job."""

from __future__ import annotations

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.conformance.bench import Bench
from tests.conformance.client import Answer, message
from tests.conformance.served import Served, Vendor
from tests.conformance.situations import TOO_LONG
from tests.conformance.vendors import ALL, LAYERS, SUTRO, TENSORPOOL, TOKENS

every_vendor = pytest.mark.parametrize("vendor", ALL, ids=[vendor.name for vendor in ALL])
LEAKS = (b"Traceback", b"jobcancel", b"starlette", b".py", b"root:", b"KeyError", b"alice", b"bob")


def harmless(answer: Answer) -> bool:
    """Return whether an answer refuses the request, or does not find the job, without leaking anything."""
    return answer.status < 500 and not any(leak in answer.content for leak in LEAKS) and len(answer.content) < 2048


async def assault(served: Served, ids: list[str | bytes]) -> list[Answer]:
    """Send a cancel and a read for each of these ids while a job runs, which must not be affected."""
    job_id, act = await served.running()
    before, _, after = served.vendor.cancel.partition("{}")
    answers: list[Answer] = []
    for hostile in ids:
        raw = hostile if isinstance(hostile, bytes) else hostile.encode()
        answers.append(await served.send("POST", before.encode() + raw + after.encode()))
        if served.vendor.get:
            answers.append(await served.send("GET", served.vendor.get.partition("{}")[0].encode() + raw))
    assert (await served.scheduler.get(job_id)).state == "running"
    assert await served.final(job_id) == "succeeded"
    assert act.ended
    return answers


# A strict pattern of ids and a loose one; a megabyte costs too much time for every vendor.
@pytest.mark.parametrize("vendor", [LAYERS, SUTRO], ids=["layers", "sutro"])
async def test_an_id_of_a_megabyte_is_malformed_and_not_sent_back(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    usual = await served.cancel(TOO_LONG)
    answers = await assault(served, ["a" * (1 << 20), "job_" + "0" * (1 << 20), "%00" * (1 << 18), "é" * (1 << 19)])
    assert [answer for answer in answers if not harmless(answer)] == []
    assert {answer.status for answer in answers} <= {400, 404, 414, 431, usual.status}


TRAVERSALS = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "..\\..\\etc\\passwd",
    "....//....//etc/passwd",
    "%c0%ae%c0%ae%c0%af",
    "file:///etc/passwd",
    ".",
    "..",
    "~root",
    "%2f",
    "a%2fcancel",
    ";a=b",
    "?job_id=x",
    "%3f",
    "%23",
]


@every_vendor
async def test_a_path_traversal_finds_nothing(socket_bench: Bench, vendor: Vendor) -> None:
    answers = await assault(await socket_bench.serve(vendor), list(TRAVERSALS))
    assert [answer for answer in answers if not harmless(answer)] == []
    assert all(answer.header("content-type") == "application/json" for answer in answers)


BYTES: list[str | bytes] = [
    "%00",
    "job_%00",
    "%ff%fe",
    "%c3%28",
    "%ed%a0%80",
    "%",
    "%zz",
    b"\xff\xfe",
    b"\x00",
    b"job_\x01",
    "é".encode(),
    "%e2%80%ae",
    "%F0%9F%92%A3",
    "{job_id}",
    "%7Bjob_id%7D",
    "$job.owner",
    "%24%7Bjndi:ldap%7D",
    "' OR 1=1 --".replace(" ", "%20"),
]


@every_vendor
async def test_nul_bytes_and_invalid_utf8_find_nothing(socket_bench: Bench, vendor: Vendor) -> None:
    answers = await assault(await socket_bench.serve(vendor), BYTES)
    assert [answer for answer in answers if not harmless(answer)] == []


@every_vendor
@pytest.mark.parametrize("injected", ["%0d%0aX-Injected:%201", "%0aSet-Cookie:%20a=b", "%0d%0a%0d%0a<html>"])
async def test_an_id_cannot_write_a_header(socket_bench: Bench, vendor: Vendor, injected: str) -> None:
    served = await socket_bench.serve(vendor)
    for answer in await assault(served, [vendor.unknown + injected, injected]):
        assert harmless(answer)
        assert not {"x-injected", "set-cookie"} & {name for name, _ in answer.headers}
        assert answer.header("content-type") == "application/json"


@every_vendor
async def test_a_reason_cannot_write_a_header(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    job_id, act = await served.running()
    await served.scheduler.cancel(job_id, reason="a\r\nX-Injected: 1", by="b\r\nX-Injected: 1")
    act.release.set()
    await served.scheduler.wait(job_id)

    answers = [await served.cancel(job_id)] + ([await served.get(job_id)] if vendor.get else [])

    for answer in answers:
        assert answer.status in {200, 202}
        assert "x-injected" not in {name for name, _ in answer.headers}


def twice(vendor: Vendor, first: str, second: str) -> list[tuple[str, str]]:
    """Return the vendor's headers with the token sent twice."""
    (name, value), *rest = vendor.key.items()
    prefix = value.removesuffix(TOKENS["alice"])
    return [(name, prefix + first), (name, prefix + second), *rest]


@every_vendor
@pytest.mark.parametrize(("first", "second"), [("alice", "bob"), ("bob", "alice"), ("alice", "alice")])
async def test_two_keys_are_no_key(socket_bench: Bench, vendor: Vendor, first: str, second: str) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()
    served.scheduler.calls.clear()

    answer = await served.cancel(job_id, twice(vendor, TOKENS[first], TOKENS[second]))

    assert answer.status == (403 if vendor is TENSORPOOL else 401)
    assert served.scheduler.calls == []


@every_vendor
@pytest.mark.parametrize("extra", [("content-length", "5"), ("transfer-encoding", "chunked"), ("host", "evil")])
async def test_an_ambiguous_request_is_not_answered_with_a_cancel(
    socket_bench: Bench, vendor: Vendor, extra: tuple[str, str]
) -> None:
    served = await socket_bench.serve(vendor)
    headers = [*vendor.key.items(), extra, ("content-length", "0")]
    answer = await served.cancel(vendor.unknown, headers)
    assert harmless(answer)


async def sends_the_head_only(served: Served, job_id: str, framing: str, start: bytes = b"") -> Answer:
    target = served.vendor.cancel.format(job_id)
    raw = message("POST", target, {**served.vendor.key, **dict([framing.split(": ")])})
    return await served.exchange(raw + start, "POST", target)


@every_vendor
@pytest.mark.parametrize("framing", ["content-length: 1000000000", "transfer-encoding: chunked"])
async def test_a_body_that_never_comes_is_not_waited_for(socket_bench: Bench, vendor: Vendor, framing: str) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()

    answer = await sends_the_head_only(served, job_id, framing)

    assert answer.status in {200, 202}
    assert await served.final(job_id) == "canceled"


@every_vendor
async def test_a_body_of_eight_megabytes_is_ignored(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()

    answer = await served.send("POST", vendor.cancel.format(job_id), body=b"x" * (1 << 23))

    assert answer.status in {200, 202}
    assert await served.final(job_id) == "canceled"


@every_vendor
async def test_a_disconnected_client_changes_nothing(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    job_id, _ = await served.running()
    raw = message("POST", vendor.cancel.format(job_id), vendor.key)
    for end in (10, len(raw) // 2, len(raw) - 1):
        async with await anyio.connect_tcp("127.0.0.1", served.server_port) as stream:
            await stream.send(raw[:end])
    assert (await served.cancel(vendor.unknown)).status in {200, 404}
    assert (await served.scheduler.get(job_id)).state == "running"


@every_vendor
async def test_unknown_ids_over_one_connection_are_answered_one_by_one(socket_bench: Bench, vendor: Vendor) -> None:
    served = await socket_bench.serve(vendor)
    head = "".join(f"{name}: {value}\r\n" for name, value in {**vendor.key, "host": "localhost"}.items())
    request = f"POST {vendor.cancel.format(vendor.unknown)} HTTP/1.1\r\n{head}\r\n".encode()
    async with await anyio.connect_tcp("127.0.0.1", served.server_port) as connection:
        stream = BufferedByteReceiveStream(connection)
        await connection.send(request * 100)
        for _ in range(100):
            answer = (await stream.receive_until(b"\r\n\r\n", 4096)).lower()
            assert int(answer[9:12]) == (200 if vendor is SUTRO else 404)
            await stream.receive_exactly(int(answer.partition(b"content-length:")[2].split()[0]))
