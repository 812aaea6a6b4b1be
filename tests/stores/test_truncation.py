"""A log that is cut anywhere: the entries read are those before its last transaction or those after it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jobcancel.abc import Entry
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.stores.sqlite_reading import reading
from tests.stores.children import bodies, journal, run

BEFORE = [("a", {"n": 1}), ("b", {"n": 1})]
AFTER = [("b", {"n": 1}), ("a", {"n": 2}), ("b", {"n": 2}), ("c", {"n": 2})]
FRAME_HEADER, FRAME = 24, 24 + 512  # bytes of SQLite's write-ahead log, with the pages of this file
LAST = [Entry("a", {"n": 2}, final=True), Entry("b", {"n": 2}), Entry("c", {"n": 2})]


def with_small_pages(path: Path) -> Path:
    """Make a journal with SQLite's smallest pages, so that its log is short."""
    connection = sqlite3.connect(journal(path), isolation_level=None)
    for statement in ("journal_mode = DELETE", "page_size = 512"):
        connection.execute(f"PRAGMA {statement}").fetchall()
    connection.execute("VACUUM")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return path


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Path, bytes, bytes, int]:
    """The path of a journal, its file and log as a kill leaves them, and where the log's last transaction begins."""
    path = with_small_pages(tmp_path / "journal.db")
    log = tmp_path / "journal.db-wal"
    store = SqliteStore(path)
    store.open()
    store.append([Entry("a", {"n": 1}), Entry("b", {"n": 1})])
    begins = log.stat().st_size
    store.append(LAST)
    file, logged = path.read_bytes(), log.read_bytes()
    store.close()
    return path, file, logged, begins


def left(path: Path, file: bytes, log: bytes) -> None:
    path.write_bytes(file)
    path.with_name("journal.db-wal").write_bytes(log)
    path.with_name("journal.db-shm").unlink(missing_ok=True)


def cuts(begins: int, length: int) -> list[int]:
    """Return where to cut a log: at each byte of its frames' headers, and at every 16th byte of their pages."""
    return [end for end in range(begins, length) if (end - begins) % FRAME < FRAME_HEADER or end % 16 == 0]


def test_a_log_cut_anywhere_in_its_last_transaction(killed: tuple[Path, bytes, bytes, int]) -> None:
    path, file, log, begins = killed
    assert 1000 < len(log) - begins < 10_000
    for end in cuts(begins, len(log)):
        left(path, file, log[:end])
        assert bodies(path) == BEFORE, end
    left(path, file, log)
    assert bodies(path) == AFTER


def test_a_log_with_any_byte_of_its_last_transaction_wrong(killed: tuple[Path, bytes, bytes, int]) -> None:
    path, file, log, begins = killed
    for at in range(begins, len(log), 37):
        left(path, file, log[:at] + bytes([log[at] ^ 0xFF]) + log[at + 1 :])
        assert bodies(path) == BEFORE, at


def test_a_reader_of_a_cut_log_sees_the_same(killed: tuple[Path, bytes, bytes, int]) -> None:
    path, file, log, begins = killed
    index = path.with_name("journal.db-shm")
    for end in [*range(begins, len(log), 41), len(log)]:
        left(path, file, log[:end])
        index.write_bytes(bytes(32768))
        with reading(path) as looked:
            found = [(entry.job_id, entry.body) for entry in looked.entries()]
            assert found == (AFTER if end == len(log) else BEFORE), end
            assert looked.problems() == []
        assert path.with_name("journal.db-wal").read_bytes() == log[:end]


BEGINS_LOG = """
import os, sys
from jobcancel.abc import Entry
from jobcancel.stores import SqliteStore
store = SqliteStore(sys.argv[1])
store.open()
store.append([Entry("a", {"n": 1})])
store.compact()
store.append([Entry("b", {"n": 1})])
os.truncate(sys.argv[1] + "-wal", 32)  # its header: what comes first is written first
os._exit(0)  # as killed: with its log and the index of that
"""


def test_the_journal_of_a_service_killed_while_restarting_its_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert run(BEGINS_LOG, path) == 0
    with reading(path) as file:
        assert file.problems() == []
        assert [(entry.job_id, entry.body) for entry in file.entries()] == [("a", {"n": 1})]
    assert bodies(path) == [("a", {"n": 1})]
