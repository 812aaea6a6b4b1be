"""The pytest plugin: fixtures over ``jobcancel.testing``. Installing jobcancel activates it.

Override ``job_registry`` with your own registry: a test then gets a running scheduler, and a clock that it moves::

    @pytest.fixture
    def job_registry() -> Registry:
        return my_service.registry

    async def test_upload_refuses_a_cancel(job_scheduler, job_clock):
        run = await cancel_at(job_scheduler, publish("intro"), stage="uploading")
        assert run.verdict.outcome == "refused"

The scheduler needs anyio's pytest plugin, which comes with anyio (``@pytest.mark.anyio``, or ``anyio_mode = auto``),
and runs on the backends of its fixture ``anyio_backend``. Suites of pytest-asyncio or pytest-trio use
``job_registry`` and ``job_clock`` and write ``async with testing.scheduler(job_registry, clock=job_clock):``. Tests
without one of these fixtures are not affected. It needs pytest 8.0 or later.

Fixtures and hooks import jobcancel only when a test uses them.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jobcancel import Registry, Scheduler
    from jobcancel.testing import ManualClock

_NO_REGISTRY = """\
override the fixture job_registry in a conftest.py, so that it returns the registry of the jobs to test:

    @pytest.fixture
    def job_registry():
        return my_service.registry  # a jobcancel.Registry
"""

_OTHER_LOOP = """\
job_scheduler runs in the loop of anyio's pytest plugin, but pytest-{name} runs this test in another loop: the test
would wait for ever. Mark it with @pytest.mark.anyio and turn off the auto mode of pytest-{name}, or write in the test:

    async with jobcancel.testing.scheduler(job_registry, clock=job_clock) as scheduler:
"""


@pytest.fixture
def job_registry() -> Registry:
    """The registry of the jobs to test: override it."""
    pytest.fail(_NO_REGISTRY, pytrace=False)


@pytest.fixture
def job_clock() -> ManualClock:
    """The clock of ``job_scheduler``: it stands still until ``await job_clock.advance(seconds)``."""
    from jobcancel.testing import ManualClock

    return ManualClock()


@pytest.fixture
async def job_scheduler(
    request: pytest.FixtureRequest,
    anyio_backend: object,  # noqa: ARG001  # makes anyio's plugin run this fixture
    job_registry: Registry,
    job_clock: ManualClock,
) -> AsyncGenerator[Scheduler]:
    """A running scheduler for one test; at the end of the test, jobs that still run are canceled.

    The report of a failed test has the timelines of its newest 20 jobs.
    """
    for name in ("asyncio", "trio"):  # the name of a plugin, and of its marker on the tests that it runs
        if request.node.get_closest_marker(name) and request.config.pluginmanager.has_plugin(name):
            pytest.fail(_OTHER_LOOP.format(name=name), pytrace=False)
    from jobcancel.testing import scheduler

    async with scheduler(job_registry, clock=job_clock) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the jobs' timelines to the report of a failed test."""
    report = yield
    used: dict[str, object] = getattr(item, "funcargs", None) or {}
    if report.failed and "job_scheduler" in used:
        from jobcancel import Scheduler
        from jobcancel.testing.scheduler import newest_timelines

        running = used["job_scheduler"]
        if isinstance(running, Scheduler):  # not a fixture of the host with the same name
            report.sections.append(("jobs", newest_timelines(running)))
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a failed comparison of two snapshots: the fields that differ, and both timelines."""
    if op != "==" or "jobcancel._core.snapshot" not in sys.modules:
        return None
    from jobcancel import Snapshot
    from jobcancel.testing.timeline import differences

    pair: list[Snapshot[Any]] = [side for side in (left, right) if isinstance(side, Snapshot)]
    return ["Snapshot == Snapshot", *differences(*pair)] if len(pair) == 2 else None  # noqa: PLR2004
