"""`jobcancel serve --db`: jobs, keys, verdicts and credits are the same after a kill and another start."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from jobcancel.abc import Entry
from jobcancel.stores import SqliteStore
from tests.clients.served import LONG_S, Served, serving
from tests.hosts.server import until

from .conftest import Command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: SIGKILL and SIGTERM are POSIX")

TOKEN = "lp_0123456789abcdef0123456789abcdef"
ORDER = {"kind": "content_generate", "stages": {"generating": LONG_S}}


def served(db: Path) -> Any:
    return serving("layers", "--db", str(db), "--token", TOKEN)


def job(served: Served, job_id: str) -> dict[str, Any]:
    answer = served.client.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def kill(served: Served) -> None:
    served.process.kill()
    served.process.wait()


def test_a_killed_service_s_jobs_keys_verdicts_and_credits_are_there_again(tmp_path: Path, command: Command) -> None:
    db, key = tmp_path / "jobs.db", {"Idempotency-Key": "once"}
    with served(db) as first:
        done = first.submit("content_generate")
        until(lambda: job(first, done)["status"] == "completed", "completed")
        running = first.client.post("/demo/jobs", json=ORDER, headers=key).json()["id"]
        canceled = first.submit("content_generate", {"generating": LONG_S})
        for job_id in (running, canceled):
            first.until(f"/v1/jobs/{job_id}", '"generating"')
        verdict = first.cancel(canceled).json()
        ended = job(first, done)
        until(lambda: "planning" in shown(command, db, running)["at_restart"], "the first stage's result")
        kill(first)
    assert verdict == {"jobId": canceled, "accepted": True}

    with served(db) as second:
        assert job(second, done) == ended
        again = second.client.post("/demo/jobs", json=ORDER, headers=key)
        other = second.client.post("/demo/jobs", json={**ORDER, "stages": {}}, headers=key)
        until(lambda: job(second, canceled)["status"] == "canceled", "the end of the cancel")
        second.until(f"/v1/jobs/{running}", '"generating"')
        late = second.cancel(canceled).json()
        account = second.client.get("/demo/credits").json()
        assert second.cancel(running).json() == {"jobId": running, "accepted": True}
        until(lambda: job(second, running)["status"] == "canceled", "canceled")

    assert (again.status_code, again.json()["id"], again.json()["created"]) == (200, running, False)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert late == {"jobId": canceled, "accepted": False, "reason": "ALREADY_CANCELED"}
    assert account == {"reserved": 30, "reversed": 10}
    steps = [(entry["step"], entry["status"]) for entry in shown(command, db, running)["job"]["history"]]
    assert ("planning", "reused") in steps
    assert command("jobs", "--db", str(db), "check").stdout.splitlines()[-1] == "no problems"

    with served(db) as third:
        assert third.client.get("/demo/credits").json() == {"reserved": 30, "reversed": 20}


def shown(command: Command, db: Path, job_id: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(command("jobs", "--db", str(db), "show", "--json", job_id).stdout)
    return document


def test_sigterm_cancels_nothing_and_the_jobs_go_on_at_the_next_start(tmp_path: Path) -> None:
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


def test_a_signal_waits_for_a_shielded_stage_of_a_job_that_is_kept_however_often_it_comes(tmp_path: Path) -> None:
    with served(tmp_path / "jobs.db") as first:
        job_id = first.submit("project_ingest_website", {"persisting": LONG_S})
        first.until(f"/v1/jobs/{job_id}", '"persisting"')
        first.process.terminate()
        waits = f"waiting for persisting of {job_id} to end; kill -9 loses nothing that was answered"
        first.printed(waits)
        first.process.terminate()
        first.printed(waits)
        kill(first)


def test_a_journal_of_other_kinds_or_of_a_running_service_is_refused(tmp_path: Path, command: Command) -> None:
    db = tmp_path / "jobs.db"
    with served(db) as first:
        result = command("serve", "--contract", "layers", "--port", "0", "--db", str(db))
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"journal {db} is in use by process {first.process.pid}: " in result.stderr
    other = tmp_path / "other.db"
    store = SqliteStore(other)
    store.open()
    store.append([Entry("job_1", {"seq": 1, "kind": "pay", "created_at": 1.0, "state": "running", "attempt": 1})])
    store.close()
    result = command("serve", "--contract", "dex", "--port", "0", "--db", str(other))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"jobcancel serve: {other} is another service's journal: its job job_1 is of kind")
