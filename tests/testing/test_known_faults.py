"""Jobs with one known fault each, and their correct versions: ``explore`` finds the fault and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen

from jobcancel import Kind
from jobcancel.testing import Fault, Report, explore

from . import correct, faulty, host
from .host import Judge, Trial


@frozen
class Case:
    """The expected findings in one of the faulty jobs.

    Attributes:
        name: The name of the kind, and of the mark at its faulty line.
        faults: The faults that are found at that line, each once.
        state: The state in which the first such run ends.
        judge: The host's own judgement, if the fault is in the host's data.
        message: The message of the first finding.
        only_asyncio: Whether the job uses asyncio directly.
    """

    name: str
    faults: tuple[Fault, ...]
    state: str
    judge: Judge | None = field(default=None, kw_only=True)
    message: str = field(kw_only=True)
    only_asyncio: bool = field(default=False, kw_only=True)

    def trial(self, jobs: Any) -> Trial:
        kinds: dict[str, Kind[[], Any]] = {kind.name: kind for kind in jobs}
        return Trial(kinds[self.name], self.judge)

    @property
    def line(self) -> int:
        """The number of the marked line."""
        lines = Path(faulty.__file__).read_text(encoding="utf-8").splitlines()
        (number,) = [number for number, line in enumerate(lines, 1) if f"# FAULT {self.name}" in line]
        return number


F = Fault
STARTED = "it was started there"
CASES = [
    Case("swallowing", (F.SWALLOWED, F.FINISHED), "succeeded", message="it continued to {file}:{line}"),
    Case("unshielded_cleanup", (F.CLEANUP,), "canceled", message=""),
    Case(
        "late_compensation",
        (F.CHECK,),
        "canceled",
        judge=host.charges_are_refunded,
        message="AssertionError: charged, and not refunded",
    ),
    Case("leaked_task", (F.TASK,), "canceled", message=STARTED, only_asyncio=True),
    Case("leaked_into_the_host", (F.TASK,), "canceled", message=STARTED),
    Case("asyncio_shield", (F.TASK,), "canceled", message=f"{STARTED}, and ended after the job", only_asyncio=True),
    Case("suppressed_in_finally", (F.FINISHED,), "succeeded", message="it ended succeeded"),
    Case(
        "two_writes",
        (F.CHECK,),
        "canceled",
        judge=host.accounts_are_balanced,
        message="AssertionError: the accounts hold {{'ada': 95, 'bob': 0}}",
    ),
    Case(
        "lock_held",
        (F.CHECK,),
        "canceled",
        judge=host.lock_is_free,
        message="AssertionError: the lock is held by a job that has ended",
    ),
    Case(
        "orphan",
        (F.CHECK,),
        "canceled",
        judge=host.no_process_is_running,
        message="AssertionError: 1 processes are still running",
    ),
    Case("ignored_thread", (F.THREAD,), "canceled", message="it is still running"),
]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, anyio_backend: tuple[str, Any]) -> Case:
    wanted: Case = request.param
    if wanted.only_asyncio and anyio_backend[0] != "asyncio":
        pytest.skip("the job uses asyncio directly")
    return wanted


def found(report: Report) -> list[tuple[Fault, str, int, str | None, str, list[str]]]:
    return [
        (each.fault, each.file, each.line, each.stage, each.state, [str(verdict) for verdict in each.verdicts])
        for each in report.findings
    ]


async def test_explore_finds_only_the_known_fault_at_its_line(case: Case) -> None:
    trial = case.trial(faulty.FAULTY)

    report = await explore(trial.make, check=trial.check)

    at = (faulty.__file__, case.line, "working", case.state, ["canceling"])
    assert found(report) == [(fault, *at) for fault in case.faults], str(report)
    assert report.findings[0].message == case.message.format(
        file=faulty.__file__.removeprefix(f"{Path.cwd()}/"), line=case.line
    )
    assert (report.covered, report.diverged, report.skipped) == (report.points, (), 0)
    assert not report.ok


async def test_replay_shows_the_finding_again(case: Case) -> None:
    trial = case.trial(faulty.FAULTY)
    first = (await explore(trial.make, check=trial.check)).findings[0]

    again = await explore(trial.make, check=trial.check, only=first.replay)

    assert again.runs == 2  # the run without a request, and the replay
    assert found(again)[0] == (first.fault, first.file, first.line, first.stage, first.state, ["canceling"])


async def test_explore_finds_nothing_in_the_correct_version(case: Case) -> None:
    trial = case.trial(correct.CORRECT)

    report = await explore(trial.make, check=trial.check)

    assert report.ok, str(report)
    assert report.covered == report.points
    assert report.runs > report.points > 4


def test_every_faulty_job_has_a_correct_version_and_a_case() -> None:
    names = [case.name for case in CASES]
    assert [kind.name for kind in faulty.FAULTY] == names
    assert [kind.name for kind in correct.CORRECT] == names
