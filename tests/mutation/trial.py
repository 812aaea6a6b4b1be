"""Hands mutants to judges: which tests, which way, how long; and gathers what became of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from attrs import evolve, frozen

from tests.mutation.mutants import Body, Mutant, bodies_in

# The folder of tests that judges a folder of the package.
JUDGES: Final[Mapping[str, str]] = {"jobcancel/_core": "tests/core", "jobcancel/contracts": "tests/contracts"}
# What judges a file first that has no test file of its name; the whole folder comes after it anyhow.
FIRST: Final[Mapping[str, str]] = {
    "jobcancel/contracts/__init__.py": "test_contract.py",
    "jobcancel/contracts/cases.py": "test_rendering.py",
    "jobcancel/contracts/placeholders.py": "test_templates.py",
    "jobcancel/_core/policies.py": "test_specs.py",
}
AT_LEAST_S: Final = 10.0  # of the time limit; the rest grows with what the tests take
TIMES: Final = 10.0


@frozen
class Suite:
    """What is known of a folder of tests from a run without a mutant.

    Attributes:
        folder: The folder.
        took_s: Seconds that each test takes.
        lines: By file and line, the tests that run it; an empty name for what runs at import.
    """

    folder: str
    took_s: Mapping[str, float]
    lines: Mapping[str, Mapping[int, Sequence[str]]]

    def tests_of(self, file: str, body: Body) -> set[str]:
        """Returns the tests that run a function, an empty name among them if it runs at import."""
        run = self.lines.get(file, {})
        return {test for line in range(body.first, body.last + 1) for test in run.get(line, ())}


@frozen
class Result:
    """A mutant and what became of it: killed, timed out, survived, or mistake."""

    mutant: Mutant
    became: str


def surveyed(folder: str, copy: Path) -> Suite:
    """Runs the tests of a folder without a mutant."""
    with _judge("survey", folder, copy) as process:
        answer = json.loads(process.communicate()[0] or '{"code": "nothing"}')
    if answer["code"] != 0:
        raise SystemExit(f"the tests in {folder} do not pass without a mutant (pytest: {answer['code']})")
    lines = {file: {int(line): tests for line, tests in run.items()} for file, run in answer["lines"].items()}
    return Suite(folder, answer["took_s"], lines)


def tried(mutants: Sequence[Mutant], suite: Suite, copy: Path) -> list[Result]:
    """Tries the bodies of functions by exchanging their code; all else by importing again."""
    patched: list[tuple[Mutant, dict[str, Any]]] = []
    reloaded: list[Mutant] = []
    bodies = {file: {body.function: body for body in bodies_in((copy / file).read_text(encoding="utf-8"))}
              for file in {mutant.file for mutant in mutants}}  # fmt: skip
    results: list[Result] = []
    at_import: set[tuple[str, str]] = set()
    for mutant in mutants:
        body = bodies[mutant.file].get(mutant.function)
        tests = set[str]() if body is None else suite.tests_of(mutant.file, body)
        if "" in tests:
            at_import.add((mutant.file, mutant.function))
            tests.remove("")
        if tests:
            ordered = sorted(tests, key=lambda test: suite.took_s[test])
            limit = AT_LEAST_S + TIMES * sum(suite.took_s[test] for test in ordered)
            patched.append((mutant, {"function": mutant.function, "tests": ordered, "limit_s": limit}))
        else:
            reloaded.append(mutant)
    print(f"{suite.folder}: {len(patched)} mutants by new code, {len(reloaded)} by a new import", flush=True)
    for result in _judged("patch", patched, suite, copy):
        mutant = result.mutant
        if result.became == "survived" and (mutant.file, mutant.function) in at_import:
            reloaded.append(mutant)
        else:
            results.append(result)
    limit = AT_LEAST_S + TIMES * sum(suite.took_s.values())
    whole = [(mutant, {"first": _first(mutant.file, suite), "limit_s": limit}) for mutant in reloaded]
    return results + list(_judged("reload", whole, suite, copy))


def _first(file: str, suite: Suite) -> str:
    own = f"{suite.folder}/{FIRST.get(file, f'test_{Path(file).stem}.py')}"
    return own if any(test.startswith(own) for test in suite.took_s) else suite.folder


def _judged(how: str, mutants: Sequence[tuple[Mutant, dict[str, Any]]], suite: Suite, copy: Path) -> Iterator[Result]:
    """Yields what became of the mutants, one judge for every processor that this process may use."""
    waiting: SimpleQueue[tuple[Mutant, dict[str, Any]]] = SimpleQueue()
    for entry in mutants:
        waiting.put(entry)

    def work(_: int) -> list[Result]:
        results: list[Result] = []
        with _judge(how, suite.folder, copy) as process:
            _require_fair(process, *mutants[0], suite, copy)
            while True:
                try:
                    mutant, request = waiting.get_nowait()
                except Empty:
                    return results
                results.append(Result(mutant, _verdict(process, mutant, request)))

    workers = min(len(os.sched_getaffinity(0)), len(mutants))
    if workers:
        with ThreadPoolExecutor(workers) as pool:
            for results in pool.map(work, range(workers)):
                yield from results


def _require_fair(
    process: subprocess.Popen[str], mutant: Mutant, request: dict[str, Any], suite: Suite, copy: Path
) -> None:
    """A judge lets pass what is no mutant: a file in which nothing is changed, by all its tests."""
    unchanged = evolve(mutant, source=(copy / mutant.file).read_text(encoding="utf-8"))
    verdict = _verdict(
        process,
        unchanged,
        {**request, "tests": list(suite.took_s), "limit_s": 60.0 + TIMES * sum(suite.took_s.values())},
    )
    if verdict != "survived":
        raise SystemExit(f"a judge in {suite.folder} calls {mutant.file} {verdict}, with nothing changed in it")


def _verdict(process: subprocess.Popen[str], mutant: Mutant, request: dict[str, Any]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"file": mutant.file, "source": mutant.source, **request}) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a judge ended before its time, at {mutant.file}:{mutant.line}")
    verdict: str = json.loads(line)
    return verdict


def _judge(how: str, folder: str, copy: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.mutation.judge", how, folder],
        cwd=copy,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
