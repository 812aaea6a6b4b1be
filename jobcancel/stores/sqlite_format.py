"""The format of the journal's SQLite file: its tables, and how a file is created, recognized and opened for reading."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from jobcancel._core.journal import FORMAT
from jobcancel.errors import StoreError, StoreFormatError

from .sqlite_errors import DAMAGED, primary_code, translated_errors

APPLICATION_ID: Final = 0x6A6F6263  # "jobc", in the file's header, where file(1) finds it

# The id of a new row is higher than all others, so reading by id gives the order in which entries were appended.
SCHEMA: Final = (
    "CREATE TABLE entry (id INTEGER PRIMARY KEY, job_id TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX entry_of_job ON entry (job_id)",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)
_LOG_HEADER: Final = 32  # bytes, of SQLite's write-ahead log
_NO_SQLITE: Final = "is not an SQLite file, so no journal; give the journal a path of its own"

ALL_ROWS: Final = "SELECT id, job_id, body FROM entry ORDER BY id"
ROWS_OF_JOB: Final = "SELECT id, job_id, body FROM entry WHERE job_id = ? ORDER BY id"


def beside(place: Path, suffix: str) -> Path:
    """Return the path of one of the files beside the journal's file."""
    return place.with_name(place.name + suffix)


def create(place: Path) -> None:
    """Create an empty journal: first under another name, then moved to ``place`` once it is complete.

    If the process is killed meanwhile, the next ``create`` deletes the incomplete file.

    Raises:
        sqlite3.Error: The file cannot be written.
        OSError: The file cannot be written.
    """
    new = beside(place, "-new")
    # SQLite would read the log of an earlier file as that of the new one.
    for leftover in (new, beside(new, "-journal"), *(beside(place, suffix) for suffix in ("-wal", "-shm", "-journal"))):
        leftover.unlink(missing_ok=True)
    connection = sqlite3.connect(new, isolation_level=None)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("BEGIN")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    if place.exists():
        shutil.copymode(place, new)
    new.replace(place)
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder, and needs no sync to make a new name durable.
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def require_file_path(where: str, place: Path) -> None:
    """Refuse a path for which SQLite has no clear error, and a file that SQLite would treat as empty.

    Raises:
        StoreError: The path is a folder, or its folder does not exist.
        StoreFormatError: The file has one byte.
    """
    with translated_errors(where):
        if place.is_dir():
            raise StoreError(where, "is a folder; give the path of a file in it")
        if not place.parent.is_dir():
            raise StoreError(where, f"cannot be made: there is no folder {place.parent}; make it")
        if place.exists() and place.stat().st_size == 1:
            raise StoreFormatError(where, _NO_SQLITE)


def is_journal(where: str, connection: sqlite3.Connection) -> bool:
    """Return whether the database is a journal that this version can read; False if it is empty.

    Raises:
        StoreFormatError: It is a newer version's or another program's, damaged, or no database.
    """
    try:
        [[application]] = connection.execute("PRAGMA application_id").fetchall()
        [[version]] = connection.execute("PRAGMA user_version").fetchall()
        [[things]] = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.DatabaseError as error:
        if primary_code(error) == sqlite3.SQLITE_NOTADB:
            raise StoreFormatError(where, _NO_SQLITE) from error
        raise
    if (application, version, things) == (0, 0, 0):
        return False
    if application != APPLICATION_ID:
        problem = f"is another program's SQLite file (application_id {application}); give the journal a path of its own"
        raise StoreFormatError(where, problem)
    if version > FORMAT:
        problem = f"is of format {version}, of a newer jobcancel; this one knows {FORMAT}: upgrade jobcancel"
        raise StoreFormatError(where, problem)
    return True


def require_sound(where: str, connection: sqlite3.Connection) -> None:
    """Refuse a damaged journal, without repairing it.

    Raises:
        StoreFormatError: SQLite finds damage.
        sqlite3.DatabaseError: The damage prevents SQLite from checking the file.
    """
    found = [line for (line,) in connection.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise StoreFormatError(where, DAMAGED.format(cause=" ".join(" ".join(found).split())))
    try:
        connection.execute(ALL_ROWS).close()
        connection.execute("SELECT name, value FROM meta").close()
    except sqlite3.OperationalError as error:
        raise StoreFormatError(where, DAMAGED.format(cause=error)) from error


def is_at_rest(place: Path) -> bool:
    """Return whether the whole journal is in its one file: no service has it open, and none was killed while open.

    A service that was killed while it restarted its log leaves a log with a header only, which SQLite cannot read
    without writing.
    """
    log = beside(place, "-wal")
    if not log.exists():
        return True
    size = log.stat().st_size
    return size == _LOG_HEADER or (size == 0 and not beside(place, "-shm").exists())


def connect_read_only(place: Path, *, rebuild_index: bool = False) -> sqlite3.Connection:
    """Return a connection that writes nothing and creates no file.

    A journal at rest is opened as immutable, because SQLite would otherwise create the files beside it that belong to
    writers. If others may open the journal meanwhile, compare ``stamp`` before and after.

    Args:
        place: The journal's file.
        rebuild_index: Create the index of the log (``-shm``) if it is missing, as after a copy of two of the three
            files.

    Raises:
        sqlite3.Error: The file cannot be opened.
    """
    if is_at_rest(place):
        mode = "immutable=1"
    elif rebuild_index and not beside(place, "-shm").exists():
        mode = "cache=private"  # the default
    else:
        mode = "readonly_shm=1"
    return sqlite3.connect(f"{place.as_uri()}?mode=ro&{mode}", uri=True, isolation_level=None, check_same_thread=False)


def stamp(place: Path) -> tuple[bool, int, int, int]:
    """Return a value that changes when a journal at rest is opened or written."""
    stat = place.stat()
    return is_at_rest(place), stat.st_ino, stat.st_size, stat.st_mtime_ns


def last_pid(connection: sqlite3.Connection) -> int | None:
    """Return the id of the process that opened the journal last. It may have ended: only the lock shows that."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'pid'").fetchone()
    return found[0] if found else None
