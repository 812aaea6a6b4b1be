"""The pytest plugin: fixtures over ``jobcancel.testing``, there wherever jobcancel is installed, without configuration.

Override ``job_registry`` with your own; then a test gets a running scheduler, and a clock that only it moves::

    @pytest.fixture
    def job_registry() -> Registry:
        return my_service.registry

    async def test_an_upload_is_not_torn(job_scheduler, job_clock):
        run = await cancel_at(job_scheduler, publish("intro"), stage="uploading")
        assert run.verdict.outcome == "refused"

The scheduler runs in anyio's pytest plugin, which comes with anyio (``@pytest.mark.anyio``, or ``anyio_mode = auto``),
on the backends of its fixture ``anyio_backend``. Suites of pytest-asyncio or pytest-trio use ``job_registry`` and
``job_clock`` and write ``async with testing.scheduler(job_registry, clock=job_clock):``; tests that use no fixture of
ours are as they were. For pytest 8.0 and later.

What a test does not use is not imported: everything of jobcancel comes inside the fixtures and hooks.
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
the fixture job_registry has to be overridden with the registry of the jobs to test, in a conftest.py:

    @pytest.fixture
    def job_registry():
        return my_service.registry  # a jobcancel.Registry
"""

_OTHER_LOOP = """\
job_scheduler runs in the loop of anyio's pytest plugin and this test in that of pytest-{name}: it would wait for ever.
Let anyio's plugin run the test (@pytest.mark.anyio, and no auto mode of the other), or use this in it:

    async with jobcancel.testing.scheduler(job_registry, clock=job_clock) as scheduler:
"""


@pytest.fixture
def job_registry() -> Registry:
    """The kinds of job under test: override it."""
    pytest.fail(_NO_REGISTRY, pytrace=False)


@pytest.fixture
def job_clock() -> ManualClock:
    """The time of ``job_scheduler``: it stands still until ``await job_clock.advance(seconds)``."""
    from jobcancel.testing import ManualClock

    return ManualClock()


@pytest.fixture
async def job_scheduler(
    request: pytest.FixtureRequest,
    anyio_backend: object,  # noqa: ARG001  # requested for anyio's plugin, which then runs this fixture
    job_registry: Registry,
    job_clock: ManualClock,
) -> AsyncGenerator[Scheduler]:
    """A running scheduler for one test; when the test is over, jobs that still run are canceled.

    A failing test shows the timelines of its newest 20 jobs.
    """
    for name in ("asyncio", "trio"):  # both the plugin's name and its marker's; it marks what it runs
        if request.node.get_closest_marker(name) and request.config.pluginmanager.has_plugin(name):
            pytest.fail(_OTHER_LOOP.format(name=name), pytrace=False)
    from jobcancel.testing import scheduler

    async with scheduler(job_registry, clock=job_clock) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the jobs of a test that failed."""
    report = yield
    used: dict[str, object] = getattr(item, "funcargs", None) or {}
    if report.failed and "job_scheduler" in used:
        from jobcancel import Scheduler
        from jobcancel.testing.scheduling import timelines

        running = used["job_scheduler"]
        if isinstance(running, Scheduler):  # else a fixture of the host's that has this name
            report.sections.append(("jobs", timelines(running)))
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Say in which fields two snapshots differ, and what happened to both jobs."""
    if op != "==" or "jobcancel._core.snapshot" not in sys.modules:
        return None
    from jobcancel import Snapshot
    from jobcancel.testing.timeline import differences

    pair: list[Snapshot[Any]] = [side for side in (left, right) if isinstance(side, Snapshot)]
    return ["Snapshot == Snapshot", *differences(*pair)] if len(pair) == 2 else None  # noqa: PLR2004
