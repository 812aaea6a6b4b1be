"""What the tests of the scheduler share: kinds, a clock that stands still, and a scheduler that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jobcancel import Registry, Scheduler
from jobcancel.testing import ManualClock


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def scheduler(anyio_backend: Any, registry: Registry, clock: ManualClock) -> AsyncIterator[Scheduler]:
    """A running scheduler whose time the test moves; when the test is over it cancels what still runs."""
    async with Scheduler(registry, clock=clock) as running:
        yield running
