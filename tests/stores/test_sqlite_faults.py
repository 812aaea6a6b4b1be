"""Failing writes: no entry of the batch is written, the error has the cause, and the store works again afterwards."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from jobcancel.abc import Entry
from jobcancel.errors import StoreError, StoreFormatError
from jobcancel.stores.sqlite import SqliteStore
from tests.stores.children import bodies, connection_of, printed

FIRST, SECOND, THIRD = Entry("a", {"n": 1}), Entry("a", {"n": 2}, final=True), Entry("a", {"n": 3})
BATCH = [Entry("b", {"n": 2}), SECOND, Entry("c", {"n": 2})]


class Faulty(sqlite3.Connection):
    """A connection on which statements that begin so fail, before or after SQLite has done them."""

    before: ClassVar[dict[str, BaseException]] = {}
    opened: ClassVar[int] = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        Faulty.opened += 1

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self._fail(sql)
        return super().execute(sql, *parameters)

    def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        self._fail(sql)
        return super().executemany(sql, *parameters)

    def _fail(self, sql: str) -> None:
        for beginning, error in self.before.items():
            if sql.startswith(beginning):
                raise error


def failure(message: str, code: int, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


DISK = failure("disk I/O error", sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC")
DISK_SAYS = (
    r": cannot be read or written \(disk I/O error, SQLITE_IOERR_FSYNC\); "
    r"look at the disk, the quota and the file size limit$"
)


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> dict[str, BaseException]:
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connect_faulty(*args: Any, **options: Any) -> sqlite3.Connection:
        return connect(*args, factory=Faulty, **options)

    monkeypatch.setattr(sqlite3, "connect", connect_faulty)
    monkeypatch.setattr(Faulty, "before", {})
    return Faulty.before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def opened(path: Path, **options: Any) -> SqliteStore:
    store = SqliteStore(path, **options)
    store.open()
    store.append([FIRST])
    return store


def works_again(store: SqliteStore, path: Path) -> None:
    """Nothing of the batch was kept, and what comes now is."""
    assert [(entry.job_id, entry.body) for entry in store.read()] == [("a", {"n": 1})]
    store.append([THIRD])
    store.close()
    assert bodies(path) == [("a", {"n": 1}), ("a", {"n": 3})]


@pytest.mark.parametrize("statement", ["BEGIN", "DELETE", "INSERT", "COMMIT"])
def test_a_disk_that_fails_at_any_statement(statement: str, path: Path, faults: dict[str, BaseException]) -> None:
    store = opened(path)
    faults[statement] = DISK
    with pytest.raises(StoreError, match=DISK_SAYS):
        store.append(BATCH)
    faults.clear()
    works_again(store, path)


def test_a_connection_that_cannot_even_roll_back_is_replaced(path: Path, faults: dict[str, BaseException]) -> None:
    store = opened(path)
    faults.update({"COMMIT": DISK, "ROLLBACK": DISK})
    with pytest.raises(StoreError, match=DISK_SAYS):
        store.append(BATCH)
    faults.update({"PRAGMA synchronous": DISK})
    with pytest.raises(StoreError, match=DISK_SAYS):
        store.append(BATCH)
    faults.clear()
    before = Faulty.opened
    works_again(store, path)
    assert Faulty.opened > before


def test_it_may_be_closed_while_it_has_no_connection(path: Path, faults: dict[str, BaseException]) -> None:
    store = opened(path)
    faults.update({"COMMIT": DISK, "ROLLBACK": DISK})
    with pytest.raises(StoreError, match=DISK_SAYS):
        store.append(BATCH)
    faults.clear()
    store.close()
    assert bodies(path) == [("a", {"n": 1})]


def test_an_interrupted_append_writes_nothing(path: Path, faults: dict[str, BaseException]) -> None:
    store = opened(path)
    faults["INSERT"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        store.append(BATCH)
    faults.clear()
    works_again(store, path)


@pytest.mark.parametrize("statement", ["PRAGMA freelist_count", "PRAGMA wal_checkpoint"])
def test_compacting_that_fails_loses_nothing(statement: str, path: Path, faults: dict[str, BaseException]) -> None:
    store = opened(path)
    faults[statement] = DISK
    with pytest.raises(StoreError, match=DISK_SAYS):
        store.compact()
    faults.clear()
    store.compact()
    works_again(store, path)


def test_closing_succeeds_if_the_checkpoint_fails(path: Path, faults: dict[str, BaseException]) -> None:
    store = opened(path)
    faults["PRAGMA wal_checkpoint"] = DISK
    store.close()
    faults.clear()
    assert bodies(path) == [("a", {"n": 1})]


@pytest.mark.parametrize("statement", ["PRAGMA auto_vacuum", "CREATE", "COMMIT", "PRAGMA journal_mode = WAL", "INSERT"])
def test_a_failed_open_releases_the_lock(statement: str, path: Path, faults: dict[str, BaseException]) -> None:
    store = SqliteStore(path)
    faults[statement] = DISK
    with pytest.raises(StoreError, match=DISK_SAYS):
        store.open()
    assert repr(store).endswith(", closed>")
    faults.clear()
    assert bodies(path) == []


def test_an_unreadable_journal_in_use_names_no_process(path: Path, faults: dict[str, BaseException]) -> None:
    store = opened(path)
    faults["SELECT value FROM meta"] = DISK
    with pytest.raises(StoreError, match=" is in use by process None: "):
        SqliteStore(path).open()
    faults.clear()
    store.close()


def test_a_disk_without_room(path: Path) -> None:
    store = opened(path)
    connection = connection_of(store)
    [[pages]] = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    message = r": has no room left \(database or disk is full, SQLITE_FULL\); make room on its disk$"
    for _ in range(2):
        with pytest.raises(StoreError, match=message):
            store.append([*BATCH, *(Entry(f"job {n}", {"text": "x" * 1000}) for n in range(100))])
    connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    works_again(store, path)


def test_a_file_that_may_not_be_written_any_more(path: Path) -> None:
    store = opened(path)
    connection = connection_of(store)
    connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError, match=r": may not be written \(attempt to write a readonly database, SQLITE_READO"):
        store.append(BATCH)
    connection.execute("PRAGMA query_only = 0")
    works_again(store, path)


def test_another_program_locks_the_file_for_too_long(path: Path) -> None:
    store = opened(path, busy_timeout_s=0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    says = r": another program has it locked \(database is locked, SQLITE_BUSY\); end that program's transaction$"
    for _ in range(2):
        with pytest.raises(StoreError, match=says):
            store.append(BATCH)
    other.execute("ROLLBACK")
    other.close()
    works_again(store, path)


def test_a_file_that_is_damaged_while_it_is_open(path: Path) -> None:
    store = opened(path)
    connection = connection_of(store)
    connection.execute("DROP TABLE entry")
    with pytest.raises(StoreError, match=r": does not work: no such table: entry, SQLITE_ERROR$"):
        list(store.read())
    store.close()

    with pytest.raises(StoreFormatError, match=r": is damaged \(no such table: entry\)"):
        store.open()


@pytest.mark.parametrize("entry", [Entry("a", {"n": object()}), Entry("a", {"n": 10**5000}), Entry("\udcff", {"n": 1})])
def test_an_entry_with_a_lone_surrogate(entry: Entry, path: Path) -> None:
    store = opened(path)
    with pytest.raises(
        StoreError, match=r": an entry of job a is no plain data that JSON can hold|: a job's id is no t"
    ):
        store.append([*BATCH, entry])
    works_again(store, path)


def test_a_body_that_contains_itself_is_refused(path: Path) -> None:
    store = opened(path)
    body: dict[str, Any] = {}
    body["itself"] = body
    with pytest.raises(StoreError, match=r": an entry of job b is no plain data that JSON can hold \(.*recursion"):
        store.append([Entry("b", body)])
    works_again(store, path)


LIMITED = """
import os, resource, sys
from jobcancel.abc import Entry
from jobcancel.errors import StoreError
from jobcancel.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
store.open()
store.append([Entry("a", {"n": 1})])
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
size = os.stat(sys.argv[1] + "-wal").st_size
for more in (0, 100, 4120, 10_000, 30_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, most))
    try:
        store.append([Entry("a", None, final=True), *(Entry(str(n), {"text": "x" * 1000}) for n in range(100))])
    except StoreError as error:
        print(error.problem)
    print([(entry.job_id, entry.body) for entry in store.read()])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
