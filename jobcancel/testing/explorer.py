"""Explore a job: run it again and again, and request its cancel at another point in each run."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs

from jobcancel._core.arguments import COUNT, TIMEOUT

from .execution import Check, Execution, Make, execute
from .findings import Symptom
from .frames import UNKNOWN
from .plan import Phase, Plan, Point, PointId, Request, Step, format_plan, parse_plan
from .report import Divergence, Finding, Report

_MAX_POINTS: Final = 20_000  # of the run without a request
_MAX_RETRIES: Final = 2  # of a run that left its path
_LIMIT_FACTOR: Final = 20  # a run may have so many times the points of the run without a request


async def explore(
    make: Make,
    *,
    check: Check | None = None,
    request: Request | str = Request.CANCEL,
    pairs: Iterable[Request | str] = (),
    budget: int | None = None,
    only: str | None = None,
    stall_s: float = 10.0,
) -> Report:
    """Run a job again and again, requesting its cancel at another point in each run, until every point is covered.

    The points are: before the first step, every await at which a task of the job is suspended, every entry and exit
    of a stage, and after the last step. A second request is made at every await of the compensations that an accepted
    cancel starts.

    A job that succeeds is reported as *finished though canceled* if the cancellation was raised in its code. A job
    that returns behind a shield, before the cancellation could be raised, has done its work (the snapshot says
    ``cancel.ignored``): ``check`` decides whether that is right.

    Args:
        make: Makes the call: an async context manager, entered for each run (a clean database, an empty folder), that
            gives a call or a ``Submission``. It has to make the same job each time.
        check: The host's own judgement of a run, a plain or an async function. It is called inside ``make``'s block
            when the job has ended, and raises if something is wrong.
        request: The request to make.
        pairs: The second requests, each made at every later point of every run.
        budget: The maximum number of runs, from 1; None for no limit. The report counts the runs that were skipped.
        only: A plan from a report: only this run is made, after the run without a request (``uncanceled``).
        stall_s: Seconds without progress after which a job is forced to end and reported as endless; ``inf`` for
            never.

    Raises:
        TypeError: ``budget`` or ``stall_s`` is not a number.
        ValueError: One of them is out of its range, ``only`` is not a plan, or a request is unknown.
    """
    stall_s = TIMEOUT.check(stall_s, "stall_s")
    if budget is not None:
        budget = COUNT.check(budget, "budget", "None for all")
    exploration = _Exploration(make, check, Request(request), tuple(map(Request, pairs)), stall_s)
    plan = None if only is None else parse_plan(only)
    with _frozen_garbage():
        if plan is None:
            await exploration.run_all(budget)
        else:
            await exploration.run_plan(plan)
    return exploration.report()


class _Exploration:
    """One call of ``explore``: the planned runs, the executed ones and their findings."""

    def __init__(
        self, make: Make, check: Check | None, request: Request, pairs: tuple[Request, ...], stall_s: float
    ) -> None:
        self._make, self._check, self._request, self._pairs, self._stall_s = make, check, request, pairs, stall_s
        self._todo: deque[tuple[Plan, Mapping[PointId, Point]]] = deque()
        self._uncanceled: Execution | None = None
        self._compensation_points: set[tuple[Any, ...]] = set()
        self._runs = self._visited = self._covered = 0
        self._findings: dict[tuple[Any, ...], Finding] = {}
        self._diverged: list[Divergence] = []

    async def run_all(self, budget: int | None) -> None:
        """Execute every run that the budget allows."""
        uncanceled = await self._run((), {})
        points = uncanceled.record.points
        self._todo.extend(((Step(self._request, point),), points) for point in points)
        if uncanceled.record.over_limit:
            return  # every other run would be as endless
        while self._todo and (budget is None or self._runs < budget):
            plan, expected = self._todo.popleft()
            execution = await self._run(plan, expected)
            if len(plan) == 1 and execution.record.divergence is None:
                self._plan_second_requests(execution)

    async def run_plan(self, plan: Plan) -> None:
        """Execute one plan, after the runs that give the points which it expects."""
        execution = await self._run((), {})
        for length in range(1, len(plan) + 1):
            execution = await self._run(plan[:length], execution.record.points)
            if execution.record.divergence is not None:
                break  # the points that the next step expects are not known

    def report(self) -> Report:
        """Return the report."""
        points = 0 if self._uncanceled is None else len(self._uncanceled.record.points)
        findings = tuple(self._findings.values())
        return Report(
            points, self._runs, self._visited, self._covered, findings, tuple(self._diverged), len(self._todo)
        )

    async def _run(self, plan: Plan, expected: Mapping[PointId, Point]) -> Execution:
        """Execute a plan, and again if the run leaves its path: other processes may cause that."""
        execution = await self._execute(plan, expected)
        for _ in range(_MAX_RETRIES):
            if len(execution.record.requested_at) == len(plan):
                break
            execution = await self._execute(plan, expected)
        record = execution.record
        if len(record.requested_at) == len(plan):
            self._covered += len(plan) == 1
        else:
            planned = plan[len(record.requested_at)].point
            record.divergence = record.divergence or (expected.get(planned), None)
            self._diverged.append(Divergence(format_plan(plan), str(planned), *record.divergence))
        return execution

    async def _execute(self, plan: Plan, expected: Mapping[PointId, Point]) -> Execution:
        uncanceled = self._uncanceled
        execution = await execute(
            self._make,
            self._check,
            plan,
            expected,
            usual=None if uncanceled is None else uncanceled.state,
            limit=_MAX_POINTS if uncanceled is None else 1000 + _LIMIT_FACTOR * len(uncanceled.record.points),
            stall_s=self._stall_s,
        )
        self._runs += 1
        self._visited += len(execution.record.points)
        self._uncanceled = uncanceled or execution
        for symptom in execution.symptoms:  # also of a run that left its path: the fault is real
            self._add_finding(symptom, execution)
        return execution

    def _plan_second_requests(self, execution: Execution) -> None:
        """Plan runs with a second request after the one of this run."""
        (first,) = execution.plan
        points = list(execution.record.points.values())
        later = points[points.index(execution.record.requested_at[0]) + 1 :]
        counts: dict[tuple[Any, ...], int] = {}
        for point in later:
            requests = list(self._pairs)
            if point.phase is Phase.COMPENSATING:
                key = (point.location, point.moment)
                counts[key] = counts.get(key, 0) + 1
                if (*key, counts[key]) not in self._compensation_points and Request.CANCEL not in requests:
                    requests.append(Request.CANCEL)
                self._compensation_points.add((*key, counts[key]))
            for second in requests:
                self._todo.append(((first, Step(second, point.id)), execution.record.points))

    def _add_finding(self, symptom: Symptom, execution: Execution) -> None:
        """Add a symptom to the findings; the same fault at the same line in the same stage is one finding."""
        location = execution.delivered_to if symptom.location is UNKNOWN else symptom.location
        stages = [point.stage for point in execution.record.requested_at] or [None]
        keys = [(symptom.fault, location, stage) for stage in stages]
        key = next((key for key in keys if key in self._findings), keys[-1])
        known = self._findings.get(key)
        if known is not None:
            self._findings[key] = attrs.evolve(known, times=known.times + 1)
            return
        self._findings[key] = Finding(
            symptom.fault,
            location,
            stages[-1],
            symptom.message,
            tuple(verdict.outcome for verdict in execution.record.verdicts),
            execution.state,
            format_plan(execution.plan),
        )


@contextmanager
def _frozen_garbage() -> Generator[None]:
    """Restrict the garbage collections between runs to the objects that the runs have made."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
