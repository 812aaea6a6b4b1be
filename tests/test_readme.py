"""The README: its code runs, and its tables, its diagram and its commands are those of the package."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from attrs import NOTHING, Attribute, fields
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from jobcancel import JobState, Outcome, Registry, Stage, Verdict, mermaid
from jobcancel.testing import cancel_at, explore, scheduler

TOP = Path(__file__).resolve().parent.parent
README = TOP / "README.md"
TEXT = README.read_text(encoding="utf-8")

START = "python3 -m venv .venv && .venv/bin/pip install '.[cli]' && .venv/bin/jobcancel demo"
RUN_THE_TESTS = (
    "python3 -m venv .venv && .venv/bin/pip install -U pip && "
    ".venv/bin/pip install -e '.[cli]' --group tests && .venv/bin/python -m pytest -n auto"
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def evaluated() -> dict[str, Any]:
    """Run all the code of the README from top to bottom; return what it has defined."""
    document = Sybil([PythonCodeBlockParser()]).parse(README)
    examples = list(document.examples())
    assert len(examples) == len(blocks("python"))
    for example in examples:
        example.evaluate()
    return document.namespace


@pytest.fixture
def namespace() -> dict[str, Any]:
    return evaluated()


def test_every_python_block_runs_and_the_first_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"main", "app", "jobs"} <= set(evaluated())
    assert capsys.readouterr().out == "canceling canceled\n"
    assert "# canceling canceled\n" in blocks("python")[0]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # its first block is plain asyncio
async def test_the_test_that_it_shows_passes(namespace: dict[str, Any]) -> None:
    shown: list[Callable[[], Any]] = [value for name, value in namespace.items() if name.startswith("test_")]
    assert len(shown) == 1
    await shown[0]()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_first_block_is_covered_at_each_of_its_moments(namespace: dict[str, Any]) -> None:
    report = await explore(namespace["make"], pairs=["cancel", "timeout", "shutdown"])
    assert report.ok, str(report)
    assert report.covered == 7  # two ends, one await, two stages entered and left


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_cancel_at_does_what_it_says_of_it(namespace: dict[str, Any]) -> None:
    assert '`await testing.cancel_at(scheduler, publish("intro"), stage="uploading")`' in TEXT
    async with scheduler(namespace["registry"]) as running:
        run = await cancel_at(running, namespace["publish"]("intro"), stage="uploading")
    assert (run.verdict.outcome, run.snapshot.state) == ("refused", "succeeded")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # its first block is plain asyncio, and its jobs are in the app
async def test_the_fastapi_application_submits_cancels_and_reads(namespace: dict[str, Any]) -> None:
    app = namespace["app"]
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://jobs") as web:
        submitted = await web.post("/jobs", params={"title": "intro"})
        job_id = submitted.json()["id"]
        canceled = await web.post(f"/jobs/{job_id}/cancel")
        read = await web.get(f"/jobs/{job_id}", params={"wait_s": 20})
        again = await web.post(f"/jobs/{job_id}/cancel")

        assert submitted.status_code == 202
        assert (canceled.status_code, canceled.json()["outcome"]) == (202, "canceling")
        assert (read.json()["state"], read.json()["cancel"]["by"]) == ("canceled", "web")
        assert (again.status_code, again.json()["outcome"]) == (409, "already_terminal")


def test_the_durable_scheduler_knows_its_jobs_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def printed(namespace: dict[str, Any]) -> tuple[str, bool, str]:
        async with namespace["durable"] as scheduler:
            handle = await scheduler.submit(namespace["print_book"]("Emma"), key="once")
            return handle.id, handle.created, await handle.result()

    monkeypatch.chdir(tmp_path)
    first, second = (asyncio.run(printed(evaluated())) for _ in range(2))
    assert first == (first[0], True, "pages of Emma, bound")
    assert second == (first[0], False, "pages of Emma, bound")


def test_the_blocking_scheduler_serves_a_host_without_a_loop(namespace: dict[str, Any]) -> None:
    jobs = namespace["jobs"]
    jobs.start()
    try:
        handle = jobs.submit("publish", "intro")
        assert jobs.cancel(handle.id).outcome == "canceling"
        assert jobs.wait(handle.id).state == "canceled"
    finally:
        jobs.close()


def test_the_diagram_is_the_one_that_the_package_draws() -> None:
    assert blocks("mermaid") == [mermaid()]


def test_the_table_of_verdicts_has_the_six_outcomes_and_says_which_are_accepted() -> None:
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


def test_the_toml_declares_a_kind_with_every_option_and_shows_the_defaults() -> None:
    (text,) = blocks("toml")
    (kind,) = Registry.from_toml(text)

    assert kind.name == "ingest_github"
    assert list(kind.stages.values()) == [
        Stage("cloning", timeout_s=600),
        Stage("opening_pr", on_cancel="refuse"),
        Stage("finalizing", on_cancel="defer", commits=True),
    ]
    said = set(re.findall(r"^(\w+) =", text, re.MULTILINE))
    options: tuple[Attribute[Any], ...] = fields(type(kind.spec))
    assert said | {"name"} == {option.name for option in options}
    for option in options:
        if option.default is not NOTHING and option.name not in {"stages", "max_running", "max_pending"}:
            assert getattr(kind.spec, option.name) == option.default, option.name


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
    assert len(TEXT.splitlines()) <= 260
