"""The parent's books of one journal: what was acknowledged, what the jobs did, and what each reading has shown."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final, TypeAlias

from attrs import define, field

from jobcancel._core.journal import Replay
from jobcancel._core.packing import Settled
from jobcancel._core.registry import Registry
from jobcancel._core.view import snapshot_of
from jobcancel._runtime.recovery import Recovered
from jobcancel.errors import StoreError
from jobcancel.stores.sqlite_reading import reading

Line: TypeAlias = dict[str, Any]
When: TypeAlias = tuple[int, int]  # life, and number of the line in it

ACCEPTED: Final = ("canceled", "canceling", "deferred")


@define
class JobLog:
    """What a process acknowledged or did with one job, in order.

    Attributes:
        submitted: Acknowledgements of its submit.
        verdicts: Acknowledged verdicts: when, outcome, state.
        asked: When a cancel of it was asked for, answered or not.
        began: When an attempt's code began, and which.
        over: When an attempt's code was over.
        registered: When a compensation was registered in the job or acknowledged with its submit, by mark.
        undoing: When compensations began, by mark, each with its token.
        undone: Marks of compensations that ran to their end.
        committed: When a stage that commits ran, and which.
        ran: When a passage through a stage ran, with its stage and passage.
        problems: What the job itself found wrong.
    """

    submitted: list[Line] = field(factory=list[Line])
    verdicts: list[tuple[When, str, str]] = field(factory=list[tuple[When, str, str]])
    asked: list[When] = field(factory=list[When])
    began: list[tuple[When, int]] = field(factory=list[tuple[When, int]])
    over: list[When] = field(factory=list[When])
    registered: dict[str, When] = field(factory=dict[str, When])
    undoing: dict[str, list[tuple[When, str]]] = field(factory=dict[str, list[tuple[When, str]]])
    undone: set[str] = field(factory=set[str])
    committed: list[tuple[When, str]] = field(factory=list[tuple[When, str]])
    ran: list[tuple[When, str, int]] = field(factory=list[tuple[When, str, int]])
    problems: list[str] = field(factory=list[str])


@define
class Reading:
    """A journal as it was after one life.

    Attributes:
        settled: Snapshots of settled jobs as ``to_dict`` gives them, by id.
        open: The others, as their entries tell them.
        keys: Ids to which keys of settled and forgotten jobs lead.
        life: After which life.
    """

    settled: dict[str, Line]
    open: dict[str, Replay]
    keys: set[str]
    life: int


@define
class Books:
    """All of one journal.

    Attributes:
        folder: Where it lies, with the effects.
        registry: The kinds.
        forgets: Whether settled jobs are dropped soon.
    """

    folder: Path
    registry: Registry
    forgets: bool
    jobs: defaultdict[str, JobLog] = field(factory=lambda: defaultdict(JobLog))
    keys: dict[tuple[str, str], set[str]] = field(factory=lambda: defaultdict[tuple[str, str], set[str]](set))
    snapshots: list[Line] = field(factory=list[Line])
    problems: list[str] = field(factory=list[str])
    counts: Counter[str] = field(factory=Counter[str])
    _groups: defaultdict[str, list[When]] = field(factory=lambda: defaultdict(list))
    _read_to: int = 0

    def acknowledged(self, line: Line) -> None:
        """Take a line of the pipe."""
        when = line["life"], line["n"]
        match line["what"]:
            case "submitted":
                self.counts["submits"] += 1
                job = self.jobs[line["id"]]
                job.submitted.append(line)
                job.registered |= dict.fromkeys(line["marks"], when)
                if line["key"] is not None:
                    self.keys[line["kind"], line["key"]].add(line["id"])
            case "verdicts":
                for job_id, outcome, state, _ in line["verdicts"]:
                    self.counts[f"verdict {outcome}"] += 1
                    self.jobs[job_id].verdicts.append((when, outcome, state))
            case "settled":
                self.snapshots.append(line["snapshot"])
            case "problem":
                self.problems.append(line["problem"])
            case _:
                pass

    def take_effects(self) -> None:
        """Take the lines that were added to the effects since the last time."""
        path = self.folder / "effects"
        if path.exists():
            with path.open("rb") as effects:
                effects.seek(self._read_to)
                for line in effects:
                    self._effect(json.loads(line))
                self._read_to = effects.tell()

    def _effect(self, line: Line) -> None:
        when = line["life"], line["n"]
        if line["what"] == "asking" and "group" in line:
            self._groups[line["group"]].append(when)
            return
        job = self.jobs[line["id"]]
        match line["what"]:
            case "asking":
                job.asked.append(when)
            case "began":
                job.began.append((when, line["attempt"]))
            case "over":
                job.over.append(when)
            case "registered":
                job.registered[line["mark"]] = when
            case "undoing":
                job.undoing.setdefault(line["mark"], []).append((when, line["token"]))
            case "undone":
                job.undone.add(line["mark"])
            case "committed":
                job.committed.append((when, line["stage"]))
            case "ran":
                job.ran.append((when, line["stage"], line["passage"]))
            case _:
                job.problems.append(line["problem"])

    def was_asked(self, job_id: str) -> bool:
        """Return whether anybody has ever asked for its cancel, alone or with its group."""
        job = self.jobs[job_id]
        group = job.submitted[0].get("group") if job.submitted else None
        return bool(job.asked or (group is not None and self._groups.get(group)))

    def read(self, life: int) -> tuple[Reading, list[str]]:
        """Read the journal, twice; return what it says, and how the two differ."""
        path = self.folder / "journal.db"
        if not path.exists():
            return Reading({}, {}, set(), life), []
        try:
            with reading(path) as file:
                problems = file.problems()
                first, second = (Recovered(self.registry, 0.0).read(file.entries()) for _ in range(2))
        except StoreError as error:
            return Reading({}, {}, set(), life), [f"the journal cannot be read: {error}"]
        settled = _snapshots(first)
        if settled != _snapshots(second) or {i: r.fields for i, r in first.open.items()} != {
            i: r.fields for i, r in second.open.items()
        }:
            problems.append("two replays differ")
        problems += [f"{job_id} is settled and open in one journal" for job_id in first.open.keys() & settled.keys()]
        return Reading(settled, first.open, set(first.keys), life), problems


def _snapshots(recovered: Recovered) -> dict[str, Line]:
    return {job_id: snapshot_of(Settled(job_id, job.packed)).to_dict() for job_id, job in recovered.settled.items()}
