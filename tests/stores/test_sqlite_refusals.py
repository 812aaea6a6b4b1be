"""Files that an SQLite store refuses to open: the error says what to do, and the file is not changed by one byte."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobcancel.abc import Entry
from jobcancel.errors import StoreError, StoreFormatError
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.stores.sqlite_reading import reading
from tests.stores.children import OWNER, bodies, journal, running


def changed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.close()


def no_sqlite(path: Path) -> None:
    path.write_bytes(b"\x89PNG and something else " * 1000)


def too_short(path: Path) -> None:
    path.write_bytes(b"x")


def somebody_elses(path: Path) -> None:
    changed(path, "PRAGMA journal_mode = WAL", "PRAGMA application_id = 7", "CREATE TABLE bookmarks (url TEXT)")


def nobodys(path: Path) -> None:
    changed(path, "CREATE TABLE entry (id INTEGER PRIMARY KEY, job_id TEXT, body TEXT)")


def newer(path: Path) -> None:
    changed(journal(path, Entry("a", {"n": 1})), "PRAGMA user_version = 2")


def newer_in_its_log(path: Path) -> None:
    """A journal whose newer version is only in the log of a killed service."""
    with running(OWNER, path):
        pass
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA user_version = 2")
    left = {file: file.read_bytes() for file in path.parent.iterdir()}
    connection.close()
    for file, content in left.items():
        file.write_bytes(content)


def damaged_in_the_middle(path: Path) -> None:
    journal(path, *(Entry(f"job {n}", {"text": "x" * 100}) for n in range(1000)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    journal(path, *(Entry(f"job {n}", {"text": "x" * 100}) for n in range(1000)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def without_its_table(path: Path) -> None:
    changed(journal(path), "DROP TABLE meta")


REFUSED: dict[Callable[[Path], None], str] = {
    no_sqlite: r"is not an SQLite file, so no journal; give the journal a path of its own$",
    too_short: r"is not an SQLite file, so no journal; give the journal a path of its own$",
    somebody_elses: r"is another program's SQLite file \(application_id 7\); give the journal a path of its own$",
    nobodys: r"is another program's SQLite file \(application_id 0\); give the journal a path of its own$",
    newer: r"is of format 2, of a newer jobcancel; this one knows 1: upgrade jobcancel$",
    newer_in_its_log: r"is of format 2, of a newer jobcancel; this one knows 1: upgrade jobcancel$",
    damaged_in_the_middle: r"is damaged \(.*\); restore it from a backup, or move it away and a new one is made$",
    cut_off: r"is damaged \(.*\); restore it from a backup, or move it away and a new one is made$",
    without_its_table: r"is damaged \(no such table: meta\); restore it from a backup, or move it away ",
}
FORM = pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)


@FORM
def test_a_file_that_is_no_journal_is_refused_and_unchanged(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    make(path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir() if not file.name.endswith("-shm")}
    store = SqliteStore(path)
    for _ in range(2):
        with pytest.raises(StoreFormatError, match=f"^journal {path}: {REFUSED[make]}"):
            store.open()
    store.close()
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir() if not file.name.endswith("-shm")}
    assert {**after, "journal.db-lock": b""} == {**before, "journal.db-lock": b""}


def test_once_it_is_moved_away_a_new_journal_is_made(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    no_sqlite(path)
    store = SqliteStore(path)
    with pytest.raises(StoreFormatError):
        store.open()
    path.unlink()
    store.open()
    store.append([Entry("a", {"n": 1})])
    store.close()
    assert bodies(path) == [("a", {"n": 1})]


@pytest.mark.parametrize("text", ["{", "[]", "", "1"])
def test_a_damaged_entry_is_named_by_its_row(text: str, tmp_path: Path) -> None:
    path = journal(tmp_path / "journal.db", Entry("a", {"n": 1}), Entry("b", {"n": 1}))
    changed(path, "UPDATE entry SET body = 'TEXT' WHERE id = 2".replace("TEXT", text))
    store = SqliteStore(path)
    store.open()
    with pytest.raises(StoreFormatError, match=r": entry 2 of job b is damaged: not .*; restore a backup$"):
        list(store.read())
    store.close()


def test_an_entry_that_is_no_text_is_damage_too(tmp_path: Path) -> None:
    path = journal(tmp_path / "journal.db", Entry("a", {"n": 1}))
    changed(path, "UPDATE entry SET body = CAST(x'ff' AS TEXT)")
    store = SqliteStore(path)
    store.open()
    with pytest.raises(StoreFormatError, match=r" is damaged \(Could not decode to UTF-8 "):
        list(store.read())
    store.close()


@contextmanager
def without_rights() -> Generator[None]:
    """Run as another user than root, whom file permissions restrict."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def anyones() -> Generator[Path]:
    """A folder in which every user may write; pytest's own folders belong to one user."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_folder_is_no_journal_and_none_is_made_in_one_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"^journal {tmp_path}: is a folder; give the path of a file in it$"):
        SqliteStore(tmp_path).open()
    with pytest.raises(StoreError, match=f": cannot be made: there is no folder {tmp_path}/missing; make it$"):
        SqliteStore(tmp_path / "missing" / "journal.db").open()
    assert list(tmp_path.iterdir()) == []


def problem_of_opening(path: Path) -> str:
    store = SqliteStore(path)
    with without_rights(), pytest.raises(StoreError) as caught:
        store.open()
    return str(caught.value)


RIGHT = "this process needs the right to write it and its folder"


def test_a_file_that_may_only_be_read_is_refused_and_left_as_it_is(anyones: Path) -> None:
    path = journal(anyones / "journal.db", Entry("a", {"n": 1}))
    (anyones / "journal.db-lock").chmod(0o666)
    path.chmod(0o444)
    before = path.read_bytes()
    problem = f"may not be written (attempt to write a readonly database, SQLITE_READONLY); {RIGHT}"
    assert problem_of_opening(path) == f"journal {path}: {problem}"
    assert path.read_bytes() == before
    path.chmod(0o644)
    assert bodies(path) == [("a", {"n": 1})]


def test_a_file_that_may_not_even_be_read_is_refused(anyones: Path) -> None:
    path = journal(anyones / "journal.db")
    (anyones / "journal.db-lock").chmod(0o666)
    path.chmod(0o000)
    problem = f"cannot be opened (unable to open database file, SQLITE_CANTOPEN); {RIGHT}"
    assert problem_of_opening(path) == f"journal {path}: {problem}"


def test_a_folder_in_which_nothing_may_be_made_is_refused(anyones: Path) -> None:
    anyones.chmod(0o755)
    path = anyones / "journal.db"
    problem = f"cannot be opened (unable to open database file, SQLITE_CANTOPEN); {RIGHT}"
    assert problem_of_opening(path) == f"journal {path}-lock: {problem}"
    path.with_name("journal.db-lock").touch()
    path.with_name("journal.db-lock").chmod(0o666)
    assert problem_of_opening(path) == f"journal {path}: {problem}"
    path.with_name("journal.db-new").touch()  # as a kill leaves it
    assert problem_of_opening(path) == (
        f"journal {path}: cannot be reached (Permission denied: {path}-new); look at the folder's rights"
    )


def test_a_folder_that_may_not_be_entered_is_refused(anyones: Path) -> None:
    inner = anyones / "inner"
    inner.mkdir()
    anyones.chmod(0o700)
    assert "look at the folder's rights" in problem_of_opening(inner / "journal.db")
    with (
        without_rights(),
        pytest.raises(StoreError, match=r"look at the folder's rights$"),
        reading(inner / "journal.db"),
    ):
        pass


def test_a_foreign_file_in_place_of_the_lock_is_refused_and_unchanged(tmp_path: Path) -> None:
    lock = tmp_path / "journal.db-lock"
    lock.write_bytes(b"not a lock" * 1000)
    with pytest.raises(StoreError, match=f"^journal {lock}: has the name of a journal's lock file but is something "):
        SqliteStore(tmp_path / "journal.db").open()
    assert lock.read_bytes() == b"not a lock" * 1000
    assert list(tmp_path.iterdir()) == [lock]
