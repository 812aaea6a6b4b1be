"""`jobcancel serve --db`: jobs, keys, verdicts and credits survive a kill and a SIGTERM."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobcancel import HistoryEntry, JobState, Page, Snapshot
from jobcancel._cli.serve.demonstration import Credits, restore_credits
from jobcancel.abc import Entry
from jobcancel.stores import SqliteStore
from tests.clients.served import LONG_S, Served, serving
from tests.hosts.server import until

from .conftest import Command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: SIGKILL and SIGTERM are POSIX")

TOKEN = "lp_0123456789abcdef0123456789abcdef"
BODY = {"kind": "content_generate", "stages": {"generating": LONG_S}}


def served(db: Path) -> Any:
    return serving("layers", "--db", str(db), "--token", TOKEN)


def job(served: Served, job_id: str) -> dict[str, Any]:
    answer = served.client.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def document(command: Command, db: Path, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("jobs", "--db", str(db), "show", "--json", job_id).stdout)
    return found


def test_jobs_keys_verdicts_and_credits_survive_a_kill(tmp_path: Path, command: Command) -> None:
    db, key = tmp_path / "jobs.db", {"Idempotency-Key": "once"}
    with served(db) as first:
        done = first.submit("content_generate")
        until(lambda: job(first, done)["status"] == "completed", "completed")
        running = first.client.post("/demo/jobs", json=BODY, headers=key).json()["id"]
        canceled = first.submit("content_generate", {"generating": LONG_S})
        for job_id in (running, canceled):
            first.until(f"/v1/jobs/{job_id}", '"generating"')
        verdict = first.cancel(canceled).json()
        ended = job(first, done)
        until(lambda: "planning" in document(command, db, running)["at_restart"], "the first stage's result")
        first.process.kill()
        first.process.wait()
    assert verdict == {"jobId": canceled, "accepted": True}

    with served(db) as second:
        assert job(second, done) == ended
        repeated = second.client.post("/demo/jobs", json=BODY, headers=key)
        conflict = second.client.post("/demo/jobs", json={**BODY, "stages": {}}, headers=key)
        until(lambda: job(second, canceled)["status"] == "canceled", "the end of the cancel")
        second.until(f"/v1/jobs/{running}", '"generating"')
        late = second.cancel(canceled).json()
        counted = second.client.get("/demo/credits").json()
        assert second.cancel(running).json() == {"jobId": running, "accepted": True}
        until(lambda: job(second, running)["status"] == "canceled", "canceled")

    assert (repeated.status_code, repeated.json()["id"], repeated.json()["created"]) == (200, running, False)
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert late == {"jobId": canceled, "accepted": False, "reason": "ALREADY_CANCELED"}
    assert counted == {"reserved": 30, "reversed": 10}
    steps = [(entry["step"], entry["status"]) for entry in document(command, db, running)["job"]["history"]]
    assert ("planning", "reused") in steps
    assert command("jobs", "--db", str(db), "check").stdout.splitlines()[-1] == "no problems"


def test_jobs_are_resumed_after_a_sigterm(tmp_path: Path) -> None:
    db = tmp_path / "jobs.db"
    with served(db) as first:
        job_id = first.submit("content_generate", {"generating": LONG_S})
        first.until(f"/v1/jobs/{job_id}", '"generating"')
        assert first.end() == 0
        assert first.lines[-2:] == ["ending: jobs resume at the next start", "ended"]
    with served(db) as second:
        second.until(f"/v1/jobs/{job_id}", '"generating"')
        assert second.cancel(job_id).status_code == 202
        until(lambda: job(second, job_id)["status"] == "canceled", "canceled")


def test_a_journal_that_is_open_elsewhere_is_refused(tmp_path: Path, command: Command) -> None:
    db = tmp_path / "jobs.db"
    store = SqliteStore(db)
    store.open()
    try:
        result = command("serve", "--contract", "layers", "--port", "0", "--db", str(db))
    finally:
        store.close()
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"jobcancel serve: journal {db} is in use by process " in result.stderr


def test_a_journal_with_open_jobs_of_other_kinds_is_refused(tmp_path: Path, command: Command) -> None:
    db = tmp_path / "other.db"
    store = SqliteStore(db)
    store.open()
    store.append([Entry("job_1", {"seq": 1, "kind": "pay", "created_at": 1.0, "state": "running", "attempt": 1})])
    store.close()
    result = command("serve", "--contract", "dex", "--port", "0", "--db", str(db))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"jobcancel serve: {db} is another service's journal: its job job_1 is of kind")


def snapshot(number: int, **fields: Any) -> Snapshot[Any]:
    created_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Snapshot(id=f"job_{number}", kind="work", state=JobState.SUCCEEDED, created_at=created_at, **fields)


def test_credits_are_restored_for_owned_jobs_and_not_for_their_children() -> None:
    counted = Credits()
    counted.restore(snapshot(1, owner="ann"))
    counted.restore(snapshot(2, owner="ann", parent_id="job_1"))
    counted.restore(snapshot(3))
    assert list(counted.reserved) == ["job_1"]


@pytest.mark.parametrize(("status", "reversed_"), [("compensated", 10), ("failed", 0)])
def test_credits_are_restored_as_reversed_if_their_compensation_has_run(status: str, reversed_: int) -> None:
    counted = Credits()
    entry = HistoryEntry("reverse_credits", datetime(2026, 1, 1, tzinfo=UTC), 1.0, status, {})
    counted.restore(snapshot(1, owner="ann", history=(entry,)))
    assert counted.of("ann") == {"reserved": 10, "reversed": reversed_}


async def test_credits_are_restored_from_every_page() -> None:
    pages = {None: Page((snapshot(2, owner="ann"),), "1"), "1": Page((snapshot(1, owner="ann"),), None)}

    async def find(cursor: str | None = None) -> Page:
        return pages[cursor]

    counted = Credits()
    scheduler: Any = SimpleNamespace(find=find)
    await restore_credits(counted, scheduler)
    assert sorted(counted.reserved) == ["job_1", "job_2"]
