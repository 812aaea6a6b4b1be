"""Fixtures for the tests of the test kit: a registry, a clock that a test moves, and a scheduler of the kit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobcancel import Registry, Scheduler, testing
from jobcancel.testing import ManualClock


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def scheduler(anyio_backend: Any, registry: Registry, clock: ManualClock) -> AsyncIterator[Scheduler]:
    async with testing.scheduler(registry, clock=clock) as running:
        yield running
