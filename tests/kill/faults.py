"""``python -m tests.kill.faults [WORD ...]``: plants faults in the children; kills have to report each by its rule.

With words only the faults whose name has one of them. The judge reads the journals without the fault.
"""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from jobcancel._core.journal import Replay
from jobcancel._core.packing import Settled, pack
from jobcancel._core.states import JobState
from jobcancel._runtime.journal import Applied
from tests.edited_copy import TOP, run_python
from tests.faults import places
from tests.faults.fault import UNSOUND, VARIABLE, Fault, fault, faults_in

KILLS: Final = ("-m", "tests.kill", "--backend", "asyncio", "--first", "--times", "50", "--seed")
SEEDS: Final = range(1, 2001, 100)  # a kill has to come at the right instant: fifty more, if none did
TIMEOUT_S: Final = 300.0

# The rules are those of the judge.


@fault("1", places.DURABLE_SUBMIT, "was acknowledged and is not in the journal")
def a_submit_is_answered_before_its_commit(original: Any, journal: Any, job: Any) -> Any:
    original(journal, job)
    return Applied(None)


@fault("2", places.DURABLE_REQUEST, "rule 2:")
def a_cancel_is_answered_before_its_commit(original: Any, journal: Any, job: Any, request: Any) -> Any:
    if isinstance(job, Settled) or journal.closed:
        return original(journal, job, request)
    return Applied(journal._dispatcher.cancel(job, request))


@fault("11", places.WAIT_CURRENT, "rule 11:")
async def an_end_is_shown_before_its_commit(original: Any, journal: Any, job_id: str) -> None:
    return


@fault("2", places.PREPARE, "rule 2:")
def a_committed_request_is_forgotten(original: Any, job: Any, now: float) -> None:
    job.persistence.requests = ()
    original(job, now)


@fault("2", places.PREPARE, "rule 2:")
def a_canceling_job_is_run_again(original: Any, job: Any, now: float) -> None:
    if job.cancel is not None and job.spec.name == "steps":
        job.cancel, job.state = None, JobState.RUNNING
    original(job, now)


@fault("6", places.REBUILT, "rule 6:")
def compensations_are_lost_in_a_restart(original: Any, *args: Any) -> Any:
    job = original(*args)
    job.undo = None
    return job


@fault("7", places.WHY_LOST, "rule 7:")
def a_stage_that_commits_is_begun_again(original: Any, job: Any, committing: str | None, committed: str) -> Any:
    return original(job, None, committed)


@fault("7", places.COMMITTED_STAGE, "rule 7:")
def a_stage_that_was_passed_is_begun_again_after_a_shutdown(original: Any, persistence: Any) -> str:
    return ""


@fault("8", places.REBUILT, "rule 8:")
def results_are_forgotten(original: Any, *args: Any) -> Any:
    job = original(*args)
    job.persistence.kept_results = {}
    return job


@fault("2", places.PREPARE, "began twice")
def a_job_that_began_is_begun_again(original: Any, job: Any, now: float) -> None:
    job.persistence.starting = False
    original(job, now)


@fault("9", places.RESUME, "rule 9:")
def keys_are_forgotten(original: Any, dispatcher: Any, *args: Any) -> None:
    original(dispatcher, *args)
    dispatcher.keys._entries.clear()


@fault("9", places.TAKE_FINAL, "rule 9:")  # it settles again, and its key leads to another job meanwhile
def a_settled_job_goes_on(original: Any, recovered: Any, job_id: str, body: dict[str, Any]) -> None:
    if body["kind"] != "queued":
        original(recovered, job_id, body)
        return
    recovered.seq = max(recovered.seq, body["seq"])
    recovered.open[job_id] = Replay(job_id)
    recovered.open[job_id].take(body)


@fault("10", places.TAKE_FINAL, "rule 10:")
def an_answer_is_another_than_the_journals(original: Any, recovered: Any, job_id: str, body: dict[str, Any]) -> None:
    original(recovered, job_id, body | {"result": id(body)})


@fault("1", places.TABLE_SETTLE, "rule 1:")
def retention_drops_an_open_job(original: Any, table: Any, job: Any) -> None:
    packed = pack(job)
    original(table, job)
    if table.live and job.seq % 5 == 0:
        table._on_dropped(next(iter(table.live)), packed)


FAULTS: Final = faults_in(globals())


def main(words: list[str]) -> int:
    """Try all, several at once; return 1 if a fault survives, or is reported as another."""
    chosen = [each for each in FAULTS.values() if not words or any(word in each.name for word in words)]
    missed = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for each, line in zip(chosen, pool.map(tried, chosen), strict=True):
            missed += not line.startswith("caught")
            print(f"{line}  {each.name}", flush=True)
    print(f"{len(chosen)} faults: {len(chosen) - missed} caught, {missed} missed")
    return 1 if missed or not chosen else 0


def tried(planted: Fault) -> str:
    """Kill children that have the fault, until that is found; return what was made of it."""
    others: list[str] = []  # it may show in more than one way; it is caught by the one that is its own
    for seed in SEEDS:
        with tempfile.TemporaryDirectory(prefix="jobcancel-kill-") as journals:
            arguments = [*KILLS, str(seed), "--keep", journals]
            code, output = run_python(TOP, arguments, TIMEOUT_S, environment={VARIABLE: planted.name})
        findings = [line for line in output.splitlines() if line.startswith("FINDING")]
        if any(f"ended with {UNSOUND};" in finding for finding in findings):
            return f"MISTAKE (the fault itself raised: {findings})"
        if code == 1 and any(planted.shown_by in finding for finding in findings):
            return f"caught (seed {seed})"
        others += findings
        if code not in (0, 1) or (code == 1 and not findings):  # the search itself has failed
            return f"MISTAKE (exit code {code}: {output[-1000:]})"
    return f"SURVIVED ({len(SEEDS)} seeds; other findings: {chr(10).join(others)[:3000] or 'none'})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
