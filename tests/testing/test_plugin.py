"""The pytest plugin, in test suites of their own: with its fixtures, without them, beside other plugins."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

INI = """
[pytest]
anyio_mode = auto
filterwarnings = error
addopts = -p no:schemathesis -p no:hypothesispytest -p no:cacheprovider --strict-markers
"""

HOST = """
import anyio, pytest
from jobcancel import Registry, Stage

registry = Registry()

@registry.kind("publish", stages=[Stage("rendering"), Stage("uploading", on_cancel="refuse")], timeout_s=60, grace_s=30,
               on_grace_expired="abandon", expires_s=20, retain_s=600, max_running=1)
async def publish(job, stubborn=None):
    async with job.stage("rendering"):
        if stubborn is None:
            await anyio.sleep_forever()
        with anyio.CancelScope(shield=True):
            await stubborn.wait()
    async with job.stage("uploading"):
        await anyio.lowlevel.checkpoint()
    return "/videos/intro"

@pytest.fixture
def job_registry():
    return registry
"""

PASSING = """
import anyio
from conftest import publish
from jobcancel.errors import JobNotFoundError
from jobcancel.testing import cancel_at

async def test_cancel(job_scheduler):
    run = await cancel_at(job_scheduler, publish(), stage="rendering")
    assert run.verdict.outcome == "canceling"
    assert run.snapshot.state == "canceled"

async def test_timeout(job_scheduler, job_clock):
    handle = await job_scheduler.submit(publish())
    await job_clock.advance(60)
    assert (await handle.wait()).failure.code == "TIMED_OUT"

async def test_grace(job_scheduler, job_clock):
    release = anyio.Event()
    handle = await job_scheduler.submit(publish(release))
    await anyio.wait_all_tasks_blocked()
    await handle.cancel()
    await anyio.wait_all_tasks_blocked()
    await job_clock.advance(30)
    assert (await handle.wait()).cancel.abandoned
    release.set()

async def test_expiry(job_scheduler, job_clock):
    await job_scheduler.submit(publish())
    late = await job_scheduler.submit(publish())
    await job_clock.advance(20)
    assert (await late.wait()).failure.code == "EXPIRED"

async def test_retention(job_scheduler, job_clock):
    run = await cancel_at(job_scheduler, publish(), stage=None)
    await anyio.wait_all_tasks_blocked()
    await job_clock.advance(600)
    try:
        await job_scheduler.get(run.snapshot.id)
    except JobNotFoundError:
        return
    raise AssertionError("the job is still there")

async def test_running_job_is_canceled_at_the_end(job_scheduler):
    await job_scheduler.submit(publish())
    await anyio.wait_all_tasks_blocked()

def test_without_a_loop(job_registry, job_clock):
    assert [kind.name for kind in job_registry] == ["publish"]
    assert job_clock.monotonic() == 0
"""

FAILING = """
import anyio, pytest
from conftest import publish
from jobcancel.testing import cancel_at

@pytest.fixture
def anyio_backend():
    return BACKEND

async def test_failing_with_jobs(job_scheduler, job_clock):
    run = await cancel_at(job_scheduler, publish(), stage="rendering", by="ada")
    handle = await job_scheduler.submit(publish())
    await anyio.wait_all_tasks_blocked()
    await job_clock.advance(1.5)
    assert run.snapshot == await job_scheduler.get(handle.id)

async def test_passing(job_scheduler):
    await cancel_at(job_scheduler, publish(), stage="rendering", by="bob")

def test_failing_without_jobs():
    raise AssertionError("no history here")
"""

SHOWN = [
    r"-+ jobs -+",
    r"job (?P<first>job_\w+) \(publish\): canceled",
    r"  cancel: cause user, by ada, outcome canceling, requested \+0\.000 s, delivered \+0\.000 s",
    r"        at   took  step             status     details",
    r"    \+0\.000         started          running",
    r"    \+0\.000  0\.000  rendering        canceled",  # at the time of its start
    r"    \+0\.000         cancel_accepted  canceling",
    r"    \+0\.000         delivered        noted",
    r"    \+0\.000         unwound          canceled",
    r"job (?P<second>job_\w+) \(publish\): running, in stage rendering",  # shown before the shutdown cancels it
    r"        at  took  step       status   details",
    r"    \+0\.000        started    running",
    r"    \+0\.000        rendering  running",
    r"",
]


@pytest.fixture(autouse=True)
def _installed() -> None:
    """Skip if pytest cannot find the plugin: a tree that is not installed has no entry point."""
    if not entry_points(group="pytest11", name="jobcancel"):
        if os.environ.get("CI") == "true":
            pytest.fail("jobcancel is not installed: CI has to test its pytest plugin")
        pytest.skip("NOT RUN: jobcancel is not installed, so pytest does not find its plugin")


@pytest.fixture
def host(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a test suite that overrides ``job_registry``."""
    pytester.makeini(INI)
    pytester.makeconftest(HOST)
    return pytester


def test_fixtures_work_on_asyncio_and_trio_without_configuration(
    host: pytest.Pytester,
) -> None:
    host.makepyfile(test_service=PASSING)
    result = host.runpytest_subprocess("-v")
    result.assert_outcomes(passed=2 * 6 + 1)
    assert {name for name in ("asyncio", "trio") if f"test_cancel[{name}] PASSED" in str(result.stdout)} == {
        "asyncio",
        "trio",
    }


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_report_of_a_failed_test_has_its_jobs_only(host: pytest.Pytester, backend: str) -> None:
    host.makepyfile(test_service=FAILING.replace("BACKEND", repr(backend)))
    result = host.runpytest_subprocess("-rP")  # which prints the sections of passing tests too
    result.assert_outcomes(passed=1, failed=2)
    out = str(result.stdout)
    assert re.search("^" + "\n".join(SHOWN), out, re.MULTILINE), out
    assert out.count(" jobs ---") == 1
    assert "by bob" not in out


