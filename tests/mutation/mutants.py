"""The mutants of a file, made by mutmut's operators and one more: a call whose value is not used is left out.

mutmut's own run switches functions alone, by trampolines: tables, enums, defaults, properties and what is decorated
stay whole. Here its operators meet every node of a file; ``judge`` says how a mutant of either sort is tried.

What is left out, as a rule, since no test could tell the difference:

- annotations, the type that ``cast`` takes, what is a ``TypeAlias``, ``TypeVar`` and its like: only type checkers
  read them;
- docstrings;
- functions without a body of code (``...``): the methods of a Protocol and overloads, defaults included.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

import libcst as cst
import libcst.matchers as m
from attrs import frozen
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

_VARIABLE: Final = m.Call(func=m.Name("TypeVar") | m.Name("ParamSpec") | m.Name("TypeVarTuple"))
_FOR_CHECKERS: Final = (
    m.Annotation() | m.Assign(value=_VARIABLE) | m.AnnAssign(annotation=m.Annotation(m.Name("TypeAlias")))
)
_CAST: Final = m.Call(func=m.Name("cast"))
_DOCSTRING: Final = m.Expr(m.SimpleString() | m.ConcatenatedString())
_ELLIPSIS: Final = m.SimpleStatementLine([m.Expr(m.Ellipsis())])
_FOR_EFFECT: Final = m.Expr(m.Call() | m.Await(m.Call())) | m.Del()


@frozen
class Mutant:
    """One small change of one file.

    Attributes:
        file: Where, as a path from the top of the tree.
        function: The function or method whose body it is in, as Python qualifies its name; empty outside of any.
        line: Where it begins.
        old: The lines that it replaces, without their indentation.
        new: What stands there instead.
        source: The whole file with the change in it.
    """

    file: str
    function: str
    line: int
    old: str
    new: str
    source: str

    @property
    def shown(self) -> str:
        """Where it is, and its lines."""
        lines = [f"    - {line}" for line in self.old.splitlines()] + [
            f"    + {line}" for line in self.new.splitlines()
        ]
        return "\n".join([f"{self.file}:{self.line} {self.function}".rstrip(), *lines])


def _left_out(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yields ``pass`` for a call that is a statement of its own, and for a ``del``."""
    if m.matches(node, _FOR_EFFECT):
        yield cst.Pass()


_OPERATORS: Final = (*mutation_operators, (cst.BaseSmallStatement, _left_out))


@frozen
class Body:
    """Where the code of a function stands, from its first statement to its last."""

    function: str
    first: int
    last: int


def bodies_in(source: str) -> list[Body]:
    """Returns the functions of a module and the methods of its classes; functions inside those belong to them."""
    return list(_bodies(ast.parse(source).body, ""))


def statement_in(source: str, line: int) -> range:
    """Returns the lines of the innermost statement at a line; of a compound one only the head, if the line is there."""
    found = range(line, line + 1)
    for node in ast.walk(ast.parse(source)):  # outer statements come before inner ones
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            inner: list[ast.stmt] = getattr(node, "body", [])
            in_head = bool(inner) and line < inner[0].lineno
            last = inner[0].lineno - 1 if in_head else node.end_lineno or node.lineno
            found = range(node.lineno, max(last, line) + 1)
    return found


def _bodies(statements: list[ast.stmt], prefix: str) -> Iterator[Body]:
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Body(prefix + node.name, node.body[0].lineno, node.end_lineno or node.lineno)
        elif isinstance(node, ast.ClassDef):
            yield from _bodies(node.body, f"{prefix}{node.name}.")


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[CodeRange, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if m.matches(node, _FOR_CHECKERS | _DOCSTRING):
            return False
        if isinstance(node, cst.FunctionDef) and _has_no_code(node):
            return False
        if m.matches(node, _CAST):  # its type is left alone, its value is not
            cst.ensure_type(node, cst.Call).args[1].visit(self)
            return False
        place = self.get_metadata(PositionProvider, node, None)
        if isinstance(place, CodeRange):
            changes = (mutated for kind, change in _OPERATORS if isinstance(node, kind) for mutated in change(node))
            self.found += ((place, node, mutated) for mutated in changes)
        return True


def _has_no_code(function: cst.FunctionDef) -> bool:
    body = function.body.body
    return all(m.matches(line, _ELLIPSIS | m.SimpleStatementLine([_DOCSTRING]) | m.Expr(m.Ellipsis())) for line in body)


def mutants_of(file: str, top: Path) -> list[Mutant]:
    """Returns every mutant of a file that is Python, each text once."""
    source = (top / file).read_text(encoding="utf-8")
    module = MetadataWrapper(cst.parse_module(source))
    finder = _Finder()
    module.visit(finder)
    bodies = bodies_in(source)
    mutants: dict[str, Mutant] = {}
    for place, node, mutated in finder.found:
        changed = _changed(module.module, source, place, node, mutated)
        if changed not in mutants and changed != source and _is_python(changed):
            line = place.start.line
            function = next((body.function for body in bodies if body.first <= line <= body.last), "")
            mutants[changed] = Mutant(file, function, line, *_lines(source, changed), changed)
    return list(mutants.values())


def _changed(module: cst.Module, source: str, place: CodeRange, node: cst.CSTNode, mutated: cst.CSTNode) -> str:
    """Returns the source with ``mutated`` in the place of ``node``; by text where it can be: that is quicker."""
    lines = source.splitlines(keepends=True)
    start = sum(map(len, lines[: place.start.line - 1])) + place.start.column
    end = sum(map(len, lines[: place.end.line - 1])) + place.end.column
    if source[start:end] == module.code_for_node(node):
        return source[:start] + module.code_for_node(mutated) + source[end:]
    return cst.ensure_type(module.deep_replace(node, mutated), cst.Module).code


def _is_python(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _lines(source: str, changed: str) -> tuple[str, str]:
    """Returns the lines that differ, before and after."""
    difference = list(unified_diff(source.splitlines(), changed.splitlines(), n=0, lineterm=""))[3:]
    old, new = ("\n".join(line[1:].strip() for line in difference if line[0] == mark) for mark in "-+")
    return old, new
