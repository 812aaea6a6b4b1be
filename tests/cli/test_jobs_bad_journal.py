"""`jobcancel jobs` on a file that is not a sound journal: one line and exit code 2, or a list of the problems."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from jobcancel._cli.jobs.check import Check
from jobcancel._cli.jobs.stored import replays
from jobcancel.abc import Entry
from jobcancel.stores.sqlite import SqliteStore

from .conftest import Command

PENDING: dict[str, Any] = {"seq": 1, "kind": "ingest", "created_at": 1_800_000_000.5, "state": "pending", "attempt": 1}
RUNNING = {**PENDING, "state": "running", "started": 1.0}
DONE = {**RUNNING, "state": "succeeded", "settled": 2.0, "final": True}
CANCEL: list[Any] = ["user", "ann", None, 1.0, "canceling", None, []]
COMMANDS = ["list", "show", "check", "compact"]


def journal(folder: Path, *entries: Entry) -> str:
    path = folder / "jobs.db"
    store = SqliteStore(path, synchronous="normal")
    store.open()
    store.append(entries)
    store.close()
    return str(path)


def run(command: Command, path: str, name: str) -> str:
    """Run a command on a file that it cannot use, and return its one line without the beginning."""
    result = command("jobs", "--db", path, name, *(["job_1"] if name == "show" else []))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix(f"jobcancel jobs {name}: journal {path}: ").rstrip("\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_is_not_a_journal_is_refused_and_not_changed(command: Command, tmp_path: Path, name: str) -> None:
    text, empty, other = tmp_path / "text", tmp_path / "empty", tmp_path / "other"
    text.write_text("plain text " * 100)
    empty.touch()
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    newer = journal(tmp_path)
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = sorted(tmp_path.iterdir())

    assert run(command, str(tmp_path / "missing"), name) == "there is no such file; look at the path"
    assert run(command, str(text), name).startswith("is not an SQLite file, so no journal; ")
    assert run(command, str(empty), name) == "is empty: no scheduler has opened it yet"
    assert run(command, str(other), name).startswith("is another program's SQLite file ")
    assert run(command, newer, name).endswith("of a newer jobcancel; this one knows 1: upgrade jobcancel")
    assert run(command, str(tmp_path), name) == "is a folder; give the path of a file in it"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("words", [["list"], ["show", "job_1"], ["check"], ["compact"]])
def test_the_journal_is_a_required_option(command: Command, words: list[str]) -> None:
    result = command("jobs", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"jobcancel jobs {words[0]}: the journal is missing; write: jobcancel jobs --db FILE {words[0]}\n"
    )


def test_an_unknown_state_is_refused_with_the_known_ones(command: Command, tmp_path: Path) -> None:
    result = command("jobs", "--db", journal(tmp_path), "list", "--state", "done")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'partially_succeeded'" in result.stderr


@pytest.mark.parametrize("words", [[], ["--db", "any"]])
def test_without_a_command_the_commands_are_listed(command: Command, words: list[str]) -> None:
    result = command("jobs", *words)
    assert result.exit_code == 0
    assert "compact" in result.stdout


def test_an_undecided_request_is_shown_with_its_restart(command: Command, tmp_path: Path) -> None:
    asked = {"asked": [["ann", "enough", False, True], [None, None, True, False]]}
    path = journal(tmp_path, Entry("job_1", {**RUNNING, **asked, "undo": [0, [["refund", 1, [], {}]] * 2]}))
    shown = command("jobs", "--db", path, "show", "job_1").stdout.splitlines()
    assert "undecided request 1\tby ann: enough, force" in shown
    assert "undecided request 2\tby an unnamed requester: no reason given, defer" in shown
    assert shown[-4] == (
        "at a restart\tit is not run again: its cancel request is accepted; its 2 compensations run, newest first "
        "(unless its kind's compensate_on excludes that end), then it is canceled"
    )
    document = command("jobs", "--db", path, "show", "--json", "job_1").stdout
    assert '"by": "ann"' in document


RESTARTS: list[tuple[dict[str, Any], str]] = [
    (
        {**RUNNING, "parent_id": "job_0"},
        "it ends with this attempt of its parent job_0: it is canceled; the parent's next attempt submits its own "
        "children",
    ),
    (
        {**RUNNING, "attempt": 2, "results": [["a", 0, 1], ["a", 1, 1], ["b", 0, None]]},
        "if its kind has on_restart='rerun', attempt 3 runs and reuses the results of a, b, unless it has left a "
        "stage that commits and did not use run_stage; if its kind has 'fail' (the default), it fails (WORKER_LOST). "
        "The journal does not contain the kind's option",
    ),
    (
        {**RUNNING, "state": "canceled", "settled": 2.0, "undo": [0, [["refund", 1, [], {}]]]},
        "its remaining compensations run; its state does not change",
    ),
    (
        {**RUNNING, "asked": [["ann", None, False, False]], "committing": "b", "undo": [0, [["a", 1, [], {}]]]},
        "it is not run again: its cancel request is accepted; it is canceled",
    ),
]


@pytest.mark.parametrize(("body", "text"), RESTARTS)
def test_what_a_restart_does_with_a_job(command: Command, tmp_path: Path, body: dict[str, Any], text: str) -> None:
    shown = command("jobs", "--db", journal(tmp_path, Entry("job_1", body)), "show", "job_1").stdout
    assert f"at a restart\t{text}\n" in shown


def test_a_job_past_its_retention_is_not_listed_and_has_only_its_key(command: Command, tmp_path: Path) -> None:
    forgotten = {"final": True, "forgotten": True, "seq": 1, "kind": "a", "owner": None, "key": "k", "created_at": 1.0}
    path = journal(tmp_path, Entry("job_1", {**forgotten, "arguments": {}, "state": "failed"}, final=True))
    assert command("jobs", "--db", path, "list", "--json").stdout == ""
    shown = command("jobs", "--db", path, "show", "job_1")
    assert (shown.exit_code, shown.stderr) == (
        2,
        "jobcancel jobs show: job job_1 is past its retention: only its idempotency key 'k' is still stored\n",
    )
    assert command("jobs", "--db", path, "check").stdout.splitlines() == [
        "        1  past retention, only the key is stored",
        "        1  entries read",
        "no problems",
    ]


def checked(command: Command, path: str) -> list[str]:
    """Check a journal and return its problems."""
    result = command("jobs", "--db", path, "check")
    *lines, count = result.stdout.splitlines()
    problems = [line.removeprefix("problem: ") for line in lines if line.startswith("problem: ")]
    assert (result.exit_code, result.stderr) == (1, "")
    assert count == f"problems: {len(problems)}"
    return problems


IMPOSSIBLE: list[tuple[list[dict[str, Any]], str]] = [
    ([{"state": "running"}], "cannot be replayed: 'seq', which is missing or unknown"),
    ([{**PENDING, "kind": "No Kind"}], "cannot be replayed: "),
    ([{**PENDING, "state": "paused"}], "cannot be replayed: 'paused' is not a valid JobState"),
    ([PENDING, {"undo": 7}], "cannot be replayed: "),
    ([{**PENDING, "created_at": 1e300}], "cannot be replayed: "),
    ([{**DONE, "state": "running", "settled": None}], "has a final entry, though it is running"),
    ([{**RUNNING, "state": "succeeded", "settled": 2.0}], "is succeeded without a final entry"),
    ([{**DONE, "settled": None}], "is succeeded without a settlement time"),
    ([{**RUNNING, "settled": 1.0}], "is running with a settlement time"),
    ([DONE, {"stage": None}], "has another entry after its final one"),
    ([PENDING, DONE], "has entries before its final one, which should have been removed"),
    ([{**RUNNING, "state": "canceling"}], "is canceling without a cancel request"),
    (
        [{**RUNNING, "history": [["started", 1.0, None, "running", None], ["unwound", 2, None, "canceled", None]]}],
        "its history has unwound -> canceled, which is not legal in running",
    ),
    (
        [{**RUNNING, "history": [["started", 1.0, None, "canceled", None]]}],
        "its history has started -> canceled, which is not legal in pending",
    ),
    (
        [{**PENDING, "history": [["started", 1.0, None, "running", None], ["failed", 1, 2, "failed", None]]}],
        "its history leads to running, but it is pending",
    ),
    (
        [{**DONE, "state": "canceled", "cancel": CANCEL, "history": [["started", 1.0, None, "running", None]]}],
        "its history leads to running, but it is canceled",
    ),
    ([{**RUNNING, "cancel": CANCEL}], "its history leads to canceling, but it is running"),
]


@pytest.mark.parametrize(("bodies", "problem"), IMPOSSIBLE)
def test_an_impossible_job_is_a_problem(
    command: Command, tmp_path: Path, bodies: list[dict[str, Any]], problem: str
) -> None:
    path = journal(tmp_path, *(Entry("job_1", body) for body in bodies))
    assert any(line.startswith(f"job job_1: {problem}") for line in checked(command, path)), checked(command, path)


def test_two_jobs_with_one_sequence_number_are_a_problem(command: Command, tmp_path: Path) -> None:
    path = journal(tmp_path, Entry("job_1", PENDING), Entry("job_2", PENDING))
    assert checked(command, path) == ["job job_2: has the sequence number 1, which another job has too"]


def test_an_abandoned_job_without_a_final_entry_is_no_problem(command: Command, tmp_path: Path) -> None:
    history = [
        ["started", 1.0, None, "running", None],
        ["cancel_accepted", 1.0, None, "canceling", None],
        ["abandoned", 2.0, None, "canceled", None],
    ]
    cancel = [*CANCEL[:-1], ["abandoned"]]
    body = {**RUNNING, "state": "canceled", "settled": 2.0, "cancel": cancel, "history": history}
    result = command("jobs", "--db", journal(tmp_path, Entry("job_1", body)), "check")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "no problems")


def test_a_damaged_entry_is_a_problem_and_the_others_are_checked(command: Command, tmp_path: Path) -> None:
    path = journal(tmp_path, Entry("job_1", PENDING), Entry("job_2", {**PENDING, "seq": 2}))
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE entry SET body = '{"se' WHERE job_id = 'job_1'""")
    connection.close()
    (problem,) = checked(command, path)
    assert problem.startswith("entry 1 of job job_1: not JSON (")
    for words in (["list"], ["show", "job"]):
        result = command("jobs", "--db", path, *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "entry 1 of job job_1 is damaged: not JSON" in result.stderr


def test_a_job_that_cannot_be_replayed_stops_list_and_show_with_a_pointer_to_check(
    command: Command, tmp_path: Path
) -> None:
    path = journal(tmp_path, Entry("job_1", {**PENDING, "state": "paused"}))
    for words in (["list"], ["show", "job_1"]):
        result = command("jobs", "--db", path, *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"`jobcancel jobs --db {path} check` names it" in result.stderr


def test_damaged_pages_are_problems(command: Command, tmp_path: Path) -> None:
    entries = [Entry(f"job_{n}", {**PENDING, "seq": n, "kwargs": {"text": "x" * 500}}) for n in range(1, 200)]
    path = Path(journal(tmp_path, *entries))
    content = bytearray(path.read_bytes())
    for page in range(8, len(content) // 4096 - 4):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert checked(command, str(path))


def test_an_entry_without_a_body_is_skipped_and_a_broken_job_is_one_problem() -> None:
    forgotten = Entry("job_1", None, final=True)
    broken = [Entry("job_2", {"history": 5}), Entry("job_2", {"state": "running"})]
    assert list(replays([forgotten])) == []
    check = Check().jobs([forgotten, *broken])
    assert [problem.partition(":")[0] for problem in check.problems] == ["job job_2"]
