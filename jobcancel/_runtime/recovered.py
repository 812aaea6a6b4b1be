"""Reading a journal: what its entries tell, sorted while they come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define, field

from jobcancel._core.journal import Body, Entry
from jobcancel._core.packing import Packed, pack
from jobcancel._core.registry import Registry
from jobcancel._core.replay import Replay
from jobcancel._core.specs import KindSpec
from jobcancel._core.states import JobState

from .keys import KeyEntry


@define
class SettledJob:
    """A settled job as it is kept.

    Attributes:
        job_id: Its id.
        seq: Its place in the order of submission.
        spec: Its kind.
        packed: What it looks like.
        settled: When it settled, on this process's monotonic clock.
    """

    job_id: str
    seq: int
    spec: KindSpec
    packed: Packed
    settled: float


@define
class Recovered:
    """What the entries tell, sorted while they are read: a million settled jobs would not fit otherwise.

    Attributes:
        registry: The kinds there are now.
        offset: What to add to seconds since 1970 to get this process's monotonic clock.
        settled: Jobs to be read, by id.
        open: Jobs that go on, by id.
        keys: Of settled and forgotten jobs: when it was first used, on the monotonic clock, its place, and the entry.
        seq: The highest place in the order of submission.
    """

    registry: Registry
    offset: float
    settled: dict[str, SettledJob] = field(factory=dict[str, SettledJob])
    open: dict[str, Replay] = field(factory=dict[str, Replay])
    keys: dict[str, tuple[float, tuple[str | None, str, str], KeyEntry]] = field(factory=dict[str, Any])
    seq: int = 0
    _specs: dict[str, KindSpec] = field(factory=dict[str, KindSpec])

    def read(self, entries: Iterable[Entry]) -> Recovered:
        """Take all entries."""
        for job_id, body, _ in entries:
            if body is None:
                self._forget(job_id)
            elif body.get("final"):
                self._forget(job_id)
                self._take_final(job_id, body)
            else:
                replay = self.open.get(job_id)
                if replay is None:
                    replay = self.open[job_id] = Replay(job_id)
                    self.seq = max(self.seq, body["seq"])
                replay.take(body)
        return self

    def spec(self, kind: str) -> KindSpec:
        """Return a kind's data; the defaults for one that no longer exists."""
        if kind not in self._specs:
            self._specs[kind] = self.registry[kind].spec if kind in self.registry else KindSpec(name=kind)
        return self._specs[kind]

    def _forget(self, job_id: str) -> None:
        self.open.pop(job_id, None)
        self.settled.pop(job_id, None)
        self.keys.pop(job_id, None)

    def _take_final(self, job_id: str, body: Body) -> None:
        self.seq = max(self.seq, body["seq"])
        spec, created = self.spec(body["kind"]), body["created_at"] + self.offset
        failed = body.get("failed", body.get("state") == JobState.FAILED)
        if body.get("arguments") is not None:
            entry = KeyEntry(job_id, body["arguments"], created + spec.key_ttl_s, failed)
            self.keys[job_id] = (created, (body.get("owner"), spec.name, body["key"]), entry)
        if not body.get("forgotten"):
            replay = Replay(job_id)
            replay.take(body)
            record = replay.record(spec, self.offset)
            self.settled[job_id] = SettledJob(job_id, record.seq, spec, pack(record), record.settled or created)
