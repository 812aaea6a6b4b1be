"""Hands mutants to judges: which tests, which way, how long; and gathers what became of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final

from attrs import evolve, frozen

from tests.mutation.mutants import Body, Mutant, bodies_in, statement_in

# The folders of tests that judge a folder of the package.
JUDGES: Final[Mapping[str, Sequence[str]]] = {
    "jobcancel/_core": ["tests/core"],
    "jobcancel/contracts": ["tests/contracts"],
    "jobcancel/_runtime": ["tests/runtime", "tests/invariants"],
}
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
    """What is known of folders of tests from a run without a mutant.

    Attributes:
        folders: The folders, and before them the judge's option that leaves out tests.
        took_s: Seconds that each test takes.
        lines: By file and line, the tests that run it; an empty name for what runs at import.
    """

    folders: Sequence[str]
    took_s: Mapping[str, float]
    lines: Mapping[str, Mapping[int, Sequence[str]]]
    other_loops: Set[str]

    def tests_of(self, mutant: Mutant, body: Body, source: str) -> set[str]:
        """Returns the tests that run a mutant's statement, an empty name among them if its function runs at import."""
        run = self.lines.get(mutant.file, {})
        whole = {test for line in range(body.first, body.last + 1) for test in run.get(line, ())}
        narrow = {test for line in statement_in(source, mutant.line) for test in run.get(line, ())}
        return narrow | (whole & {""}) if narrow else whole


@frozen
class Result:
    """A mutant and what became of it: killed, timed out, survived, or mistake."""

    mutant: Mutant
    became: str


def surveyed(folders: Sequence[str], copy: Path) -> Suite:
    """Runs the tests of some folders without a mutant."""
    with _judge("survey", folders, copy) as process:
        answer = json.loads(process.communicate()[0] or '{"code": "nothing"}')
    if answer["code"] != 0:
        raise SystemExit(f"the tests in {' '.join(folders)} do not pass without a mutant (pytest: {answer['code']})")
    lines = {file: {int(line): tests for line, tests in run.items()} for file, run in answer["lines"].items()}
    return Suite(folders, answer["took_s"], lines, set(answer["other_loops"]))


def tried(mutants: Sequence[Mutant], suite: Suite, copy: Path, *, reload: bool = True) -> list[Result]:
    """Tries the bodies of functions by exchanging their code; what is left, and all else, by a new import.

    Without ``reload``, what no test runs and what survived is not tried a second time: it has survived.
    """
    patched: list[tuple[Mutant, dict[str, Any]]] = []
    reloaded: list[Mutant] = []
    sources = {file: (copy / file).read_text(encoding="utf-8") for file in {mutant.file for mutant in mutants}}
    bodies = {file: {body.function: body for body in bodies_in(source)} for file, source in sources.items()}
    results: list[Result] = []
    at_import: set[tuple[str, str]] = set()
    for mutant in mutants:
        body = bodies[mutant.file].get(mutant.function)
        tests = set[str]() if body is None else suite.tests_of(mutant, body, sources[mutant.file])
        if "" in tests:
            at_import.add((mutant.file, mutant.function))
            tests.remove("")
        if tests:
            ordered = sorted(tests, key=lambda test: (test in suite.other_loops, suite.took_s[test]))
            patched.append((mutant, {"function": mutant.function, "tests": ordered}))
        else:
            reloaded.append(mutant)
    print(f"{' '.join(suite.folders)}: {len(patched)} mutants by new code, {len(reloaded)} by a new import", flush=True)
    for result in _judged("patch", patched, suite, copy):
        mutant = result.mutant
        if reload and result.became == "survived" and (mutant.file, mutant.function) in at_import:
            reloaded.append(mutant)
        else:
            results.append(result)
    if not reload:
        return results + [Result(mutant, "survived") for mutant in reloaded]
    limit = AT_LEAST_S + TIMES * sum(suite.took_s.values())
    whole = [(mutant, {"first": _first(mutant.file, suite), "limit_s": limit}) for mutant in reloaded]
    return results + list(_judged("reload", whole, suite, copy))


def _first(file: str, suite: Suite) -> str:
    folder = next(folder for folder in suite.folders if not folder.startswith("--"))
    own = f"{folder}/{FIRST.get(file, f'test_{Path(file).stem}.py')}"
    return own if any(test.startswith(own) for test in suite.took_s) else folder


def _judged(how: str, mutants: Sequence[tuple[Mutant, dict[str, Any]]], suite: Suite, copy: Path) -> Iterator[Result]:
    """Yields what became of the mutants, one judge for every processor that this process may use."""
    waiting: SimpleQueue[tuple[Mutant, dict[str, Any]]] = SimpleQueue()
    for entry in mutants:
        waiting.put(entry)

    killers: dict[str, None] = {}  # the tests that killed a mutant; the newest comes last

    def work(_: int) -> list[Result]:
        results: list[Result] = []
        with _judge(how, suite.folders, copy) as process:
            _require_fair(process, mutants, suite, copy)
            while True:
                try:
                    mutant, request = waiting.get_nowait()
                except Empty:
                    return results
                if "tests" in request:
                    tests, known = request["tests"], list(killers)
                    wanted = set(tests)
                    chosen = dict.fromkeys([*(test for test in reversed(known) if test in wanted), *tests])
                    request = _limited(request, list(chosen), suite)
                verdict, killer = _verdict(process, mutant, request)
                if killer is not None:
                    killers.pop(killer, None)
                    killers[killer] = None
                print(f"{verdict} ({killer}): {mutant.shown}", file=sys.stderr, flush=True)
                results.append(Result(mutant, verdict))

    workers = min(len(os.sched_getaffinity(0)), len(mutants))
    if workers:
        with ThreadPoolExecutor(workers) as pool:
            for results in pool.map(work, range(workers)):
                yield from results


def _limited(request: dict[str, Any], tests: Sequence[str], suite: Suite) -> dict[str, Any]:
    """Returns a request that runs these tests, in this order, each with a limit of its own."""
    return {**request, "tests": tests, "limits_s": [AT_LEAST_S + TIMES * suite.took_s[test] for test in tests]}


def _require_fair(
    process: subprocess.Popen[str], mutants: Sequence[tuple[Mutant, dict[str, Any]]], suite: Suite, copy: Path
) -> None:
    """A judge lets pass what is no mutant: a file in which nothing is changed, by all the tests that it will run."""
    mutant, request = mutants[0]
    used = {test for _, other in mutants for test in other.get("tests", ())}
    unchanged = evolve(mutant, source=(copy / mutant.file).read_text(encoding="utf-8"))
    request = _limited(request, [test for test in suite.took_s if test in used], suite)
    verdict, test = _verdict(process, unchanged, request)
    if verdict != "survived":
        raise SystemExit(f"a judge calls {mutant.file} {verdict} ({test}), with nothing changed in it")


def _verdict(process: subprocess.Popen[str], mutant: Mutant, request: dict[str, Any]) -> tuple[str, str | None]:
    """Returns what became of a mutant, and the test that it did not pass, if that is known."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"file": mutant.file, "source": mutant.source, **request}) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a judge ended before its time, at {mutant.file}:{mutant.line}")
    verdict, test = json.loads(line)
    return verdict, test


def _judge(how: str, folders: Sequence[str], copy: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.mutation.judge", how, *folders],
        cwd=copy,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
