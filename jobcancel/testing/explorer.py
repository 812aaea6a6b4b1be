"""Exhaustive cancel injection: a job run again and again, each time canceled at another of its moments."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs

from jobcancel._core.arguments import COUNT, TIMEOUT

from .asks import Ask
from .findings import Symptom
from .one_run import Check, Make, Outing, one_run
from .places import NOWHERE
from .points import Phase, Place, Plan, Point, Step, parsed, spelled
from .report import Divergence, Finding, Report

_MOST_POINTS: Final = 20_000
_MORE_TRIES: Final = 2  # of a run that has left the path
_PATIENCE: Final = 20  # times the moments of the run in which nobody asks


async def explore(
    make: Make,
    *,
    check: Check | None = None,
    ask: Ask | str = Ask.CANCEL,
    pairs: Iterable[Ask | str] = (),
    budget: int | None = None,
    only: str | None = None,
    stall_s: float = 10.0,
) -> Report:
    """Run a job again and again, asking for its cancel at another moment each time, until no moment is left.

    The moments are: before the first step, every await at which a task of the job stands still, every entering and
    leaving of a stage, and after the last step; and, with a second request, every await of the compensations that an
    accepted cancel brings about.

    A job that succeeds is *finished though canceled* if its code had been given the cancellation. One that returns
    behind a shield, before the cancellation could reach it, has done its work (``cancel.ignored`` in the snapshot says
    so): whether that is right is for ``check`` to judge.

    Args:
        make: Makes the call: an async context manager, entered afresh for every run (a clean database, an empty
            folder), that gives a call or a ``Submission``. It has to make the same job each time.
        check: The host's own judgement of a run, called within ``make``'s block when the job has ended: it raises if
            something is wrong. A plain function or an async one.
        ask: What is asked for.
        pairs: What is asked for a second time, at every later moment of every run.
        budget: How many runs to make at most, from 1; None for all. The report says what was left out.
        only: A plan from a report: that run alone is made, after the one in which nobody asks (``uncanceled``).
        stall_s: Seconds without a step after which a run is forced to end and reported as endless; ``inf`` for never.

    Raises:
        TypeError: ``budget`` or ``stall_s`` is no number.
        ValueError: One of them is out of its range, ``only`` is no plan, or a request is none.
    """
    stall_s = TIMEOUT.check(stall_s, "stall_s")
    if budget is not None:
        budget = COUNT.check(budget, "budget", "None for all")
    exploration = Exploration(make, check, Ask(ask), tuple(map(Ask, pairs)), stall_s)
    wanted = None if only is None else parsed(only)
    with _young_garbage():
        if wanted is None:
            await exploration.all(budget)
        else:
            await exploration.one(wanted)
    return exploration.report()


class Exploration:
    """One call of ``explore``: what is planned, what was made, what was found."""

    def __init__(self, make: Make, check: Check | None, ask: Ask, pairs: tuple[Ask, ...], stall_s: float) -> None:
        self._make, self._check, self._ask, self._pairs, self._stall_s = make, check, ask, pairs, stall_s
        self._todo: deque[tuple[Plan, Mapping[Place, Point]]] = deque()
        self._usual: Outing | None = None
        self._undone: set[tuple[Any, ...]] = set()
        self._runs = self._moments = self._covered = 0
        self._findings: dict[tuple[Any, ...], Finding] = {}
        self._diverged: list[Divergence] = []

    async def all(self, budget: int | None) -> None:
        """Make every run that the budget allows."""
        usual = await self._run((), {})
        points = usual.trace.points
        self._todo.extend(((Step(self._ask, place),), points) for place in points)
        if usual.trace.endless:
            return  # all else would be as endless
        while self._todo and (budget is None or self._runs < budget):
            plan, expected = self._todo.popleft()
            outing = await self._run(plan, expected)
            if len(plan) == 1 and outing.trace.diverged is None:
                self._plan_pairs(outing)

    async def one(self, plan: Plan) -> None:
        """Make one run, and what is needed to know its path."""
        outing = await self._run((), {})
        for length in range(1, len(plan) + 1):
            outing = await self._run(plan[:length], outing.trace.points)
            if outing.trace.diverged is not None:
                break  # the points of the rest of the plan are those of a run that was not made

    def report(self) -> Report:
        """Return what was found."""
        points = 0 if self._usual is None else len(self._usual.trace.points)
        findings = tuple(self._findings.values())
        return Report(
            points, self._runs, self._moments, self._covered, findings, tuple(self._diverged), len(self._todo)
        )

    async def _run(self, plan: Plan, expected: Mapping[Place, Point]) -> Outing:
        """Make one run, again if it leaves the path: what other processes do has no part in a plan."""
        outing = await self._once(plan, expected)
        for _ in range(_MORE_TRIES):
            if len(outing.trace.asked) == len(plan):
                break
            outing = await self._once(plan, expected)
        trace = outing.trace
        if len(trace.asked) == len(plan):
            self._covered += len(plan) == 1
        else:
            planned = plan[len(trace.asked)].place
            trace.diverged = trace.diverged or (expected.get(planned), None)
            self._diverged.append(Divergence(spelled(plan), str(planned), *trace.diverged))
        return outing

    async def _once(self, plan: Plan, expected: Mapping[Place, Point]) -> Outing:
        usual = self._usual
        outing = await one_run(
            self._make,
            self._check,
            plan,
            expected,
            usual=None if usual is None else usual.state,
            limit=_MOST_POINTS if usual is None else 1000 + _PATIENCE * len(usual.trace.points),
            stall_s=self._stall_s,
        )
        self._runs += 1
        self._moments += len(outing.trace.points)
        self._usual = usual or outing
        for symptom in outing.symptoms:  # of a run that left the path too: what it shows is so
            self._add(symptom, outing)
        return outing

    def _plan_pairs(self, outing: Outing) -> None:
        """Plan the second requests that a run with one gives occasion for."""
        (first,) = outing.plan
        points = list(outing.trace.points.values())
        after = points[points.index(outing.trace.asked[0]) + 1 :]
        times: dict[tuple[Any, ...], int] = {}
        for point in after:
            seconds = list(self._pairs)
            if point.phase is Phase.COMPENSATING:
                key = (point.spot, point.moment)
                times[key] = times.get(key, 0) + 1
                if (*key, times[key]) not in self._undone and Ask.CANCEL not in seconds:
                    seconds.append(Ask.CANCEL)
                self._undone.add((*key, times[key]))
            for second in seconds:
                self._todo.append(((first, Step(second, point.place)), outing.trace.points))

    def _add(self, symptom: Symptom, outing: Outing) -> None:
        """Count a symptom as a finding; the same one at the same line in the same stage is one finding."""
        spot = outing.reached if symptom.spot is NOWHERE else symptom.spot
        stages = [point.stage for point in outing.trace.asked] or [None]
        keys = [(symptom.fault, spot, stage) for stage in stages]
        key = next((key for key in keys if key in self._findings), keys[-1])
        known = self._findings.get(key)
        if known is not None:
            self._findings[key] = attrs.evolve(known, times=known.times + 1)
            return
        self._findings[key] = Finding(
            symptom.fault,
            spot,
            stages[-1],
            symptom.message,
            tuple(verdict.outcome for verdict in outing.trace.verdicts),
            outing.state,
            spelled(outing.plan),
        )


@contextmanager
def _young_garbage() -> Generator[None]:
    """Let the collections between runs look at what the runs have made, and at nothing older."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
