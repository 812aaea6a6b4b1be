"""What a client of each vendor gets to see: a scheduler behind a real socket, under uvicorn and under hypercorn."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.conformance.bench import Bench
from tests.conftest import MISSING

BOTH = ("asyncio", "trio")  # uvicorn serves on the first, hypercorn on the second


@pytest.fixture(scope="module", params=BOTH)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    name: str = request.param
    if name in MISSING and os.environ.get("CI") != "true":  # where it has to be, the tests fail for the want of it
        pytest.skip(f"NOT RUN: {name} is not installed")
    return name, {}


@pytest.fixture(scope="module")
async def servers(anyio_backend: tuple[str, dict[str, Any]]) -> AsyncIterator[Bench]:
    """Where the module's servers run; all of them end with the module."""
    async with Bench(anyio_backend[0]) as servers:
        yield servers


@pytest.fixture
async def bench(servers: Bench) -> AsyncIterator[Bench]:
    """The module's servers, without jobs of an earlier test, which may have failed."""
    yield servers
    await servers.clear()
