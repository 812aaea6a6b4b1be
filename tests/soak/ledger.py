"""What the soak knows by itself: one row a job, a few bytes wide, written by those who submit, run and wait.

Nothing in it is read from the scheduler but ids, which the soak mints: a row is born when the scheduler asks for an
id, be it for a client's job or for a child, and has to be closed exactly once by the end of the run.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import Final

from attrs import define

from jobcancel import JobState, Outcome, Verdict

FIRST_ACCEPTED: Final = (Outcome.CANCELED, Outcome.CANCELING, Outcome.DEFERRED)
STATES: Final = ("", "succeeded", "partially_succeeded", "failed", "canceled")  # as they stand in a row
REFUSING_STAGES: Final = ("paying", "slow_paying")
CLEAN, DIRTY, EITHER = range(3)  # whether all of a job's compensations end well, as far as can be foretold
_EXAMPLES: Final = 3


class Left(IntEnum):
    """How a job's handler ended, as the handler itself saw it."""

    NOT_BEGUN = 0
    RUNNING = 1
    RETURNED = 2
    PARTIAL = 3
    RAISED = 4
    CANCELED = 5
    FOREIGN = 6


@define
class Asked:
    """The first accepted request of a user: who, what was answered, and whether it was a force."""

    by: str
    outcome: Outcome
    force: bool


