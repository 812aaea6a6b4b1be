"""`jobcancel jobs` on what is no sound journal: one line and exit code 2, or what is wrong with which job."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

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
    """The one line that a command says of what it cannot use."""
    result = command("jobs", "--db", path, name, *(["job_1"] if name == "show" else []))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix(f"jobcancel jobs {name}: journal {path}: ").rstrip("\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_no_journal_is_named_and_left_as_it_is(command: Command, tmp_path: Path, name: str) -> None:
    text, empty, other = tmp_path / "text", tmp_path / "empty", tmp_path / "other"
    text.write_text("no journal " * 100)
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


@pytest.mark.parametrize("words", [["list"], ["jobs"], ["show"], []])
def test_a_journal_must_be_given(command: Command, words: list[str]) -> None:
    result = command("jobs", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "jobcancel jobs: Missing option '--db'; see jobcancel jobs --help\n"


def test_an_unknown_state_is_answered_with_those_there_are(command: Command, tmp_path: Path) -> None:
    result = command("jobs", "--db", journal(tmp_path), "list", "--state", "done")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'partially_succeeded'" in result.stderr


def test_without_a_command_the_commands_are_listed(command: Command, tmp_path: Path) -> None:
    result = command("jobs", "--db", "any")
    assert result.exit_code == 0
    assert "compact" in result.stdout


def test_a_request_that_was_kept_and_not_decided_is_shown_and_will_be_accepted(
    command: Command, tmp_path: Path
) -> None:
    asked = {"asked": [["ann", "enough", False, True], [None, None, True, False]]}
    path = journal(tmp_path, Entry("job_1", {**RUNNING, **asked, "undo": [0, [["refund", 1, [], {}]] * 2]}))
    shown = command("jobs", "--db", path, "show", "job_1").stdout.splitlines()
    assert "request 1, not decided\tby ann: enough, force" in shown
    assert "request 2, not decided\tby nobody named: no reason given, defer" in shown
    assert shown[-4] == (
        "at a restart\tit is not run again: a cancel was asked for, and is accepted; its 2 compensations run, newest "
        "first (unless its kind's compensate_on leaves that out), then it is canceled"
    )
    document = command("jobs", "--db", path, "show", "--json", "job_1").stdout
    assert '"by": "ann"' in document


RESTARTS: list[tuple[dict[str, Any], str]] = [
    (
        {**RUNNING, "parent_id": "job_0"},
        "with this attempt of its parent job_0 it is over: it is canceled; the parent's next attempt submits its own",
    ),
    (
        {**RUNNING, "attempt": 2, "results": [["a", 0, 1], ["a", 1, 1], ["b", 0, None]]},
        "if its kind has on_restart='rerun', attempt 3 runs, reusing the results of a, b, unless it has left a "
        "stage that commits and was not kept by run_stage; if it has 'fail', the default, it fails (WORKER_LOST). "
        "The journal does not say which",
    ),
    (
        {**RUNNING, "state": "canceled", "settled": 2.0, "undo": [0, [["refund", 1, [], {}]]]},
        "its compensations that are left run; its state stays",
    ),
    (
        {**RUNNING, "asked": [["ann", None, False, False]], "committing": "b", "undo": [0, [["a", 1, [], {}]]]},
        "it is not run again: a cancel was asked for, and is accepted; it is canceled",
    ),
]


@pytest.mark.parametrize(("body", "says"), RESTARTS)
def test_what_a_restart_does_is_told(command: Command, tmp_path: Path, body: dict[str, Any], says: str) -> None:
    shown = command("jobs", "--db", journal(tmp_path, Entry("job_1", body)), "show", "job_1").stdout
    assert f"at a restart\t{says}\n" in shown


def test_a_forgotten_job_is_in_no_list_and_says_what_is_left_of_it(command: Command, tmp_path: Path) -> None:
    remains = {"final": True, "forgotten": True, "seq": 1, "kind": "a", "owner": None, "key": "k", "created_at": 1.0}
    path = journal(tmp_path, Entry("job_1", {**remains, "arguments": {}, "state": "failed"}, final=True))
    assert command("jobs", "--db", path, "list", "--json").stdout == ""
    shown = command("jobs", "--db", path, "show", "job_1")
    assert (shown.exit_code, shown.stderr) == (
        2,
        "jobcancel jobs show: job job_1 is past its retention: only its idempotency key 'k' is still kept\n",
    )
    assert command("jobs", "--db", path, "check").stdout.splitlines() == [
        "        1  forgotten, its key is kept",
        "        1  entries read",
        "no problems",
    ]


def checked(command: Command, path: str) -> list[str]:
    """The problems that a check finds."""
    result = command("jobs", "--db", path, "check")
    *told, count = result.stdout.splitlines()
    problems = [line.removeprefix("problem: ") for line in told if line.startswith("problem: ")]
    assert (result.exit_code, result.stderr) == (1, "")
    assert count == f"problems: {len(problems)}"
    return problems


IMPOSSIBLE: list[tuple[list[dict[str, Any]], str]] = [
    ([{"state": "running"}], "does not replay: 'seq', which is missing or unknown"),
    ([{**PENDING, "kind": "No Kind"}], "does not replay: "),
    ([{**PENDING, "state": "paused"}], "does not replay: 'paused' is not a valid JobState"),
    ([PENDING, {"undo": 7}], "does not replay: "),
    ([{**PENDING, "created_at": 1e300}], "does not replay: "),
    ([{**DONE, "state": "running", "settled": None}], "has a final entry, though it is running"),
    ([{**RUNNING, "state": "succeeded", "settled": 2.0}], "is succeeded without a final entry"),
    ([{**DONE, "settled": None}], "is succeeded without a time at which it settled"),
    ([{**RUNNING, "settled": 1.0}], "is running with a time at which it settled"),
    ([DONE, {"stage": None}], "has another entry after its final one"),
    ([PENDING, DONE], "has entries before its final one, which should have gone with it"),
    ([{**RUNNING, "state": "canceling"}], "is canceling, and no cancel was asked for"),
    (
        [{**RUNNING, "history": [["started", 1.0, None, "running", None], ["unwound", 2, None, "canceled", None]]}],
        "its history says unwound -> canceled, which is not legal in running",
    ),
    (
        [{**RUNNING, "history": [["started", 1.0, None, "canceled", None]]}],
        "its history says started -> canceled, which is not legal in pending",
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


@pytest.mark.parametrize(("bodies", "says"), IMPOSSIBLE)
def test_a_job_that_cannot_be_is_named(
    command: Command, tmp_path: Path, bodies: list[dict[str, Any]], says: str
) -> None:
    path = journal(tmp_path, *(Entry("job_1", body) for body in bodies))
    assert any(line.startswith(f"job job_1: {says}") for line in checked(command, path)), checked(command, path)


def test_two_jobs_in_one_place_are_a_problem(command: Command, tmp_path: Path) -> None:
    path = journal(tmp_path, Entry("job_1", PENDING), Entry("job_2", PENDING))
    assert checked(command, path) == ["job job_2: has place 1 in the order of submission, as another job has"]


def test_an_abandoned_job_has_settled_before_its_code(command: Command, tmp_path: Path) -> None:
    history = [
        ["started", 1.0, None, "running", None],
        ["cancel_accepted", 1.0, None, "canceling", None],
        ["abandoned", 2.0, None, "canceled", None],
    ]
    cancel = [*CANCEL[:-1], ["abandoned"]]
    body = {**RUNNING, "state": "canceled", "settled": 2.0, "cancel": cancel, "history": history}
    result = command("jobs", "--db", journal(tmp_path, Entry("job_1", body)), "check")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "no problems")


def test_an_entry_that_is_none_is_named_and_the_others_are_checked(command: Command, tmp_path: Path) -> None:
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


def test_a_job_that_does_not_replay_stops_the_others_with_a_pointer_to_the_check(
    command: Command, tmp_path: Path
) -> None:
    path = journal(tmp_path, Entry("job_1", {**PENDING, "state": "paused"}))
    for words in (["list"], ["show", "job_1"]):
        result = command("jobs", "--db", path, *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"`jobcancel jobs --db {path} check` says which" in result.stderr


def test_pages_that_are_damaged_are_problems(command: Command, tmp_path: Path) -> None:
    entries = [Entry(f"job_{n}", {**PENDING, "seq": n, "kwargs": {"text": "x" * 500}}) for n in range(1, 200)]
    path = Path(journal(tmp_path, *entries))
    content = bytearray(path.read_bytes())
    for page in range(8, len(content) // 4096 - 4):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert checked(command, str(path))
