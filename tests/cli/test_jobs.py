"""`jobcancel jobs` on the journal of a running service and of a killed one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command, Result, run_on_terminal

SERVICE = Path(__file__).with_name("journal_service.py")
NAMES = ("done", "failed", "working", "publishing", "pending", "canceling")
Jobs = Callable[..., Result]


class Service:
    """A service in a process of its own, its journal, and the ids of its jobs by name."""

    def __init__(self, folder: Path) -> None:
        self.db = folder / "jobs.db"
        command = [sys.executable, str(SERVICE), str(self.db)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.ids: dict[str, str] = dict(zip(NAMES, self.process.stdout.readline().split(), strict=True))

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("running"))
    yield service
    service.kill()


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Service:
    service = Service(tmp_path_factory.mktemp("killed"))
    service.kill()
    return service


@pytest.fixture(params=["running", "killed"])
def service(request: pytest.FixtureRequest) -> Service:
    found: Service = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def jobs(command: Command, service: Service) -> Jobs:
    return lambda *args: command("jobs", "--db", str(service.db), *args)


def rows(stdout: str) -> list[list[str]]:
    return [line.split("\t") for line in stdout.splitlines()]


def facts(stdout: str) -> dict[str, str]:
    return dict(row[:2] for row in rows(stdout.partition("\n\n")[0])[1:])


def test_jobs_are_listed_newest_first_with_state_and_stage(jobs: Jobs, service: Service) -> None:
    result = jobs("list")
    assert (result.exit_code, result.stderr) == (0, "")
    heading, *listed = rows(result.stdout)
    assert heading == ["id", "kind", "state", "stage", "age", "attempt", "created", "settled", "cancel"]
    assert [[*row[:4], row[5], row[8]] for row in listed] == [
        [service.ids["canceling"], "stubborn", "canceling", "-", "1", "canceling, user by ann"],
        [service.ids["pending"], "ingest", "pending", "-", "1", "-"],
        [service.ids["publishing"], "ingest", "running", "publishing", "1", "-"],
        [service.ids["working"], "ingest", "running", "working", "1", "-"],
        [service.ids["failed"], "quick", "failed", "-", "1", "-"],
        [service.ids["done"], "quick", "succeeded", "-", "1", "-"],
    ]
    assert [row[7] == "-" for row in listed] == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--state", "running"], ["publishing", "working"]),
        (["--kind", "quick"], ["failed", "done"]),
        (["--owner", "bob"], ["failed"]),
        (["--owner", "ann", "--kind", "ingest", "--state", "pending"], ["pending"]),
        (["--kind", "unknown"], []),
    ],
)
def test_a_list_has_the_jobs_that_match_the_options(
    jobs: Jobs, service: Service, options: list[str], names: list[str]
) -> None:
    result = jobs("list", "--json", *options)
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [service.ids[name] for name in names]


def test_a_list_with_a_limit_prints_the_number_of_all_jobs(jobs: Jobs, service: Service) -> None:
    result = jobs("list", "--limit", "2", "--json")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [
        service.ids["canceling"],
        service.ids["pending"],
    ]
    assert result.stderr == "2 of 6 jobs; --limit shows more\n"


def test_a_settled_job_is_shown_with_its_timeline(jobs: Jobs, service: Service) -> None:
    result = jobs("show", service.ids["failed"])
    assert result.exit_code == 0
    shown = facts(result.stdout)
    assert (shown["state"], shown["owner"], shown["labels"]) == ("failed", "bob", '{"team": "red"}')
    assert "nothing\\tthere" in shown["failure"]
    assert not {"stage", "cancel", "at a restart", "open compensation"} & shown.keys()
    heading, *timeline = rows(result.stdout.partition("\n\n")[2])
    assert heading == ["time", "step", "duration", "status", "details"]
    assert [row[1:] for row in timeline] == [["started", "", "running", ""], ["failed", "", "failed", ""]]


def test_both_possible_restarts_of_a_running_job_are_shown(jobs: Jobs, service: Service) -> None:
    shown = facts(jobs("show", service.ids["working"]).stdout)
    assert (shown["state"], shown["stage"]) == ("running", "working")
    assert shown["open compensation"] == f"refund(amount=5), token {service.ids['working']}:refund:1"
    assert shown["lost compensation"] == "forget: a function without a registered name ends with its process"
    assert shown["at a restart"] == (
        "if its kind has on_restart='rerun', attempt 2 runs, unless it has left a "
        "stage that commits and did not use run_stage; if its kind has 'fail' (the default), its compensation runs "
        "(unless its kind's compensate_on excludes that end), then it fails (WORKER_LOST). The journal does not "
        "contain the kind's option"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pending", "it waits for the start of attempt 1 again, if its kind is still registered; otherwise it fails"),
        ("publishing", "it fails (WORKER_LOST): its stage publishing commits, and is not safe to repeat"),
        (
            "canceling",
            "it is not run again: its compensation runs (unless its kind's compensate_on excludes that end), then its "
            "cancel is completed",
        ),
    ],
)
def test_what_a_restart_does_with_a_job(jobs: Jobs, service: Service, name: str, text: str) -> None:
    assert facts(jobs("show", service.ids[name]).stdout)["at a restart"] == text


def test_show_prints_one_json_document(jobs: Jobs, service: Service) -> None:
    shown = json.loads(jobs("show", "--json", service.ids["working"]).stdout)
    assert (shown["job"]["id"], shown["job"]["progress"]["message"]) == (service.ids["working"], "one of three")
    assert shown["job"]["history"][-1]["status"] == "running"
    assert shown["requests"] == []
    assert shown["compensations"] == [
        {"name": "forget", "args": [], "kwargs": {}, "token": None},
        {"name": "refund", "args": [], "kwargs": {"amount": 5}, "token": f"{service.ids['working']}:refund:1"},
    ]
    assert shown["at_restart"].startswith("if its kind has on_restart='rerun', ")


def test_a_job_is_found_by_a_unique_beginning_of_its_id(command: Command, jobs: Jobs, service: Service) -> None:
    ids, job_id = set(service.ids.values()), service.ids["done"]
    shortest = next(
        job_id[:n] for n in range(len(job_id) + 1) if sum(other.startswith(job_id[:n]) for other in ids) == 1
    )
    assert facts(jobs("show", shortest).stdout)["id"] == job_id

    several = jobs("show", "job_")
    assert (several.exit_code, several.stdout) == (2, "")
    assert several.stderr.startswith("jobcancel jobs show: 6 jobs have ids that begin with 'job_': job_")
    assert several.stderr.endswith(" and 1 more; give more of the id\n")
    none = jobs("show", "job_x")
    assert (none.exit_code, none.stdout) == (2, "")
    assert none.stderr == (
        "jobcancel jobs show: no job has an id that begins with 'job_x'; `jobcancel jobs list` shows all ids\n"
    )


def test_a_sound_journal_has_no_problems_and_a_count_of_each_state(jobs: Jobs) -> None:
    result = jobs("check")
    counted, verdict = result.stdout.splitlines()[:-2], result.stdout.splitlines()[-1]
    assert [line.split() for line in counted] == [
        ["1", "pending"],
        ["2", "running"],
        ["1", "canceling"],
        ["1", "succeeded"],
        ["1", "failed"],
    ]
    assert (result.exit_code, verdict, result.stderr) == (0, "no problems", "")


def test_the_journal_of_a_running_service_is_not_compacted(command: Command, running: Service) -> None:
    result = command("jobs", "--db", str(running.db), "compact")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        f"jobcancel jobs compact: journal {running.db} is in use by process {running.process.pid}: "
    )


def test_the_journal_of_a_killed_service_is_compacted_without_a_loss(
    command: Command, killed: Service, tmp_path: Path
) -> None:
    for file in killed.db.parent.iterdir():
        shutil.copy(file, tmp_path)
    path = str(tmp_path / "jobs.db")
    before = command("jobs", "--db", path, "list", "--json").stdout
    result = command("jobs", "--db", path, "compact")
    assert result.exit_code == 0
    words = result.stdout.split()
    assert (words[0], words[2], words[3], words[5]) == ("before:", "bytes;", "after:", "bytes")
    assert int(words[4]) <= int(words[1])
    assert int(words[4]) == Path(path).stat().st_size
    assert command("jobs", "--db", path, "list", "--json").stdout == before


def test_reading_does_not_change_the_file(command: Command, killed: Service) -> None:
    def found() -> dict[str, Any]:
        return {file.name: (file.stat().st_size, file.stat().st_mtime_ns) for file in killed.db.parent.iterdir()}

    before = found()
    for words in (["list"], ["show", killed.ids["done"]], ["check"]):
        assert command("jobs", "--db", str(killed.db), *words).exit_code == 0
    assert found() == before


@pytest.mark.parametrize("words", [["list"], ["show", "working"]])
def test_a_terminal_of_80_columns_shows_whole_ids(running: Service, words: list[str]) -> None:
    args = [running.ids.get(word, word) for word in words]
    drawn = run_on_terminal("jobs", "--db", str(running.db), *args, columns=80)
    assert running.ids["working"] in drawn
    assert "\t" not in drawn
    assert [line for line in drawn.splitlines() if len(re.sub(r"\x1b\[[0-9;]*m", "", line)) > 80] == []
