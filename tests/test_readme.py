"""The README: its code runs, and its tables and commands are those of the package."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.to_thread
import pytest

from jobcancel import JobState, Outcome, Verdict
from jobcancel._core.states import TRANSITIONS
from jobcancel.testing import cancel_at, scheduler
from tests.readme import README, TEXT, TOP, blocks, evaluated, section

START = "python3 -m venv .venv && .venv/bin/pip install '.[cli]' && .venv/bin/jobcancel demo"
RUN_THE_TESTS = (
    "python3 -m venv .venv && .venv/bin/pip install -U pip && "
    ".venv/bin/pip install -e '.[cli]' --group tests && .venv/bin/python -m pytest -n auto"
)


def test_every_python_block_is_in_a_section_that_a_test_runs() -> None:
    sections = [heading for heading in re.findall(r"^## (.+)$", TEXT, re.MULTILINE) if blocks("python", heading)]
    assert sections == ["Quick start", "A complete service", "Cancel APIs of vendors", "Testing your jobs"]
    assert [len(blocks("python", heading)) for heading in sections] == [1, 1, 1, 1]
    assert len(blocks("python")) == 4


def test_the_quick_start_prints_what_its_comment_says(capsys: pytest.CaptureFixture[str]) -> None:
    evaluated("Quick start")
    assert capsys.readouterr().out == "canceling canceled\n"
    assert "# canceling canceled\n" in blocks("python", "Quick start")[0]


def test_the_shown_test_passes_in_a_suite_without_configuration(tmp_path: Path) -> None:
    code = blocks("python", "Quick start") + blocks("python", "Testing your jobs")
    (tmp_path / "test_publish.py").write_text("\n".join(code), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers", "-W", "error"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"^1 passed in ", ran.stdout, re.MULTILINE), ran.stdout


def test_without_its_marker_the_shown_test_does_not_pass(tmp_path: Path) -> None:
    code = "\n".join(blocks("python", "Quick start") + blocks("python", "Testing your jobs"))
    assert code.count("@pytest.mark.anyio ") == 1
    (tmp_path / "test_publish.py").write_text(code.replace("@pytest.mark.anyio ", ""), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode != 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the quick start sleeps with asyncio
async def test_cancel_at_asks_in_the_stage_that_it_names() -> None:
    assert '`await testing.cancel_at(scheduler, publish("intro"), stage="uploading")`' in section("Testing your jobs")
    namespace = await anyio.to_thread.run_sync(evaluated, "Quick start")  # it calls asyncio.run, which needs a thread
    async with scheduler(namespace["registry"]) as running:
        run = await cancel_at(running, namespace["publish"]("intro"), stage="uploading")
    assert (run.verdict.outcome, run.snapshot.state) == ("refused", "succeeded")


def test_the_blocking_scheduler_serves_a_host_without_a_loop() -> None:
    namespace = evaluated("Quick start")
    namespace["asyncio"] = SimpleNamespace(sleep=hang)  # its rendering lasts until it is canceled
    assert "`jobs = BlockingScheduler(registry)`" in section("Hosts")
    assert '`jobs.submit(publish("intro"))` and `jobs.cancel(id)` block' in " ".join(section("Hosts").split())
    exec("from jobcancel import BlockingScheduler; jobs = BlockingScheduler(registry)", namespace)  # noqa: S102
    jobs = namespace["jobs"]
    jobs.start()
    try:
        handle = jobs.submit(namespace["publish"]("intro"))
        assert jobs.cancel(handle.id).outcome == "canceling"
        assert jobs.wait(handle.id).state == "canceled"
    finally:
        jobs.close()


async def hang(_: float) -> None:
    await anyio.sleep_forever()


def test_the_table_of_verdicts_has_the_six_outcomes_and_which_are_accepted() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (yes|no) \|$", TEXT, re.MULTILINE)
    assert rows == [
        ("canceled", "yes"),
        ("canceling", "yes"),
        ("deferred", "yes"),
        ("refused", "no"),
        ("already_canceling", "yes"),
        ("already_terminal", "no"),
    ]
    assert [outcome.value for outcome in Outcome] == [outcome for outcome, _ in rows]
    assert [Verdict("job_1", Outcome(outcome), JobState.RUNNING).accepted for outcome, _ in rows] == [
        accepted == "yes" for _, accepted in rows
    ]


def test_the_table_of_states_has_every_transition() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", TEXT, re.MULTILINE))
    shown = {state: set(re.findall(r"`(\w+)`", after)) for state, after in rows.items()}
    assert shown == {
        "pending": {"running", "canceling", "canceled", "failed"},
        "running": {"canceling", "succeeded", "partially_succeeded", "failed", "pending"},
        "canceling": {"canceled", "succeeded", "partially_succeeded", "failed"},
    }
    assert shown == {state.value: next_states(row) for state, row in TRANSITIONS.items() if row}


def next_states(row: Mapping[Any, JobState]) -> set[str]:
    return {state.value for state in row.values()}


def test_the_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) >= 5
    if not (TOP / "CHANGELOG.md").exists():
        pytest.skip("not a checkout")
    assert [link for link in links if not (TOP / link).exists()] == []


def test_the_first_two_shell_commands_start_the_demo_and_run_the_tests() -> None:
    lines = "".join(blocks("sh")).replace("\\\n", "").splitlines()
    assert [re.sub(r"\s+", " ", line) for line in lines] == [START, RUN_THE_TESTS]


@pytest.mark.parametrize(("number", "command"), [(1, START), (2, RUN_THE_TESTS)])
def test_ci_runs_the_commands_of_the_readme(number: int, command: str) -> None:
    ci = TOP / ".ci" / "run"
    if not ci.exists():
        pytest.skip("not a checkout")
    extraction = re.search(r"^readme_command\(\).*?<<'PYTHON'\n(.*?)^PYTHON$", ci.read_text(), re.MULTILINE | re.DOTALL)
    assert extraction
    found = subprocess.run(
        [sys.executable, "-c", extraction[1], str(number)], cwd=TOP, check=True, capture_output=True, text=True
    )
    assert re.sub(r"\s+", " ", found.stdout).strip() == command


def test_it_is_short_enough_to_be_read() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 275
