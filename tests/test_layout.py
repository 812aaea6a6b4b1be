"""The shape of the tree: what lies where, how long it may be, and what it may not be called."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import jobcancel
from jobcancel import Scheduler
from jobcancel.abc import JobService

TOP = Path(__file__).resolve().parent.parent
PACKAGE = Path(jobcancel.__file__).resolve().parent
MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = [path.relative_to(PACKAGE).as_posix() for path in MODULES]

MIN_LINES, MAX_LINES = 40, 400
SHORT = {  # modules under MIN_LINES beside the packages' own, with the reason
    "__main__.py": "python -m jobcancel",
    "_cli/bad_input.py": "the error of every command: it has no other home below all of them",
}
MAX_STATEMENTS = 30
TOP_LEVEL = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "jobcancel", "tests", "benchmarks"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "data", "info", "misc", "common"}
# In two parts, so that this file does not hold what it looks for.
UNCOUNTED = "pragma: " + "no cover"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def statements(function: Function) -> int:
    """How many statements a function has, those of the functions inside it included, docstrings not."""
    inside = (node for child in function.body for node in ast.walk(child))
    return sum(isinstance(node, ast.stmt) and not is_docstring(node) for node in inside)


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def tracked() -> list[Path]:
    if not (TOP / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, check=True, capture_output=True, text=True).stdout
    return [Path(name) for name in listed.split("\0") if name]


def test_the_top_level_holds_nothing_but_what_belongs_there() -> None:
    names = {path.parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_file_is_short_enough_to_have_one_job(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_a_module_is_long_enough_to_be_worth_a_name_or_has_a_reason() -> None:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in zip(IDS, MODULES, strict=True)}
    short = {name for name, count in lines.items() if count < MIN_LINES and not name.endswith("__init__.py")}
    assert short == SHORT.keys()


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_function_is_short_enough_to_have_one_job(path: Path) -> None:
    counted = {function.name: statements(function) for function in functions(path)}
    assert {name: count for name, count in counted.items() if count > MAX_STATEMENTS} == {}


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_is_named_after_what_it_does(path: Path) -> None:
    names = path.relative_to(PACKAGE).with_suffix("").parts
    assert not {name.strip("_") for name in names} & VAGUE_NAMES


def test_no_line_is_taken_out_of_the_coverage() -> None:
    python = [path for path in tracked() if path.suffix in {".py", ".toml"}]
    # A file that is deleted but not yet committed is tracked all the same.
    found = [path for path in python if (TOP / path).exists() and UNCOUNTED in (TOP / path).read_text(encoding="utf-8")]
    assert found == []


def test_the_names_for_type_checkers_are_those_that_are_there_at_run_time() -> None:
    docstring, imported, choice, names = tree(PACKAGE / "__init__.py").body
    assert is_docstring(docstring)
    assert ast.unparse(imported) == "from typing import TYPE_CHECKING"
    assert isinstance(choice, ast.If)
    assert ast.unparse(choice.test) == "TYPE_CHECKING"
    seen = [node for node in choice.body if isinstance(node, ast.ImportFrom)]
    assert len(seen) == len(choice.body)
    homes = choice.orelse[0]
    assert isinstance(homes, ast.Assign)
    table = ast.literal_eval(homes.value)
    assert table == {alias.name: f".{node.module or alias.name}" for node in seen for alias in node.names}
    modules = [alias.name for node in seen if node.module is None for alias in node.names]
    assert modules == ["abc", "errors"]
    assert ast.unparse(names).partition(" = (")[0] == "__all__"
    assert type(jobcancel.__all__) is tuple
    assert sorted(jobcancel.__all__) == sorted(table.keys() - {*modules})


FIRST_USES = {
    "a name": "import jobcancel; assert jobcancel.Stage('a').name == 'a'",
    "a name, imported": "from jobcancel import Stage; assert Stage('a').name == 'a'",
    "all names": "from jobcancel import *; assert Stage('a').name == 'a'",
    "a module": "import jobcancel; assert jobcancel.errors.StageError",
    "a module, imported": "from jobcancel import testing, contracts; assert testing.ManualClock",
    "the list": "import jobcancel; assert 'Stage' in jobcancel.__all__",
    "the directory": "import jobcancel; assert {'Stage', 'errors', '__name__'} <= set(dir(jobcancel))",
    "no name": "import jobcancel; assert not hasattr(jobcancel, 'Stagee'); assert jobcancel.Stage",
}


@pytest.mark.parametrize("code", FIRST_USES.values(), ids=FIRST_USES)
def test_whatever_is_used_first_finds_its_name_and_loads_the_rest(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TOP)


def test_a_name_that_is_not_there_is_missed_by_its_name() -> None:
    with pytest.raises(AttributeError, match=r"^module 'jobcancel' has no attribute 'Stagee'$"):
        getattr(jobcancel, "Stagee")  # noqa: B009  # checkers know that it is not there
    with pytest.raises(ImportError, match="Stagee"):
        exec("from jobcancel import Stagee")  # noqa: S102


def test_asking_for_what_python_asks_of_every_module_loads_nothing() -> None:
    code = "import jobcancel, sys; assert not hasattr(jobcancel, '__wrapped__'); assert 'anyio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TOP)


SPARED = {
    "who enters none": ("_core.snapshot", "_core.view"),
    "who has no store": ("_runtime.durable_journal", "_runtime.journal_writer", "_runtime.recovery", "stores"),
    "who blocks no thread": ("_runtime.blocking",),
}


@pytest.mark.parametrize("modules", SPARED.values(), ids=SPARED)
def test_a_scheduler_is_loaded_without_what_not_everybody_uses(modules: tuple[str, ...]) -> None:
    code = "import sys; from jobcancel import JobContext, Registry, Scheduler, Stage; Scheduler(Registry())"
    unloaded = " and ".join(f"'jobcancel.{name}' not in sys.modules" for name in modules)
    subprocess.run([sys.executable, "-c", f"{code}; assert {unloaded}"], check=True, cwd=TOP)
    exist = "; ".join(f"import jobcancel.{name}" for name in modules)
    subprocess.run([sys.executable, "-c", exist], check=True, cwd=TOP)


def test_a_scheduler_that_is_entered_can_show_its_jobs_though_no_file_can_be_opened_any_more() -> None:
    code = """
import anyio, sys
from jobcancel import Registry, Scheduler

async def main():
    async with Scheduler(Registry()):
        assert {"jobcancel._core.view", "jobcancel._core.snapshot"} <= {*sys.modules}

anyio.run(main)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=TOP)


def test_every_exported_name_is_there() -> None:
    package = import_module("jobcancel")
    assert [name for name in jobcancel.__all__ if not hasattr(package, name)] == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_a_schedulers_methods_have_the_whole_docstrings_of_job_service() -> None:
    methods = [name for name in vars(JobService) if not name.startswith("_")]
    assert len(methods) == 9
    differ = [name for name in methods if getattr(Scheduler, name).__doc__ != getattr(JobService, name).__doc__]
    assert differ == []  # an editor shows the docstring of the method that is called
