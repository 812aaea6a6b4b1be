"""Compares all that can be seen of the scheduler with the reference, and with what holds at every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from jobcancel import Scheduler, Snapshot
from jobcancel.errors import JobCancelError
from jobcancel.testing.clock import EPOCH

from .life import TERMINAL
from .onlookers import Waiter, Watcher
from .puppets import Stage
from .records import Cancel, Job
from .reference import Reference

STATES: Final = {"pending", "running", "canceling", *TERMINAL}
MARKS: Final = ("held", "forced", "ignored", "abandoned", "pierced", "compensated", "stuck")


def utc(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(EPOCH + at, UTC)


def same(seen: dict[str, Any] | None, expected: dict[str, Any] | None, what: str) -> None:
    """Compare, and name what differs."""
    differing = set(seen or {}) | set(expected or {}) if not (seen and expected) else set(seen)
    lines = [
        f"  {name}: {seen and seen.get(name)!r}, not {expected and expected.get(name)!r}"
        for name in sorted(differing)
        if not seen or not expected or seen[name] != expected[name]
    ]
    assert seen == expected, "\n".join([what, *lines])


def same_error(error: JobCancelError, expected: object) -> None:
    assert type(error).__name__ == expected, f"{error!r}, not {expected}"


class Comparison:
    """What was seen before, so that what must not change can be checked too.

    Attributes:
        raced: Jobs whose code met a cancel in one turn of the loop: when it was delivered is the loop's affair.
    """

    def __init__(self, scheduler: Scheduler, reference: Reference, stage: Stage, tally: Counter[str]) -> None:
        self._scheduler, self._reference, self._stage, self._tally = scheduler, reference, stage, tally
        self._histories: dict[str, tuple[Any, ...]] = {}
        self._ended: dict[str, Snapshot[Any]] = {}
        self.raced: set[str] = set()

    async def check(self, waiters: Sequence[Waiter], watchers: Sequence[Watcher]) -> None:
        assert self._stage.broken == []
        for group in self._reference.tied:
            readable = {job.id for job in (await self._scheduler.find(kind=group[0].kind["name"])).jobs}
            assert sum(job.dropped for job in group) == sum(job.id not in readable for job in group)
            for job in group:
                job.dropped = job.id not in readable
        self._reference.tied.clear()
        for job in self._reference.jobs:
            if job.dropped:
                await self._check_dropped(job)
                continue
            snapshot = await self._scheduler.get(job.id, owner=job.owner)
            if job.id in self._ended:
                assert snapshot == self._ended[job.id], f"{job.id} has ended, and changed"
                continue
            self._check_job(job, snapshot)
            self._check_steady(job, snapshot)
            await self._check_answers(job)
        begun = {token for job in self._reference.jobs for token in job.undone}
        assert len(self._stage.undone) == len(begun), "a compensation ran twice, or one that should not"
        for waiter in waiters:
            self._check_waiter(waiter)
        for watcher in watchers:
            self._check_watcher(watcher)

    async def _check_dropped(self, job: Job) -> None:
        try:
            await self._scheduler.get(job.id)
        except JobCancelError as error:
            same_error(error, "JobNotFoundError")
        else:
            # Its code ended past its retention, and with it the scheduler: it is dropped when that is entered again.
            assert job.overdue, f"{job.id} is readable past its retention"
            closed = self._scheduler._session is None  # pyright: ignore[reportPrivateUsage]
            assert closed, f"{job.id} is readable past its retention"
            job.dropped = False

    def _check_job(self, job: Job, snapshot: Snapshot[Any]) -> None:
        place = f"{job.id} ({job.kind['name']}, {job.place})"
        seen = {
            "state": snapshot.state.value,
            "stage": snapshot.stage,
            "submitted": (snapshot.owner, snapshot.key, snapshot.labels, snapshot.kind, snapshot.attempt),
            "parent": snapshot.parent_id,
            "times": (snapshot.created_at, snapshot.started_at, snapshot.settled_at),
            "failure": snapshot.failure and snapshot.failure.code.value,
            "result": snapshot.result,
            "states": [one.status for one in snapshot.history if one.status in STATES and one.step not in job.stages],
            "stages": [entry.step for entry in snapshot.history if entry.step in job.stages],
            "undone": [token for token in self._stage.undone if token in job.undone],
        }
        stage = job.stage_name
        value = job.state in {"succeeded", "partially_succeeded"}
        expected = {
            "state": job.state,
            "stage": stage,
            "submitted": (job.owner, job.key, job.labels, job.kind["name"], 1),
            "parent": job.parent and job.parent.id,
            "times": (utc(job.created), utc(job.started), utc(job.settled)),
            "failure": job.failure,
            "result": job.id if value else None,
            "states": job.states[1:],
            "stages": job.stages,
            "undone": job.undone,
        }
        same(seen, expected, place)
        same(self._seen_cancel(job, snapshot), self._expected_cancel(job), f"{place}, its cancel")

    def _seen_cancel(self, job: Job, snapshot: Snapshot[Any]) -> dict[str, Any] | None:
        cancel = snapshot.cancel
        if cancel is None:
            return None
        seen = {name: getattr(cancel, name) for name in MARKS if name != "held"}
        seen |= {"cause": cancel.cause.value, "outcome": cancel.outcome.value, "requested": cancel.requested_at}
        seen |= {"by": cancel.by if cancel.cause == "user" else None, "unresponsive": cancel.unresponsive}
        if job.id in self.raced and snapshot.settled:
            del seen["ignored"]
            return seen
        return seen | {"delivered": cancel.delivered_at}

    def _expected_cancel(self, job: Job) -> dict[str, Any] | None:
        cancel: Cancel | None = job.cancel
        if cancel is None:
            return None
        expected: dict[str, Any] = {name: getattr(cancel, name) for name in MARKS if name != "held"}
        expected |= {"cause": cancel.cause, "outcome": cancel.outcome, "requested": utc(cancel.requested)}
        expected |= {"by": cancel.by if cancel.cause == "user" else None, "unresponsive": False}
        if job.id in self.raced and job.state in TERMINAL:
            del expected["ignored"]
            return expected
        return expected | {"delivered": utc(cancel.delivered)}

    def _check_steady(self, job: Job, snapshot: Snapshot[Any]) -> None:
        """What was true stays true: the history only grows, an end is the end, and there is one."""
        closed = tuple(entry for entry in snapshot.history if entry.status != "running" or entry.step == "started")
        before = self._histories.get(job.id, ())
        # A stage that ends comes between: it stands where it began.
        assert tuple(entry for entry in closed if entry in before) == before, f"{job.id}: its history was rewritten"
        self._histories[job.id] = closed
        assert sum(entry.status in TERMINAL and entry.step not in job.stages for entry in closed) == snapshot.settled
        if snapshot.settled:
            for child in self._reference.jobs:
                assert child.parent is not job or child.settled is not None, "a parent settled before its child"
        if job.place == "gone":
            self._ended[job.id] = snapshot
            self._count(job)

    def _count(self, job: Job) -> None:
        self._tally[f"state: {job.state}"] += 1
        if job.failure is not None:
            self._tally[f"failure: {job.failure}"] += 1
        if job.cancel is not None:
            self._tally[f"cause: {job.cancel.cause}"] += 1
            for name in MARKS:
                self._tally[f"cancel: {name}"] += getattr(job.cancel, name)
            self._tally["cancel: but succeeded"] += "succeeded" in job.state

    async def _check_answers(self, job: Job) -> None:
        for defer in (False, True):
            for force in (False, True):
                verdict = await self._scheduler.can_cancel(job.id, defer=defer, force=force)
                would = (verdict.outcome.value, verdict.state.value, verdict.stage)
                assert would == self._reference.would(job, defer=defer, force=force), f"{job.id}: {defer=} {force=}"

    def _check_waiter(self, waiter: Waiter) -> None:
        if waiter.scope.cancel_called:
            return
        due = waiter.until is not None and waiter.until <= self._reference.now
        assert (waiter.seen is not None) == (waiter.job.settled is not None or due), f"a waiter for {waiter.job.id}"
        if waiter.job.settled is not None and waiter.seen is not None and not due:
            assert waiter.seen.state == waiter.job.state

    def _check_watcher(self, watcher: Watcher) -> None:
        """It saw states in the order in which they came, and as the last one the newest."""
        states = iter(watcher.job.states)
        ordered = [state for index, state in enumerate(watcher.seen) if state not in watcher.seen[:index]]
        assert all(state in states for state in ordered), f"a watcher of {watcher.job.id} saw {watcher.seen}"
        if watcher.over == "raised":
            self._tally["fault: a watcher raises"] += 1
            watcher.over = "counted"
        if watcher.over in {"", "settled"} and watcher.style != "slow" and not watcher.scope.cancel_called:
            assert watcher.seen[-1:] == [watcher.job.state], f"a watcher of {watcher.job.id} saw {watcher.seen}"
            assert (watcher.over == "settled") == (watcher.job.settled is not None)

    # Finding.

    def passes(self, job: Job, filters: dict[str, Any]) -> bool:
        """Whether a job passes the filters of ``find``."""
        facts = {"owner": job.owner, "kind": job.kind["name"], "state": job.state}
        if any(facts[name] != value for name, value in filters.items() if name != "labels"):
            return False
        labels: dict[str, str] = filters.get("labels", {})
        return labels.items() <= job.labels.items()

    async def find(self, filters: dict[str, Any], limit: int) -> None:
        """Read all pages, and compare them with the reference's list."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = await self._scheduler.find(**filters, cursor=cursor, limit=limit)
            assert len(page.jobs) <= limit
            found += [snapshot.id for snapshot in page.jobs]
            cursor = page.cursor
            if cursor is None:
                break
        jobs = [job.id for job in self._reference.jobs if not job.dropped and self.passes(job, filters)]
        assert found == jobs[::-1]
