"""The generator, the oracle and the runner of random programs; ``python -m tests.programs`` runs them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from . import shorten
from .generate import STORES, generate
from .handlers import Run
from .judgement import Finding
from .plan import KindPlan, Op, Program, StagePlan
from .runner import Report

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
PUBLIC = {"jobcancel", "jobcancel.abc", "jobcancel.errors", "jobcancel.stores", "jobcancel.testing"}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Programs are forked off, which no process with threads should do: a test run's may have some."""
    return subprocess.run([sys.executable, *arguments], cwd=TOP, capture_output=True, text=True, check=False)


def test_the_oracle_imports_nothing_private() -> None:
    imported: set[str] = set()
    for path in {*HERE.glob("*.py")} - {HERE / "faults.py"}:  # the faults are in what is private
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
    assert {name for name in imported if name.partition(".")[0] == "jobcancel"} == PUBLIC


@pytest.mark.parametrize("store", STORES)
def test_a_program_can_be_made_again_from_seed_or_repr(store: str) -> None:
    names = {"Program": Program, "KindPlan": KindPlan, "StagePlan": StagePlan, "inf": float("inf")}
    for seed in range(20):
        program = generate(seed, "asyncio", store)
        assert generate(seed, "asyncio", store) == program
        assert eval(repr(program), names) == program  # noqa: S307  # it is ours


def test_every_generated_step_and_action_can_run() -> None:
    drawn: set[str] = set()

    def walk(steps: tuple[Op, ...]) -> None:
        for step in steps:
            if shorten.is_step(step):
                drawn.add(step[0])
            walk(tuple(part for part in step if shorten.has_parts(part)))

    for seed in range(100):
        for kind in generate(seed, "asyncio", "none").kinds:
            walk(kind.body)
    assert {name for name in drawn if not hasattr(Run, f"do_{name}")} == set()
    assert len(drawn) > 15


WRONG = """
from tests.programs import runner
from tests.programs.plan import KindPlan, Program
for acts in ((("submit", "k0", {}, "plain"), ("turns", 9)), (("no_such_act",),)):
    program = Program(1, "asyncio", "none", (KindPlan("k0", (("burn", 60.0),)),), acts)
    print(next(runner.run_all([program], 1, 2.0)).findings)
"""


@pytest.mark.exhaustive  # it waits for a hang
def test_a_program_that_hangs_or_crashes_is_a_finding() -> None:
    hangs, breaks = python("-c", WRONG).stdout.splitlines()
    assert "rule='18', text='no end within 2 s, " in hangs
    assert "no_such_act raised AttributeError" in breaks


def test_a_finding_is_shortened_while_it_reproduces(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (Finding("5", "torn: job_0001"),)

    def run(program: Program) -> Report:
        return Report(program, found if "'gate', 1" in repr(program.kinds) and program.acts else ())

    monkeypatch.setattr(shorten, "run", run)
    body = (("pause", 1), ("stage", "s0", False, ("gate", 1), ("pause", 2)), ("return", "none"))
    kinds = (KindPlan("k0", body, (StagePlan("s0", "defer"),), (("grace_s", 2.0),)), KindPlan("k1", body[:1]))
    acts: tuple[Op, ...] = (("submit", "k0", {}, "plain"), ("turns", 2), ("rest",))
    program = Program(1, "asyncio", "memory", kinds, acts, "raises", (("rest",),), drain_s=1.0)
    short = shorten.shorten(run(program)).program
    assert short.kinds == (KindPlan("k0", (("gate", 1),)), KindPlan("k1"))
    assert (len(short.acts), short.closing, short.ending, short.store) == (1, (), "settled", "none")
