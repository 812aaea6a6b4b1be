"""What a client of each vendor sees.

``bench`` serves a contract without a server: what a contract answers depends on neither server nor backend, so one
backend is enough. ``socket_bench`` serves it over a socket, under uvicorn (asyncio) and hypercorn (trio).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.conformance.bench import Bench
from tests.conftest import MISSING

SERVERS: Final = ("asyncio", "trio")  # uvicorn serves on the first, hypercorn on the second


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "anyio_backend" in metafunc.fixturenames:
        backends = SERVERS if "socket_bench" in metafunc.fixturenames else SERVERS[:1]
        metafunc.parametrize("anyio_backend", backends, indirect=True, scope="module")


@pytest.fixture(scope="module")
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    name: str = request.param
    if name in MISSING and os.environ.get("CI") != "true":  # a CI run fails without it
        pytest.skip(f"NOT RUN: {name} is not installed")
    return name, {}


@pytest.fixture(scope="module")
async def module_bench(anyio_backend: tuple[str, dict[str, Any]]) -> AsyncIterator[Bench]:
    """The module's contracts without a server; all of them end with the module."""
    async with Bench(None) as bench:
        yield bench


@pytest.fixture(scope="module")
async def module_servers(anyio_backend: tuple[str, dict[str, Any]]) -> AsyncIterator[Bench]:
    """The module's servers; all of them end with the module."""
    async with Bench(anyio_backend[0]) as bench:
        yield bench


@pytest.fixture
async def bench(module_bench: Bench) -> AsyncIterator[Bench]:
    """The module's contracts, without jobs of an earlier test, which may have failed."""
    yield module_bench
    await module_bench.clear()


@pytest.fixture
async def socket_bench(module_servers: Bench) -> AsyncIterator[Bench]:
    """The module's servers, without jobs of an earlier test, which may have failed."""
    yield module_servers
    await module_servers.clear()
