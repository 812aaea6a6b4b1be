"""The journal in an SQLite file: the promises of a store, one scheduler at a time, and its state after a kill."""

from __future__ import annotations

import math
import os
import shutil
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest

from jobcancel.abc import Entry, Store
from jobcancel.errors import StoreError, StoreInUseError
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.testing import STORE_CHECKS, StoreCheck
from tests.stores.children import KILLED_AT, OWNER, bodies, connection_of, journal, printed, run, running

NOTHING_OPEN = r": is not open; open\(\) comes first$"


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_it_does_what_a_store_promises(check: StoreCheck, tmp_path: Path) -> None:
    def store() -> Store:
        return SqliteStore(tmp_path / "journal.db")

    check(store)


@pytest.mark.parametrize(("synchronous", "level"), [("full", 2), ("normal", 1)])
def test_synchronous_sets_the_pragma(synchronous: Literal["full", "normal"], level: int, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db", synchronous=synchronous)
    store.open()
    connection = connection_of(store)
    assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert connection.execute("PRAGMA application_id").fetchone() == (0x6A6F6263,)
    store.close()


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("", {}, r"^path must name a file, not ''; in memory there is MemoryStore\(\)$"),
        (":memory:", {}, r"^path must name a file, not ':memory:'; in memory there is MemoryStore\(\)$"),
        ("a", {"synchronous": "off"}, r"^synchronous must be 'full' or 'normal', not 'off'$"),
        ("a", {"busy_timeout_s": -1}, r"^busy_timeout_s must be a number of seconds from 0 to 3600, not -1$"),
        ("a", {"busy_timeout_s": math.nan}, r"^busy_timeout_s must be a number of seconds from 0 to 3600, not nan$"),
        ("a", {"busy_timeout_s": math.inf}, r"^busy_timeout_s must be a number of seconds from 0 to 3600, not inf$"),
    ],
)
def test_invalid_arguments_are_refused(path: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SqliteStore(path, **options)


def test_a_path_may_have_url_characters_and_survives_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("what? 100% #1 ü.db")
    monkeypatch.chdir("/")
    assert repr(store) == f"<journal {tmp_path}/what? 100% #1 ü.db, closed>"
    store.open()
    assert repr(store) == f"<journal {tmp_path}/what? 100% #1 ü.db, open>"
    store.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["what? 100% #1 ü.db", "what? 100% #1 ü.db-lock"]


def test_nothing_works_before_it_is_open_or_after_it_is_closed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    for _ in range(2):
        for call in (store.read, lambda: store.append([]), store.compact):
            with pytest.raises(StoreError, match=NOTHING_OPEN):
                call()
        store.open()
        store.close()


def test_every_call_may_come_from_another_thread(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    steps = (store.open, lambda: store.append([Entry("a", {"n": 1})]), store.compact, lambda: list(store.read()))
    results: list[object] = []
    for step in (*steps, store.close):
        with ThreadPoolExecutor(1) as thread:
            results.append(thread.submit(step).result())
    assert results[3] == [Entry("a", {"n": 1})]


def test_an_empty_file_or_an_empty_database_becomes_the_journal_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch(mode=0o600)
    assert bodies(path) == []
    assert path.stat().st_mode & 0o777 == 0o600

    empty = tmp_path / "empty.db"
    connection = sqlite3.connect(empty)
    connection.execute("VACUUM")
    connection.close()
    assert empty.stat().st_size > 0
    assert bodies(journal(empty, Entry("a", {"n": 1}))) == [("a", {"n": 1})]


def test_the_log_that_a_deleted_journal_left_is_not_read_into_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with running(OWNER, path):
        pass
    path.unlink()
    assert path.with_name("journal.db-wal").stat().st_size > 0
    assert bodies(path) == []


def test_another_process_holds_the_journal_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with running(OWNER, path) as (child, line):
        assert line == "open"
        store = SqliteStore(path)
        with pytest.raises(StoreInUseError, match=f" is in use by process {child.pid}: ") as caught:
            store.open()
        assert caught.value.pid == child.pid
        child.kill()
        assert child.wait() == -signal.SIGKILL
        assert bodies(path) == [("a", {"n": 1}), ("b", {"n": 1})]


def test_two_paths_that_lead_to_one_file_are_one_journal(tmp_path: Path) -> None:
    path = journal(tmp_path / "journal.db", Entry("a", {"n": 1}))
    link = tmp_path / "link.db"
    link.symlink_to(path)
    store = SqliteStore(path)
    store.open()
    with pytest.raises(StoreInUseError):
        SqliteStore(link).open()
    store.close()
    assert bodies(link) == [("a", {"n": 1})]


def test_a_journal_in_use_without_a_file_yet_names_no_process(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    owner = sqlite3.connect(tmp_path / "journal.db-lock", isolation_level=None)
    owner.execute("BEGIN EXCLUSIVE")
    for there in (False, True):
        if there:
            path.touch()
        with pytest.raises(StoreInUseError, match=r" is in use by process None: ") as caught:
            SqliteStore(path).open()
        assert caught.value.pid is None
    owner.close()
    assert bodies(path) == []


FORKED = """
import os, sys
from jobcancel.abc import Entry
from jobcancel.errors import StoreError, StoreInUseError
from jobcancel.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
store.open()
store.append([Entry("a", {"n": 1})])
if not (forked := os.fork()):
    for call in (store.read, lambda: store.append([Entry("a", {"n": 2})])):
        try:
            call()
        except StoreError as error:
            print(error.problem, flush=True)
    store.close()
    try:
        SqliteStore(sys.argv[1]).open()
    except StoreInUseError as error:
        print(error.pid == os.getppid(), flush=True)
    os._exit(0)
os.waitpid(forked, 0)
store.append([Entry("a", {"n": 3})])
print(os.getpid(), [entry.body["n"] for entry in store.read()])
store.close()
"""


def test_a_fork_of_the_owner_can_neither_write_nor_release_the_journal(tmp_path: Path) -> None:
    *lines, last = printed(FORKED, tmp_path / "journal.db")
    pid, _, kept = last.partition(" ")
    refusal = f"was opened by process {pid}, and this process is a fork of it; open another store here"
    assert (lines, kept) == ([refusal, refusal, "True"], "[1, 3]")
    assert bodies(tmp_path / "journal.db") == [("a", {"n": 1}), ("a", {"n": 3})]


def test_a_process_that_did_not_open_the_journal_does_not_checkpoint_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    store.open()
    owner = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: owner + 1)
    with pytest.raises(StoreError, match=f" was opened by process {owner}, and this process is a fork "):
        store.append([Entry("a", {"n": 1})])
    store.close()
    assert bodies(tmp_path / "journal.db") == []


LEFT_BEHIND = """
import os, signal, sys
from jobcancel.abc import Entry
from jobcancel.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
store.open()
store.append([Entry("a", {"n": 1})])
if os.fork():
    signal.pause()
print("forked", flush=True)
sys.stdin.readline()
store.close()
bodies = SqliteStore(sys.argv[1])
bodies.open()
print(len(list(bodies.read())), flush=True)
bodies.close()
"""


def test_a_fork_of_a_killed_owner_holds_no_lock_and_may_open_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with running(LEFT_BEHIND, path) as (owner, line):
        assert line == "forked"
        owner.kill()
        owner.wait()
        assert bodies(path) == [("a", {"n": 1})]
        assert owner.stdin is not None
        assert owner.stdout is not None
        owner.stdin.write("\n")
        owner.stdin.flush()
        assert owner.stdout.readline() == "1\n"


LIFE = """
from jobcancel.abc import Entry
from jobcancel.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1], synchronous="normal")
store.open()
store.append([Entry("a", {"n": 1}), Entry("b", {"n": 1})])
store.append([Entry("a", {"n": 2}, final=True), Entry("b", {"n": 2})])
store.compact()
store.close()
"""


def test_a_kill_at_any_step_leaves_the_entries_before_or_after_the_step(tmp_path: Path) -> None:
    nothing: list[tuple[str, object]] = []
    first: list[tuple[str, object]] = [("a", {"n": 1}), ("b", {"n": 1})]
    second: list[tuple[str, object]] = [("b", {"n": 1}), ("a", {"n": 2}), ("b", {"n": 2})]
    seen: list[list[tuple[str, object]]] = []
    for step in range(0, 10_000, 3):
        path = tmp_path / f"{step}.db"
        ended = run(KILLED_AT + LIFE, path, step)
        seen.append(bodies(path))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    ranks = [[nothing, first, second].index(entries) for entries in seen]
    assert ranks == sorted(ranks)
    assert set(ranks) == {0, 1, 2}


def test_two_of_the_three_files_are_enough_to_open(tmp_path: Path) -> None:
    path, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    with running(OWNER, path):
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    assert bodies(copy) == [("a", {"n": 1}), ("b", {"n": 1})]


def test_a_second_store_in_this_process_names_this_process(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "journal.db")
    store.open()
    for other in (store, SqliteStore(tmp_path / "journal.db")):
        with pytest.raises(StoreInUseError) as caught:
            other.open()
        assert caught.value.pid == os.getpid()
    store.close()
