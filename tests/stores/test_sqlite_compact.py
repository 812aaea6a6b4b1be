"""Compacting a journal in an SQLite file: the file shrinks, no entry is lost, and no reader is blocked."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from jobcancel.abc import Entry
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.stores.sqlite_reading import reading
from tests.stores.children import KILLED_AT, bodies, journal, run

TEXT = "x" * 1000
MANY = 3000  # 3 MB, so that its pages are given back in more than one transaction


def full(path: Path) -> SqliteStore:
    store = SqliteStore(path, synchronous="normal")
    store.open()
    store.append([Entry(f"job {n}", {"n": n, "text": TEXT}) for n in range(MANY)])
    store.append([Entry(f"job {n}", None, final=True) for n in range(10, MANY)])
    return store


KEPT = [(f"job {n}", {"n": n, "text": TEXT}) for n in range(10)]


def test_the_file_shrinks_to_what_is_kept_and_the_log_to_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    store = full(path)
    store.compact()
    assert path.stat().st_size < 100_000
    assert path.with_name("journal.db-wal").stat().st_size == 0
    store.close()
    assert bodies(path) == KEPT


def test_compacting_does_not_disturb_a_reader_and_shrinks_the_file_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    store = SqliteStore(path, busy_timeout_s=3600)  # it would show, had compact() to wait for the reader
    store.open()
    store.append([Entry("a", {"n": 1})])
    with reading(path) as file:
        store.append([Entry(f"job {n}", {"text": TEXT}) for n in range(MANY)])
        store.append([Entry(f"job {n}", None, final=True) for n in range(MANY)])
        store.compact()
        assert path.with_name("journal.db-wal").stat().st_size > 0
        assert list(file.entries()) == [Entry("a", {"n": 1})]
    store.compact()
    assert path.with_name("journal.db-wal").stat().st_size == 0
    assert path.stat().st_size < 100_000
    store.close()
    assert bodies(path) == [("a", {"n": 1})]


COMPACT = """
from jobcancel.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
from_here, left = left, 1_000_000
store.open()
left = from_here
store._connection.set_progress_handler(step, 1)  # a few a page
store.compact()
"""


def test_a_kill_in_the_middle_leaves_every_entry_and_the_next_one_finishes(tmp_path: Path) -> None:
    full(tmp_path / "full.db").close()
    killed = 0
    for step in range(0, 1_000_000, 400):
        path = tmp_path / "killed.db"
        shutil.copyfile(tmp_path / "full.db", path)
        ended = run(KILLED_AT + COMPACT, path, step)
        assert bodies(path) == KEPT
        store = SqliteStore(path)
        store.open()
        store.compact()
        store.close()
        assert path.stat().st_size < 100_000
        assert bodies(path) == KEPT
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        killed += 1
    assert killed > 3


def test_compacting_without_free_pages_changes_nothing(tmp_path: Path) -> None:
    path = journal(tmp_path / "journal.db", Entry("a", {"n": 1}))
    before = path.stat().st_size
    store = SqliteStore(path)
    store.open()
    store.compact()
    store.close()
    assert path.stat().st_size == before
