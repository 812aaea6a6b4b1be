"""Which job may start: limits of kinds and of the scheduler, first in first out within a kind.

A kind whose limit is reached delays no other kind. Children count against their kind's limit alone. They wait in a
line of their own and start first, so that a parent that holds a slot never waits for a child behind jobs that need
that slot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from math import inf
from typing import Final

from jobcancel._core.specs import KindSpec
from jobcancel.errors import QueueFullError

from .job import Job, Slot

_STEPS: Final = 1000  # jobs visited to find out whether a child would wait for ever
_NONE, _WAITING, _HELD = Slot.NONE, Slot.WAITING, Slot.HELD  # see job.py: a member read through its enum is slow
_SWEEP_ABOVE: Final = 64  # tombstones beyond the waiting jobs; below that, keeping them is cheaper


class Line:
    """Waiting jobs of one kind, oldest first. A withdrawn job stays as a tombstone until the next sweep."""

    __slots__ = ("jobs", "kind", "offered")

    def __init__(self, kind: KindQueue) -> None:
        self.kind: KindQueue = kind
        self.jobs: deque[Job] = deque()
        self.offered: bool = False  # whether the line is in ``_roots`` or ``_children``

    def head(self) -> Job | None:
        """Return the oldest job that still waits, or None."""
        while self.jobs:
            if self.jobs[0].slot is _WAITING:
                return self.jobs[0]
            self.jobs.popleft()
        return None


class KindQueue:
    """The waiting jobs of one kind, the holders of its slots, and the number of free slots; ``inf`` without a limit."""

    __slots__ = ("children", "holders", "pending", "room", "roots")

    def __init__(self, spec: KindSpec) -> None:
        self.room: float = inf if spec.max_running is None else spec.max_running
        self.pending: int = 0
        self.holders: dict[Job, None] = {}
        self.roots: Line = Line(self)
        self.children: Line = Line(self)

    def sweep(self) -> None:
        """Drop the tombstones once they are the majority, and all of them when no job waits.

        Behind a head that waits for long, jobs that come and are withdrawn would otherwise be kept whole.
        """
        roots, children = self.roots.jobs, self.children.jobs
        if not self.pending or len(roots) + len(children) > 2 * self.pending + _SWEEP_ABOVE:
            self.roots.jobs = deque(job for job in roots if job.slot is _WAITING)
            self.children.jobs = deque(job for job in children if job.slot is _WAITING)


class Admission:
    """The queues of all kinds.

    Args:
        max_running: How many jobs run at once, children aside; None for no limit.
    """

    def __init__(self, max_running: int | None) -> None:
        self._room: float = inf if max_running is None else max_running
        self._kinds: dict[str, KindQueue] = {}
        # Lines whose kind has room, by the age that their heads had when the line was offered.
        self._roots: list[tuple[int, Line]] = []
        self._children: list[tuple[int, Line]] = []

    def admit(self, job: Job, *, always: bool = False) -> bool:
        """Give ``job`` a slot and return True, or put it in its line.

        Args:
            job: A new job.
            always: Queue it above ``max_pending`` too: it was accepted before a restart.

        Raises:
            QueueFullError: Its kind's ``max_pending`` jobs are waiting; the job is not queued.
        """
        spec = job.spec
        if spec.max_running is None and self._room == inf:
            return True  # without limits no job queues, and nothing is counted
        kind = self._kinds.get(spec.name)
        if kind is None:
            kind = self._kinds[spec.name] = KindQueue(spec)
        line = kind.roots if job.parent is None else kind.children
        if kind.room > 0 and (job.parent is not None or self._room > 0) and not (kind.pending and line.head()):
            self._occupy(job, kind)
            return True
        if spec.max_pending is not None and kind.pending >= spec.max_pending and not always:
            raise QueueFullError(spec.name, spec.max_pending)
        job.slot = _WAITING
        kind.pending += 1
        line.jobs.append(job)
        self._offer(line)
        return False

    def check_room(self, children: Iterable[KindSpec]) -> None:
        """Refuse a batch of children of these kinds that could not be submitted whole.

        Raises:
            QueueFullError: More of a kind would wait than its ``max_pending``.
        """
        wanted: dict[str, int] = {}
        for spec in children:
            wanted[spec.name] = wanted.get(spec.name, 0) + 1
            if spec.max_pending is None or spec.max_running is None:
                continue  # a child waits for its kind's limit alone
            kind = self._kinds.get(spec.name)
            room, pending = (spec.max_running, 0) if kind is None else (kind.room, kind.pending)
            if wanted[spec.name] > room + spec.max_pending - pending:
                raise QueueFullError(spec.name, spec.max_pending)

    def waits_for_ever(self, parent: Job, spec: KindSpec) -> bool:
        """Return whether a child of that kind would wait for slots of jobs that wait, in the end, for the child.

        A job holds its slot until its children have settled. It is stuck if one of them is stuck, or waits for a kind
        all of whose slots are held by stuck jobs.
        """
        kind = self._kinds.get(spec.name)
        if kind is None or kind.room > 0:
            return False
        steps = iter(range(_STEPS))
        path = {parent}

        def is_stuck(job: Job) -> bool:
            if job in path:
                return True
            if next(steps, None) is None:
                return False  # too many jobs to be sure; only a certain deadlock is refused
            path.add(job)
            try:
                return any(holds_up(child) for child in (job.children or {}).values())
            finally:
                path.discard(job)

        def holds_up(child: Job) -> bool:
            if child.slot is _WAITING:
                return all(is_stuck(holder) for holder in self._kinds[child.spec.name].holders)
            return is_stuck(child)

        return all(is_stuck(holder) for holder in kind.holders)

    def waiting(self) -> list[Job]:
        """Return the waiting jobs, children aside."""
        return [job for kind in self._kinds.values() for job in kind.roots.jobs if job.slot is _WAITING]

    def withdraw(self, job: Job) -> None:
        """Take a waiting job out of its line; no effect on any other job."""
        if job.slot is _WAITING:
            job.slot = _NONE
            kind = self._kinds[job.spec.name]
            kind.pending -= 1
            kind.sweep()

    def release(self, job: Job) -> Iterable[Job]:
        """Take back the slot of a job, if it has one; return the jobs that got a slot and may start."""
        if job.slot is not _HELD:
            return ()
        job.slot = _NONE
        kind = self._kinds[job.spec.name]
        del kind.holders[job]
        kind.room += 1
        if job.parent is None:
            self._room += 1
        if kind.pending:
            self._offer(kind.children)
            self._offer(kind.roots)
        return self._admitted() if self._roots or self._children else ()

    def _admitted(self) -> Iterator[Job]:
        while self._children:
            yield from self._admit_head(self._children)
        while self._roots and self._room > 0:
            yield from self._admit_head(self._roots)

    def _offer(self, line: Line) -> None:
        """Offer a line whose kind has room: its head may start."""
        head = line.head()
        if head is not None and not line.offered and line.kind.room > 0:
            line.offered = True
            heappush(self._roots if head.parent is None else self._children, (head.seq, line))

    def _admit_head(self, ready: list[tuple[int, Line]]) -> Iterator[Job]:
        """Give the head of the oldest line a slot, if it is still the head; offer the line again."""
        seq, line = heappop(ready)
        line.offered = False
        head = line.head()
        if head is not None and head.seq == seq and line.kind.room > 0:
            line.jobs.popleft()
            line.kind.pending -= 1
            self._occupy(head, line.kind)
            yield head
        self._offer(line)

    def _occupy(self, job: Job, kind: KindQueue) -> None:
        job.slot = _HELD
        kind.holders[job] = None
        kind.room -= 1
        if job.parent is None:
            self._room -= 1
