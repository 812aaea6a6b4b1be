"""Requests a second of a cancel through uvicorn, against a bare Starlette route that returns the same bytes.

The server is a process of its own (``benchmarks.served``), the client a few keep-alive connections; rounds
alternate between the two routes, and a ratio is that of one round.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Final

from .figures import Figure
from .served import TOKEN

CONNECTIONS: Final = 8
AIM: Final = 1 / 0.6  # 0.6 of the bare route's rate or more


class Client:
    """Connections to one server that send the same request again and again."""

    def __init__(self, port: int, path: str) -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 0\r\n\r\n"
        self._port, self._request = port, head.encode()
        self.body = b""

    async def rate(self, requests: int) -> float:
        """Send so many requests; return how many were answered in a second."""
        begun = time.perf_counter()
        await asyncio.gather(*(self._send(requests // CONNECTIONS) for _ in range(CONNECTIONS)))
        return requests // CONNECTIONS * CONNECTIONS / (time.perf_counter() - begun)

    async def _send(self, requests: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        for _ in range(requests):
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(f"a 202 was expected, not {head!r}")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            self.body = await reader.readexactly(int(length.split(b":")[1]))
        writer.close()
        await writer.wait_closed()


async def _rounds(port: int, job_id: str, *, quick: bool) -> list[tuple[float, float]]:
    requests, rounds = (80, 2) if quick else (4_000, 9)
    bare, cancel = Client(port, f"/bare/{job_id}"), Client(port, f"/v1/jobs/{job_id}/cancel")
    measured = [(await bare.rate(requests), await cancel.rate(requests)) for _ in range(rounds + 1)][1:]
    if bare.body != cancel.body:
        raise RuntimeError(f"the two routes differ: {bare.body!r}, {cancel.body!r}")
    return measured


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:  # noqa: ARG001  # uvicorn is asyncio's
    """Measure. The first round warms up and does not count."""
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.served"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None  # noqa: S101  # for type checkers: it was asked for
    try:
        port, job_id = server.stdout.readline().split()
        rounds = asyncio.run(_rounds(int(port), job_id, quick=quick))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    for name, place in (("a bare Starlette route", 0), ("cancel", 1)):
        note = f"{median(each[place] for each in rounds):.0f} requests/s"
        yield Figure(f"request: {name}", "us", tuple(1e6 / each[place] for each in rounds), note=note)
    ratios = tuple(bare / cancel for bare, cancel in rounds)
    yield Figure("request: cancel / a bare Starlette route", "ratio", ratios, aim=AIM)
