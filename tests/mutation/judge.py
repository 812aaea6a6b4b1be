"""Tries mutants, a process of its own inside a copy of the tree: ``python -m tests.mutation.judge HOW FOLDER ...``.

It reads one JSON line a mutant and answers with one; the FOLDERs hold the tests that judge. With ``--asyncio`` after
HOW it leaves out the tests on other loops. HOW is one of:

- ``survey``: reads nothing, answers once: which tests run which function, and how long each test takes;
- ``patch``: for the body of a function. All tests are collected once; for each mutant a fork exchanges the code of
  the function, wherever it has come to (a property, a decorated function, attrs' copy of a class), and runs its tests;
- ``reload``: for what runs when a module is imported. For each mutant a fork imports everything again.

A fork that answers neither "passed" nor "failed" tells of a mistake in the tests or here, and is reported as such.
"""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import json
import mmap
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final, TextIO, cast

import coverage
import pytest

# Plain asserts: the package has a plugin for pytest, which would therefore import its modules itself, mutants aside.
ARGUMENTS: Final = ("-q", "-x", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:schemathesis")
PASSED, FAILED, MISTAKE = 0, 1, 99
MEMORY: Final = 4 << 30  # bytes: a mutant that never stops to append dies of it
# The modules that are imported again for a mutant: those that may use its package.
RELOADED: Final = {"tests/core": "jobcancel", "tests/contracts": "jobcancel.contracts", "tests/runtime": "jobcancel"}


class Settings:
    """Hypothesis, the same at every run, on a busy machine too; a smaller counterexample is of no use."""

    def pytest_configure(self) -> None:
        from hypothesis import HealthCheck, Phase, settings  # pytest has to import it first, as a plugin

        settings.register_profile(
            "mutation",
            derandomize=True,
            database=None,
            max_examples=30,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("mutation")


class AsyncioOnly:
    """Leaves out the tests on the other loops."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if loop_of(item) in (None, "asyncio")]


def loop_of(item: pytest.Item) -> str | None:
    """Returns the name of the loop on which a test runs, or None for a test that chooses none."""
    callspec: Any = getattr(item, "callspec", None)
    chosen: Any = None if callspec is None else callspec.params.get("anyio_backend")
    if isinstance(chosen, tuple):  # a test that names its loops itself, with their options
        name, options = cast("tuple[str, dict[str, Any]]", chosen)
        return "uvloop" if options.get("use_uvloop") else str(name)
    return None if chosen is None else str(chosen)


class Survey:
    """Which tests run which lines, and how long each takes."""

    def __init__(self) -> None:
        self.coverage = coverage.Coverage(data_file=None, config_file=False, include=["jobcancel/*"])
        self.took_s: dict[str, float] = {}
        self.other_loops: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        if loop_of(item) not in (None, "asyncio"):
            self.other_loops.append(item.nodeid)
        self.coverage.switch_context(item.nodeid)
        begun = time.monotonic()
        try:
            return (yield)
        finally:
            self.took_s[item.nodeid] = time.monotonic() - begun
            self.coverage.switch_context("")

    def answer(self, folders: Sequence[str], plugins: Sequence[object]) -> dict[str, Any]:
        """Runs the tests; an empty context stands for what ran while a module was imported."""
        self.coverage.start()
        code = pytest.main([*ARGUMENTS, *folders], plugins=[*plugins, self])
        self.coverage.stop()
        measured = self.coverage.get_data()
        top = Path.cwd()
        files = {str(Path(file).relative_to(top)): file for file in measured.measured_files()}
        lines = {name: measured.contexts_by_lineno(file) for name, file in files.items()}
        return {"code": int(code), "took_s": self.took_s, "lines": lines, "other_loops": self.other_loops}


class Patching:
    """Serves mutants of function bodies in the place of pytest's own loop over the tests."""

    def __init__(self, requests: TextIO, answer: Callable[[Any], None]) -> None:
        self.requests, self.answer = requests, answer

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        functions: dict[tuple[str, str], list[FunctionType]] = defaultdict(list)
        for found in gc.get_objects():  # some of them raise when isinstance asks for their class
            if type(found) is FunctionType and found.__module__ and found.__module__.startswith("jobcancel."):
                functions[found.__code__.co_filename, found.__code__.co_qualname].append(found)
        gc.freeze()  # a fork's collections would copy all of it
        for line in self.requests:
            mutant = json.loads(line)
            file = str(Path.cwd() / mutant["file"])
            targets = functions[file, mutant["function"]]
            tests = [items[name] for name in mutant["tests"]]

            def run(
                at: mmap.mmap, mutant: Any = mutant, file: str = file, targets: Any = targets, tests: Any = tests
            ) -> int:
                code = code_in(compile(mutant["source"], file, "exec"), mutant["function"])
                if code is None or not targets or any(it.__code__.co_freevars != code.co_freevars for it in targets):
                    return MISTAKE
                for target in targets:
                    target.__code__ = code
                limits = mutant["limits_s"]
                for place, (test, following, limit) in enumerate(zip(tests, [*tests[1:], None], limits, strict=True)):
                    at[:4] = place.to_bytes(4)
                    signal.setitimer(signal.ITIMER_REAL, limit)  # a test that hangs is not to cost what all may take
                    test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
                    if session.testsfailed:
                        return FAILED
                return PASSED

            verdict, place = forked(run, 0.0)
            self.answer([verdict, mutant["tests"][place] if verdict in ("killed", "timed out") else None])
        return True


def code_in(code: CodeType, function: str) -> CodeType | None:
    """Returns the code of a function in the code of its module."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == function:
                return constant
            if function.startswith(f"{constant.co_qualname}."):
                return code_in(constant, function)
    return None


def forget(top: str) -> None:
    """Forgets a package and the tests, so that the next import of either is a first one."""
    for name in list(sys.modules):
        if f"{name}.".startswith((f"{top}.", "tests.")):
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(child, None)  # else `from parent import child` finds the old one


def reloading(
    folders: Sequence[str], plugins: Sequence[object], requests: TextIO, answer: Callable[[Any], None]
) -> None:
    """Serves mutants of what runs at import."""
    pytest.main([*ARGUMENTS, "--collect-only", *folders], plugins=[*plugins])  # third parties stay imported
    forget(RELOADED[folders[0]])
    gc.freeze()
    for line in requests:
        mutant = json.loads(line)

        def run(_: mmap.mmap, mutant: Any = mutant) -> int:
            sys.meta_path.insert(0, Planted(mutant["file"], mutant["source"]))
            for chosen in dict.fromkeys((mutant["first"], *folders)):
                code = pytest.main([*ARGUMENTS, chosen], plugins=[*plugins])
                if code in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):  # or a module not imported
                    return FAILED
                if code != pytest.ExitCode.OK:
                    return MISTAKE
            return PASSED

        answer([forked(run, mutant["limit_s"])[0], None])


class Planted(MetaPathFinder):
    """Imports one module from a text of its own."""

    def __init__(self, file: str, source: str) -> None:
        self.name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self.path, self.source = str(Path.cwd() / file), source

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=_Loader(name, self.path, self.source))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


def forked(run: Callable[[mmap.mmap], int], limit_s: float) -> tuple[str, int]:
    """Runs in a fork, which the clock ends after ``limit_s``; answers what became of the mutant, and the last test.

    ``run`` writes the place of a test before it runs it.
    """
    at = mmap.mmap(-1, 4)  # shared with the fork
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = MISTAKE
        try:
            code = run(at)
        except BaseException:  # whatever a mutant lets out is not to reach the loop of the one that forked
            code = FAILED
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    last = int.from_bytes(at[:4])
    at.close()
    if os.WIFSIGNALED(status):
        return "timed out" if os.WTERMSIG(status) == signal.SIGALRM else "killed", last
    return {PASSED: "survived", FAILED: "killed"}.get(os.WEXITSTATUS(status), "mistake"), last


def main(how: str, *arguments: str) -> None:
    folders = [argument for argument in arguments if argument != "--asyncio"]
    plugins = [Settings(), *([AsyncioOnly()] if "--asyncio" in arguments else [])]
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)

    def answer(value: Any) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    if how == "survey":
        answer(Survey().answer(folders, plugins))
    elif how == "patch":
        pytest.main([*ARGUMENTS, *folders], plugins=[*plugins, Patching(requests, answer)])
    else:
        reloading(folders, plugins, requests, answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