def test_snapshot_comparison_shows_fields_and_timelines(host: pytest.Pytester) -> None:
    host.makepyfile(test_service=FAILING.replace("BACKEND", "'asyncio'"))
    out = str(host.runpytest_subprocess("-vv", "-k", "failing_with_jobs").stdout)
    ids = re.search(r"^E +id: '(job_\w+)' != '(job_\w+)'$", out, re.MULTILINE)
    assert ids, out
    lines = [line[1:].strip() for line in out.splitlines() if line.startswith("E  ")]
    assert lines[0] == "AssertionError: assert Snapshot == Snapshot"
    assert "state: <JobState.CANCELED: 'canceled'> != <JobState.RUNNING: 'running'>" in lines
    left, right = lines.index("left:"), lines.index("right:")
    assert lines[left + 1] == f"job {ids[1]} (publish): canceled"
    assert lines[left + 2].startswith("cancel: cause user, by ada,")
    assert lines[right + 1] == f"job {ids[2]} (publish): running, in stage rendering"
    assert len(lines) > right + 3


def test_missing_job_registry_is_explained_with_an_example(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    pytester.makepyfile("async def test_cancel(job_scheduler): ...")
    result = pytester.runpytest_subprocess("-k", "asyncio")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "override the fixture job_registry in a conftest.py, so that it returns the registry of the jobs to test:",
            "    @pytest.fixture",
            "    def job_registry():",
        ]
    )
    assert "Traceback" not in str(result.stdout)
    assert "pytest_plugin.py" not in str(result.stdout)


def test_other_fixture_of_the_same_name_has_no_effect(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    pytester.makepyfile("""
        import pytest
        @pytest.fixture
        def job_scheduler():
            return "a cron table"
        def test_cron(job_scheduler):
            assert job_scheduler == "another one"
        """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    assert " jobs ---" not in str(result.stdout)
    assert "AssertionError: assert 'a cron table' == 'another one'" in str(result.stdout)


def test_without_anyio_plugin_only_job_scheduler_fails(host: pytest.Pytester) -> None:
    host.makeini(INI.replace("anyio_mode = auto\n", "").replace("addopts =", "addopts = -p no:anyio"))
    host.makepyfile("""
        import asyncio
        from jobcancel import testing
        from jobcancel.testing import cancel_at
        from conftest import publish

        def test_without_a_loop(job_registry, job_clock):
            async def main():
                async with testing.scheduler(job_registry, clock=job_clock) as scheduler:
                    return await cancel_at(scheduler, publish(), stage="rendering")
            assert asyncio.run(main()).snapshot.state == "canceled"

        def test_with_job_scheduler(job_scheduler): ...
        """)
    result = host.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    assert "fixture 'anyio_backend' not found" in str(result.stdout)


OTHER_PLUGIN = """
def pytest_addoption(parser):
    parser.addini("asyncio_mode", "")

def pytest_configure(config):
    config.addinivalue_line("markers", "asyncio: run by another plugin")
    config.pluginmanager.register(object(), "asyncio")
"""


def test_job_scheduler_in_another_plugins_loop_fails_with_advice(
    host: pytest.Pytester,
) -> None:
    host.makeconftest(HOST + OTHER_PLUGIN)
    host.makepyfile("""
        import pytest
        @pytest.mark.asyncio
        async def test_there(job_scheduler): ...
        async def test_here(job_scheduler): ...
        """)
    result = host.runpytest_subprocess()
    result.assert_outcomes(passed=2, errors=2)  # each on asyncio and on trio
    result.stdout.fnmatch_lines(
        ["job_scheduler runs in the loop of anyio's pytest plugin, but pytest-asyncio runs this test in *"]
    )


NOT_LOADED = """
import sys
def test_nothing_is_loaded():
    heavy = ("anyio", "attr", "attrs", "trio", "jobcancel._core", "jobcancel._runtime",
             "jobcancel.abc", "jobcancel.errors", "jobcancel.testing")
    assert [name for name in heavy if name in sys.modules] == []
    assert "jobcancel.pytest_plugin" in sys.modules
    assert (1, "a") == (1, "a")
def test_failing(capsys):
    assert [1, 2] == [1, 3]
def test_nothing_is_loaded_after_a_failure():
    test_nothing_is_loaded()
"""


def test_unused_plugin_loads_nothing_even_for_a_failed_test(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI.replace("anyio_mode = auto\n", "").replace("addopts =", "addopts = -p no:anyio"))
    pytester.makepyfile(NOT_LOADED)
    pytester.runpytest_subprocess().assert_outcomes(passed=2, failed=1)


def test_plugin_imports_only_pytest(tmp_path: Path) -> None:
    code = """
import pytest, sys
before = set(sys.modules)
import jobcancel.pytest_plugin
print(sorted(set(sys.modules) - before))
"""
    ended = subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True, text=True)
    assert ended.stdout == "['jobcancel', 'jobcancel.pytest_plugin']\n"


def test_other_comparisons_are_left_to_pytest() -> None:
    from jobcancel.pytest_plugin import pytest_assertrepr_compare

    things: list[Any] = ["a", None, 1]
    assert [pytest_assertrepr_compare(op, thing, thing) for op in ("==", "!=", "in") for thing in things] == [None] * 9