store.append([Entry("a", {"n": 2})])
os._exit(0)  # as killed: with its log
"""


def test_appending_works_again_after_the_file_size_limit_is_raised(path: Path) -> None:
    says = (
        "cannot be read or written (disk I/O error, SQLITE_IOERR_WRITE); "
        "look at the disk, the quota and the file size limit"
    )
    assert printed(LIMITED, path) == [says, "[('a', {'n': 1})]"] * 5
    assert bodies(path) == [("a", {"n": 1}), ("a", {"n": 2})]


# Flushing to the disk fails while the file named by this variable exists.
SHIM = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int fails(void) {
    if (access(getenv("FSYNC_FAILS"), F_OK) != 0) return 0;
    errno = EIO;
    return -1;
}
int fsync(int file) { (void)file; return fails(); }
int fdatasync(int file) { (void)file; return fails(); }
"""

UNSYNCED = """
import os, pathlib, sys
from jobcancel.abc import Entry
from jobcancel.errors import StoreError
from jobcancel.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
store.open()
store.append([Entry("a", {"n": 1})])
flag = pathlib.Path(os.environ["FSYNC_FAILS"])
flag.touch()
for _ in range(2):
    try:
        store.append([Entry("a", {"n": 2}, final=True), Entry("b", {"n": 2})])
    except StoreError as error:
        print(error.problem)
    print([(entry.job_id, entry.body) for entry in store.read()])
flag.unlink()
store.append([Entry("a", {"n": 3})])
os._exit(0)  # as killed: with its log
"""


def test_a_disk_that_fails_to_flush(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("NOT RUN: there is no C compiler for the fault")
    source, shim = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(shim), str(source)], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    monkeypatch.setenv("FSYNC_FAILS", str(tmp_path / "fails"))
    says = (
        "cannot be read or written (disk I/O error, SQLITE_IOERR_FSYNC); "
        "look at the disk, the quota and the file size limit"
    )
    assert printed(UNSYNCED, path) == [says, "[('a', {'n': 1})]"] * 2
    assert bodies(path) == [("a", {"n": 1}), ("a", {"n": 3})]