class Findings:
    """What is wrong: how often, and a few examples of each sort."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, sort: str, detail: object = "") -> None:
        self.counts[sort] += 1
        examples = self.examples.setdefault(sort, [])
        if len(examples) < _EXAMPLES:
            examples.append(str(detail)[:2000])


class Ledger:
    """The rows, and for jobs that live what is forgotten when they are judged.

    Attributes:
        minted: How many ids there are; the next row's number.
        unused: How many of them became no job.
        settled: How many rows are closed.
        unfollowed: Rows without a waiter yet: those of children.
        from_threads: How many jobs came from threads of a host's.
        happened: What was done to jobs, counted by name.
        answers: Verdicts by outcome.
        ends: Terminal states.
        keyed: By idempotency key: its first job, and until when that key is remembered.
    """

    def __init__(self, rows: int, findings: Findings) -> None:
        self.findings = findings
        self.minted = self.unused = self.settled = self.from_threads = 0
        self.unfollowed: list[int] = []
        self.happened: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        # By repetition and not `bytearray(rows)`: untouched pages would be counted as growth when they are written.
        names = ("left", "seen", "torn", "refused", "due", "undone", "dirty", "settles", "state", "client", "rejects")
        self._columns = {name: bytearray(b"\0") * rows for name in names}
        self.left, self.seen, self.torn = (self._columns[name] for name in ("left", "seen", "torn"))
        self.refused, self.due, self.undone = (self._columns[name] for name in ("refused", "due", "undone"))
        self.dirty, self.settles, self.state = (self._columns[name] for name in ("dirty", "settles", "state"))
        self.client, self.rejects = self._columns["client"], self._columns["rejects"]
        self.asked: dict[int, Asked] = {}
        self.joined: set[int] = set()  # asked again while another cancel was under way
        self.terminal: dict[int, JobState] = {}
        self.family: dict[int, list[int]] = {}
        self.threads: set[int] = set()
        self.keyed: dict[tuple[str | None, str], tuple[int, float]] = {}

    def mint(self) -> str:
        """Open a row; the scheduler's ``new_id``."""
        if self.minted == len(self.left):
            for column in self._columns.values():
                column.extend(b"\0" * 10_000)
        self.minted += 1
        self.unfollowed.append(self.minted - 1)
        return f"j{self.minted - 1}"

    def claim(self, n: int) -> None:
        """A client waits for the newest row."""
        if self.unfollowed.pop() != n:
            self.findings.add("the scheduler took another job than the one submitted", n)
        self.client[n] = 1

    def reject(self) -> None:
        """The scheduler did not take the newest row: the queue was full."""
        self.rejects[self.unfollowed.pop()] = 1
        self.unused += 1
        self.happened["queue full"] += 1

    def skip(self) -> None:
        """The next row's plan led to no new job: the next plan is another's."""
        self.mint()
        self.rejects[self.unfollowed.pop()] = 1
        self.unused += 1

    @property
    def accepted(self) -> int:
        """How many jobs the scheduler has taken."""
        return self.minted - self.unused

    def begin(self, n: int) -> None:
        """A handler begins."""
        if self.left[n] != Left.NOT_BEGUN or self.settles[n]:
            self.findings.add("a handler began twice or after its job had settled", n)
        self.left[n] = Left.RUNNING

    def saw(self, n: int) -> None:
        """A handler sees a cancellation."""
        self.seen[n] = min(self.seen[n] + 1, 255)

    def stage_began(self, n: int) -> None:
        """A handler is inside a stage."""
        if n in self.asked:
            self.findings.add("a stage began after an accepted cancel", n)

    def owe(self, n: int) -> int:
        """A compensation was registered; return its number."""
        self.due[n] += 1
        return self.due[n] - 1

    def repay(self, n: int, k: int, dirty: int) -> None:
        """A compensation runs; ``dirty`` says whether it will end well."""
        if k != self.due[n] - 1 - self.undone[n]:
            self.findings.add("a compensation ran twice or out of order", f"{n}: {k} of {self.due[n]}")
        self.undone[n] = min(self.undone[n] + 1, 255)
        self.dirty[n] = max(self.dirty[n], dirty)

    def answered(self, verdict: Verdict, by: str, *, defer: bool = False, force: bool = False) -> None:
        """A user's request was answered."""
        n, outcome = int(verdict.job_id[1:]), verdict.outcome
        self.answers[outcome] += 1
        if outcome in FIRST_ACCEPTED:
            self._accepted(n, Asked(by, outcome, force))
        elif outcome is Outcome.ALREADY_CANCELING:
            self.joined.add(n)
        elif outcome is Outcome.ALREADY_TERMINAL:
            self._too_late(n, verdict.state)
        else:
            self.refused[n] = 1
            if defer or force or self.left[n] > Left.RUNNING:
                self.findings.add("a request was refused that may not be", (n, verdict))
        if self.settles[n] and outcome is not Outcome.ALREADY_TERMINAL:
            self.findings.add("a settled job answered as if it lived", (n, verdict))

    def _accepted(self, n: int, asked: Asked) -> None:
        earlier = self.asked.setdefault(n, asked)
        if earlier is asked:
            return
        if earlier.outcome is not Outcome.DEFERRED or not asked.force:
            self.findings.add("a second request was accepted as if it were the first", (n, earlier, asked))
        self.happened["force on a held cancel"] += 1
        earlier.force = True

    def _too_late(self, n: int, state: JobState) -> None:
        known = STATES[self.state[n]] if self.settles[n] else self.terminal.setdefault(n, state)
        if known != state:
            self.findings.add("a terminal state was left", f"{n}: {known}, then {state}")

    def close(self, n: int, state: JobState) -> None:
        """The one who waits for a job has seen it settled."""
        self.settles[n] = min(self.settles[n] + 1, 255)
        self.state[n] = STATES.index(state)
        self.settled += 1
        self.ends[state] += 1
        self.asked.pop(n, None)
        self.joined.discard(n)
        self.terminal.pop(n, None)
        self.family.pop(n, None)

    def audit(self) -> None:
        """Every row is closed exactly once, and nothing is left of the jobs that lived."""
        for n in range(self.minted):
            if self.settles[n] != (0 if self.rejects[n] else 1):
                self.findings.add("a job did not settle exactly once", f"{n}: {self.settles[n]} times")
            if self.left[n] == Left.RUNNING:
                self.findings.add("a handler never ended", n)
        if self.threads:
            self.findings.add("threads still run", sorted(self.threads))
