"""Reading a journal in an SQLite file: it shows all entries, changes nothing and blocks no writer."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from jobcancel.abc import Entry
from jobcancel.errors import StoreError, StoreFormatError
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.stores.sqlite_reading import JournalFile, reading
from tests.stores.children import OWNER, journal, running
from tests.stores.test_sqlite_refusals import (
    FORM,
    REFUSED,
    anyones,
    changed,
    damaged_in_the_middle,
    without_its_table,
    without_rights,
)

__all__ = ("anyones",)  # a fixture

KEPT = [Entry("a", {"n": 1}), Entry("b", {"n": 1})]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


def seen(path: Path) -> tuple[list[Entry], list[Entry], list[Entry], int | None, list[str]]:
    with reading(path) as file:
        every, of_a, of_nobody = list(file.entries()), list(file.entries_of("a")), list(file.entries_of("x"))
        return every, of_a, of_nobody, file.owner(), file.problems()


def test_a_closed_journal_is_read(path: Path) -> None:
    journal(path, *KEPT)
    before = files(path)
    assert seen(path) == (KEPT, KEPT[:1], [], None, [])
    with reading(str(path)) as file:
        assert file.size == path.stat().st_size
    assert files(path) == before


def test_the_journal_of_a_running_and_of_a_killed_service_is_read(path: Path) -> None:
    with running(OWNER, path) as (child, line):
        assert line == "open"
        before = {name: content for name, content in files(path).items() if not name.endswith("-shm")}
        assert seen(path) == (KEPT, KEPT[:1], [], child.pid, [])
        with reading(path) as file:
            assert file.size == path.stat().st_size + path.with_name("journal.db-wal").stat().st_size
        assert {name: content for name, content in files(path).items() if not name.endswith("-shm")} == before
    before = files(path)
    assert seen(path) == (KEPT, KEPT[:1], [], None, [])
    assert files(path) == before


def test_a_copy_without_its_lock_has_no_owner(path: Path) -> None:
    journal(path, *KEPT)
    path.with_name("journal.db-lock").unlink()
    assert seen(path) == (KEPT, KEPT[:1], [], None, [])


def test_reading_releases_no_lock_of_a_service_in_the_same_process(path: Path) -> None:
    store = SqliteStore(path)
    store.open()
    store.append(KEPT)
    assert seen(path) == (KEPT, KEPT[:1], [], os.getpid(), [])
    with reading(path) as file:
        assert file.owner() == os.getpid()
    assert seen(path)[3] == os.getpid()
    store.append([Entry("a", {"n": 2})])
    store.close()
    assert seen(path) == ([*KEPT, Entry("a", {"n": 2})], [Entry("a", {"n": 1}), Entry("a", {"n": 2})], [], None, [])


def test_a_reader_sees_one_state_while_the_service_writes(path: Path) -> None:
    store = SqliteStore(path, busy_timeout_s=0)
    store.open()
    store.append(KEPT)
    with reading(path) as file:
        entries = file.entries()
        assert next(entries) == KEPT[0]
        store.append([Entry("a", {"n": 2}, final=True), Entry("b", None, final=True)])
        assert list(entries) == KEPT[1:]
        assert list(file.entries()) == KEPT
        assert list(file.entries_of("a")) == KEPT[:1]
    assert seen(path)[0] == [Entry("a", {"n": 2})]
    store.close()


LOOKS: dict[str, Callable[[JournalFile], object]] = {
    "entries": lambda file: list(file.entries()),
    "entries_of": lambda file: list(file.entries_of("a")),
    "problems": lambda file: file.problems(),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_reading_a_journal_at_rest_fails_if_it_is_opened_meanwhile(
    look: Callable[[JournalFile], object], path: Path
) -> None:
    journal(path, *KEPT)
    again = r": was opened by a scheduler while it was read; read it again$"
    with reading(path) as file:
        look(file)
        store = SqliteStore(path)
        store.open()
        with pytest.raises(StoreError, match=again):
            look(file)
        store.append([Entry("a", {"n": 2})])
        store.close()
        with pytest.raises(StoreError, match=again):
            look(file)


@FORM
def test_reading_refuses_other_files_as_opening_does_but_reads_damaged_ones(
    make: Callable[[Path], None], path: Path
) -> None:
    make(path)
    before = files(path)
    if make in {damaged_in_the_middle, without_its_table}:
        with reading(path) as file:
            assert file.owner() is None
    else:
        with pytest.raises(StoreFormatError, match=f"^journal {path}: {REFUSED[make]}"), reading(path):
            pass
    assert files(path) == before


@pytest.mark.parametrize("empty", [b"", None])
def test_an_empty_file_is_no_journal_yet(empty: bytes | None, path: Path) -> None:
    if empty is None:
        changed(path, "VACUUM")
    else:
        path.write_bytes(empty)
    before = files(path)
    message = r": is empty: no scheduler has opened it yet$"
    with pytest.raises(StoreFormatError, match=message), reading(path):
        pass
    assert files(path) == before


def test_reading_creates_no_file(path: Path) -> None:
    with pytest.raises(StoreError, match=f"^journal {path}: there is no such file; look at the path$"), reading(path):
        pass
    with pytest.raises(StoreError, match=r": is a folder; "), reading(path.parent):
        pass
    assert list(path.parent.iterdir()) == []


def test_damage_is_listed_line_by_line_and_reading_it_is_refused(path: Path) -> None:
    damaged_in_the_middle(path)
    before = files(path)
    with reading(path) as file:
        *found, last = file.problems()
        assert any(line.startswith("Page ") for line in found)
        assert "\n" not in "".join(found)
        assert last == "cannot be read: database disk image is malformed"
        with pytest.raises(
            StoreFormatError, match=r" is damaged \(database disk image is malformed, SQLITE_CORRUPT\); "
        ):
            list(file.entries())
    assert files(path) == before


def test_damaged_entries_are_listed_by_row_and_job(path: Path) -> None:
    journal(path, *KEPT, Entry("c", {"n": 1}))
    changed(path, "UPDATE entry SET body = '{' WHERE id = 1", "UPDATE entry SET body = '[1]' WHERE id = 3")
    with reading(path) as file:
        first, second = file.problems()
        assert first.startswith("entry 1 of job a: not JSON (")
        assert second == "entry 3 of job c: not an object but [1]"
        assert list(file.entries_of("b")) == KEPT[1:]
        with pytest.raises(StoreFormatError, match=r": entry 1 of job a is damaged: not JSON \("):
            list(file.entries())


def test_a_reader_needs_no_write_rights(anyones: Path) -> None:
    with running(OWNER, anyones / "journal.db") as (child, _):
        anyones.chmod(0o755)
        with without_rights():
            assert seen(anyones / "journal.db") == (KEPT, KEPT[:1], [], child.pid, [])
    with without_rights():
        assert seen(anyones / "journal.db") == (KEPT, KEPT[:1], [], None, [])


def test_a_reader_without_rights_is_refused(anyones: Path) -> None:
    path = journal(anyones / "journal.db", *KEPT)
    path.chmod(0o000)
    with without_rights(), pytest.raises(StoreError, match=r": cannot be opened \(unable to open "), reading(path):
        pass


def test_a_reader_does_not_rebuild_a_logs_index(path: Path) -> None:
    with running(OWNER, path):
        pass
    path.with_name("journal.db-shm").unlink()
    before = files(path)
    with pytest.raises(StoreError, match=r": cannot be opened \(unable to open "), reading(path):
        pass
    assert files(path) == before


def test_a_lock_file_that_is_none_makes_the_owner_unknown(path: Path) -> None:
    journal(path, *KEPT)
    path.with_name("journal.db-lock").write_bytes(b"something else" * 100)
    with reading(path) as file, pytest.raises(StoreError, match=r"file is not a database"):
        file.owner()


def test_an_owner_without_a_stored_pid_is_none(path: Path) -> None:
    changed(journal(path, *KEPT), "DELETE FROM meta")
    lock = sqlite3.connect(path.with_name("journal.db-lock"), isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with reading(path) as file:
        assert file.owner() is None
    lock.close()
