"""Making a program with a finding shorter, as long as it is still found: a step, an act, an option less each time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from attrs import evolve

from .judgement import Finding
from .plan import KindPlan, Op, Program
from .runner import Report, run

SECONDS: Final = 60.0
TRIES: Final = 2  # a run whose threads take other turns may find nothing


def shorten(report: Report) -> Report:
    """Return the shortest program found whose findings have something in common with those of ``report``."""
    wanted, until, best = keys(report.findings), time.monotonic() + SECONDS, report
    progress = True
    while progress:
        progress = False
        for program in shorter(best.program):
            if time.monotonic() > until:
                return best
            if program == best.program:
                continue
            tried = next((one for _ in range(TRIES) if keys((one := run(program)).findings) & wanted), None)
            if tried is not None:
                best, progress = tried, True
                break
    return best


def keys(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    """What makes two findings the same one: the rule and what it says first."""
    return {(finding.rule, finding.text.partition(":")[0]) for finding in findings}


def shorter(program: Program) -> Iterator[Program]:
    """Programs that have a little less, the boldest first."""
    for half in (program.acts[: len(program.acts) // 2], program.acts[len(program.acts) // 2 :]):
        yield evolve(program, acts=half)
    if program.closing:
        yield evolve(program, closing=())
    for acts in without_one(program.acts):
        yield evolve(program, acts=acts)
    for closing in without_one(program.closing):
        yield evolve(program, closing=closing)
    if program.ending != "settled":
        yield evolve(program, ending="settled")
    for number, kind in enumerate(program.kinds):
        for smaller in _shorter_kind(kind):
            yield evolve(program, kinds=(*program.kinds[:number], smaller, *program.kinds[number + 1 :]))
    for plain in ({"max_running": None}, {"drain_s": 0.0}, {"store_delay_s": 0.0}, {"store": "none"}):
        if any(getattr(program, name) != value for name, value in plain.items()):
            yield evolve(program, **plain)


def _shorter_kind(kind: KindPlan) -> Iterator[KindPlan]:
    if kind.body:
        yield evolve(kind, body=())
    for body in shorter_steps(kind.body):
        yield evolve(kind, body=body)
    for options in without_one(kind.options):
        yield evolve(kind, options=options)
    for stages in without_one(kind.stages):
        yield evolve(kind, stages=stages)


def without_one(things: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    for number in range(len(things)):
        yield (*things[:number], *things[number + 1 :])


def shorter_steps(steps: tuple[Op, ...]) -> Iterator[tuple[Op, ...]]:
    """The steps without one of them, or with one of them replaced by what is inside it, or by less of that."""
    yield from without_one(steps)
    for number, step in enumerate(steps):
        before, after = steps[:number], steps[number + 1 :]
        inside: tuple[Op, ...] = tuple(part for part in step if is_step(part))
        branches: tuple[tuple[Op, ...], ...] = tuple(part for part in step if has_parts(part) and not is_step(part))
        for steps_inside in (inside, *branches):
            if steps_inside:
                yield (*before, *steps_inside, *after)
        head = tuple(part for part in step if not has_parts(part))
        if inside:
            for less in shorter_steps(inside):
                yield (*before, (*head, *less), *after)
        for place, branch in enumerate(branches):
            for less in shorter_steps(branch):
                yield (*before, (*head, *branches[:place], less, *branches[place + 1 :]), *after)


def has_parts(part: Any) -> bool:
    """Whether this part of a step is a step, a branch of steps, or an argument that is a tuple."""
    return isinstance(part, tuple)


def is_step(part: Any) -> bool:
    """Whether this part of a step is a step itself; else it is a branch of steps, or an argument."""
    return has_parts(part) and bool(part) and isinstance(part[0], str)
