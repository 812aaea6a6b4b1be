"""What must hold after every kill: the rules, each with a number that its findings carry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from attrs import define, field

from jobcancel._core.states import TERMINAL, JobState

from .books import ACCEPTED, Books, JobLog, Line, Reading, When
from .difference import differs
from .kinds import COMMITS, NO_RERUN


@define
class Judge:
    """Reads one journal again and again, and says what is wrong with it."""

    books: Books
    before: Reading = field(init=False)
    findings: list[str] = field(factory=list[str])
    recovered: Counter[str] = field(factory=Counter[str])
    _final: dict[str, Line] = field(factory=dict[str, Line])
    _undo: dict[str, dict[str, int]] = field(factory=dict[str, dict[str, int]])
    _results: dict[tuple[str, str, int], int] = field(factory=dict[tuple[str, str, int], int])
    _open: dict[str, int] = field(factory=dict[str, int])
    _reported: set[str] = field(factory=set[str])
    _lost: set[str] = field(factory=set[str])

    def __attrs_post_init__(self) -> None:
        self.before = Reading({}, {}, set(), -1)

    def judge(self, life: int) -> None:
        """Judge what is there after a life."""
        self.books.take_effects()
        now, problems = self.books.read(life)
        for problem in [*problems, *self.books.problems]:
            self._find(10, "", problem)
        self.books.problems.clear()
        for job_id, log in self.books.jobs.items():
            self._judge_job(job_id, log, now)
        for (kind, key), ids in self.books.keys.items():
            if len(ids) > 1:
                self._find(9, min(ids), f"the key {key!r} of {kind} led to {len(ids)} jobs")
        self._judge_sticking(now)
        self._judge_snapshots(now)
        self._count(now)
        self._remember(now)
        self.before = now

    def judge_rest(self) -> None:
        """Judge that nothing is open."""
        for job_id, replay in self.before.open.items():
            self._find(0, job_id, f"is still {replay.state} in the end")
        for job_id, log in self.books.jobs.items():
            if log.began and log.undoing and job_id in self.before.settled and not self.books.forgets:
                begun, ended = set(log.undoing), log.undone
                if begun - ended:
                    self._find(6, job_id, f"compensations began and never ended: {sorted(begun - ended)}")

    def _find(self, rule: int, job_id: str, problem: str) -> None:
        finding = f"rule {rule}: {job_id} {problem}"
        if finding not in self._reported:
            self._reported.add(finding)
            self.findings.append(finding)

    def _judge_job(self, job_id: str, log: JobLog, now: Reading) -> None:
        settled, replay = now.settled.get(job_id), now.open.get(job_id)
        if settled is None and replay is None and not self._may_be_gone(job_id, log, now):
            self._find(1, job_id, f"was acknowledged and is not in the journal after life {now.life}")
        accepted = [verdict for verdict in log.verdicts if verdict[1] in ACCEPTED]
        if accepted:
            self._judge_accepted(job_id, log, accepted[0], settled, replay)
        elif (
            settled is not None
            and log.asked
            and len(log.asked) == len([v for v in log.verdicts if v[1] == "refused"])
            and not self._group_asked(log)
            and settled["cancel"] is not None
            and settled["cancel"]["cause"] == "user"
        ):
            self._find(3, job_id, "was canceled by a user, all of whose requests were refused")
        for when, outcome, state in log.verdicts:
            if outcome == "already_terminal":
                self._judge_terminal(job_id, log, when, state, settled, replay)
        for problem in log.problems:
            self._find(8, job_id, problem)
        if log.submitted and log.submitted[0]["kind"] in NO_RERUN and len(log.began) > 1:
            self._find(2, job_id, "began twice, though its kind has on_restart='fail'")
        self._judge_stages(job_id, log)
        if settled is not None:
            self._judge_undone(job_id, log, accepted, settled)

    def _group_asked(self, log: JobLog) -> bool:
        return bool(log.submitted and self.books.was_asked(log.submitted[0]["id"]) and not log.asked)

    def _may_be_gone(self, job_id: str, log: JobLog, now: Reading) -> bool:
        """Return whether the journal may lack a job: it was never acknowledged, or its retention may be over."""
        if not log.submitted and not log.verdicts:
            return True
        if not self.books.forgets:
            return False
        earlier = self.before.open.get(job_id)
        begins = earlier is not None and (earlier.state != "pending" or earlier.fields.get("starting"))
        if begins and log.submitted and log.submitted[0]["kind"] in NO_RERUN:
            self._lost.add(job_id)  # this life lost and retired it: later lives have no record of it
        return bool(
            job_id in self._final
            or job_id in self._lost
            or self.books.was_asked(job_id)
            or any(
                outcome in ACCEPTED for _, outcome, _ in log.verdicts
            )  # asked with its group, before its submit's answer
            or any(line["kind"] == "timed" for line in log.submitted)  # its time may be over before its code begins
            or any(line["parent"] for line in log.submitted)
            or len(log.over) == len(log.began) > 0
            or any(when[0] < now.life for when, _ in log.began)
        )

    def _judge_accepted(
        self, job_id: str, log: JobLog, verdict: tuple[When, str, str], settled: Line | None, replay: Any
    ) -> None:
        when, outcome, _ = verdict
        if replay is not None and replay.fields.get("cancel") is None and not replay.requests:
            self._find(2, job_id, f"has an acknowledged cancel ({outcome}), and is {replay.state} without one")
        if settled is not None:
            state, failure = settled["state"], settled["failure"]
            if outcome == "canceled" and state != "canceled":
                self._find(2, job_id, f"was canceled while it waited, and is {state}")
            # One that came while the lost job was being undone is beside the point: it has failed already.
            lost = failure is not None and failure["code"] == "WORKER_LOST"
            if lost and when[0] <= self._open.get(job_id, -1):
                self._find(2, job_id, f"has an acknowledged cancel ({outcome}) and is lost")
            if settled["cancel"] is None and state in {"canceled", "succeeded"}:
                self._find(2, job_id, f"has an acknowledged cancel ({outcome}), of which nothing is known")
        for began, attempt in log.began:
            if began[0] > when[0] or (began > when and outcome != "deferred"):
                self._find(2, job_id, f"began attempt {attempt} after its cancel was acknowledged ({outcome})")

    def _judge_terminal(
        self, job_id: str, log: JobLog, when: When, state: str, settled: Line | None, replay: Any
    ) -> None:
        if replay is not None or (settled is not None and settled["state"] != state):
            now = settled["state"] if settled is not None else replay.state if replay else "gone"
            self._find(4, job_id, f"was acknowledged as {state} and is {now}")
        if any(began > when for began, _ in log.began):
            self._find(4, job_id, f"was acknowledged as {state} and began again")

    def _judge_stages(self, job_id: str, log: JobLog) -> None:
        for stage in COMMITS:
            if len([when for when, name in log.committed if name == stage]) > 1:
                self._find(7, job_id, f"ran its stage {stage}, which commits, more than once")
        for when, stage, passage in log.ran:
            life = self._results.get((job_id, stage, passage))
            if life is not None and when[0] > life:
                self._find(8, job_id, f"ran passage {passage} of {stage} again, whose result was committed")
        final = self._final.get(job_id)
        if final is not None:
            for when, _ in log.began:
                if when[0] > final["life"]:
                    self._find(5, job_id, f"was {final['state']} and began again")

    def _judge_undone(self, job_id: str, log: JobLog, accepted: list[tuple[When, str, str]], settled: Line) -> None:
        """Judge the compensations of a settled job: the committed, and those before an acknowledged cancel."""
        if settled["state"] not in {"canceled", "failed"}:
            return
        last_commit = max((when for when, _ in log.committed), default=(-1, -1))
        begun = set(log.undoing)
        if accepted and settled["state"] == "canceled":
            asked = accepted[0][0]
            for mark, when in log.registered.items():
                safe = when[0] == asked[0] and when < asked and when > last_commit
                if safe and mark not in begun:
                    self._find(6, job_id, f"was canceled, and its compensation {mark} did not run")
        for mark, life in self._undo.get(job_id, {}).items():
            if last_commit[0] <= life and mark not in begun and not self._dropped(log, mark, life):
                self._find(6, job_id, f"is {settled['state']}, and its committed compensation {mark} did not run")
        tokens = {token: mark for mark, runs in log.undoing.items() for _, token in runs}
        if len(tokens) < len(log.undoing):
            self._find(6, job_id, "gave two compensations the same token")
        if any(len({token for _, token in runs}) > 1 for runs in log.undoing.values()):
            self._find(6, job_id, "gave one compensation two tokens")

    def _dropped(self, log: JobLog, mark: str, life: int) -> bool:
        """Return whether a stage that commits has run since a compensation was registered."""
        registered = log.registered.get(mark, (life, 0))
        return any(when > registered for when, _ in log.committed)

    def _judge_sticking(self, now: Reading) -> None:
        for job_id, final in self._final.items():
            settled = now.settled.get(job_id)
            if settled is None:
                if job_id in now.open or not self.books.forgets:
                    self._find(5, job_id, f"was {final['state']} and is not settled any more")
            elif settled["state"] != final["state"]:
                self._find(5, job_id, f"was {final['state']} and is {settled['state']}")
            elif differs(settled, final["snapshot"]):
                self._find(5, job_id, f"has changed after it settled: {differs(settled, final['snapshot'])}")
        for job_id, settled in now.settled.items():
            ends = [entry for entry in settled["history"] if entry["status"] in _TERMINAL_WORDS and _is_end(entry)]
            if len(ends) > 1:
                self._find(5, job_id, f"settled {len(ends)} times: {[entry['step'] for entry in ends]}")

    def _judge_snapshots(self, now: Reading) -> None:
        for snapshot in self.books.snapshots:
            settled = now.settled.get(snapshot["id"])
            if snapshot["id"] in now.open:
                self._find(11, snapshot["id"], f"was acknowledged as {snapshot['state']} and is open in the journal")
            if settled is not None and (what := differs(settled, snapshot)):
                self._find(10, snapshot["id"], f"differs from its acknowledged snapshot in the journal: {what}")
        self.books.snapshots.clear()

    def _count(self, now: Reading) -> None:
        """Count which way the jobs went that the last kill had left open."""
        for job_id, replay in self.before.open.items():
            settled, later = now.settled.get(job_id), now.open.get(job_id)
            attempt = settled["attempt"] if settled else later.fields["attempt"] if later else 0
            if attempt > replay.fields["attempt"]:
                self.recovered["rerun"] += 1
            elif settled and settled["failure"] and settled["failure"]["code"] == "WORKER_LOST":
                self.recovered["lost"] += 1
            elif settled and settled["state"] == "canceled":
                self.recovered["canceled"] += 1
            elif replay.state is JobState.PENDING:
                self.recovered["waiting"] += 1
            if replay.kind in NO_RERUN and attempt > replay.fields["attempt"]:
                self._find(2, job_id, "ran again, though its kind has on_restart='fail'")

    def _remember(self, now: Reading) -> None:
        for job_id, settled in now.settled.items():
            if job_id not in self._final:
                self._final[job_id] = {"state": settled["state"], "life": now.life, "snapshot": settled}
        for job_id, replay in now.open.items():
            self._open[job_id] = now.life
            if replay.fields.get("committing") is None and replay.state not in TERMINAL:
                self._undo[job_id] = dict.fromkeys(_marks(replay), now.life)
            else:
                self._undo.pop(job_id, None)
            for stage, passage, _ in replay.results:
                self._results.setdefault((job_id, stage, passage), now.life)


_TERMINAL_WORDS: Final = frozenset(state.value for state in TERMINAL)


def _is_end(entry: Line) -> bool:
    return entry["duration_ms"] is None and entry["step"] in {
        "succeeded", "partially_succeeded", "failed", "unwound", "withdrawn", "abandoned",
    }  # fmt: skip


def _marks(replay: Any) -> Iterator[str]:
    for _, _, args, _ in replay.undo:
        yield from args[:1]
