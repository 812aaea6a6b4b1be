"""The journal's SQLite file: what is in it, how one is made, how one is known, how it is read without a trace."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from jobcancel._core.journal import FORMAT
from jobcancel.errors import StoreError, StoreFormatError

from .sqlite_errors import DAMAGED, primary_code, telling

APPLICATION_ID: Final = 0x6A6F6263  # "jobc", in the file's header, where file(1) finds it

# A row's id is higher than those of all rows there are: they are read in the order in which they were appended.
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
    """Return the path of one of the files that lie beside the journal's."""
    return place.with_name(place.name + suffix)


def create(place: Path) -> None:
    """Make an empty journal: in a file of its own that takes the place when it is whole.

    A kill in the middle leaves that file, which the next one begins anew.

    Raises:
        sqlite3.Error: It cannot be written.
        OSError: It cannot be written.
    """
    new = beside(place, "-new")
    # What an earlier file of that name left would be read as the new one's.
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
    # Windows opens no folder, and needs not be told to keep a name.
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def refuse_what_is_no_file(where: str, place: Path) -> None:
    """Refuse what SQLite would only call unable to open, or would take for an empty file.

    Raises:
        StoreError: A folder, or in a folder that is not there.
        StoreFormatError: A file of one byte.
    """
    with telling(where):
        if place.is_dir():
            raise StoreError(where, "is a folder; give the path of a file in it")
        if not place.parent.is_dir():
            raise StoreError(where, f"cannot be made: there is no folder {place.parent}; make it")
        if place.exists() and place.stat().st_size == 1:
            raise StoreFormatError(where, _NO_SQLITE)


def is_journal(where: str, connection: sqlite3.Connection) -> bool:
    """Return whether it is a journal that this version can read; False for a database in which nothing is.

    Raises:
        StoreFormatError: It is a newer version's, somebody else's, damaged, or no database.
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


def refuse_damage(where: str, connection: sqlite3.Connection) -> None:
    """Refuse a journal in which SQLite finds a fault, without mending it.

    Raises:
        StoreFormatError: It is damaged.
        sqlite3.DatabaseError: It is damaged so that it cannot be looked through.
    """
    said = [line for (line,) in connection.execute("PRAGMA quick_check(1)")]
    if said != ["ok"]:
        raise StoreFormatError(where, DAMAGED.format(said=" ".join(" ".join(said).split())))
    try:
        connection.execute(ALL_ROWS).close()
        connection.execute("SELECT name, value FROM meta").close()
    except sqlite3.OperationalError as error:
        raise StoreFormatError(where, DAMAGED.format(said=error)) from error


def is_at_rest(place: Path) -> bool:
    """Return whether all of the journal is in its one file: no service has it open, none was killed with it.

    A service that was killed when it began its log anew leaves one that is a header and nothing else, which SQLite
    does not read without writing.
    """
    log = beside(place, "-wal")
    if not log.exists():
        return True
    size = log.stat().st_size
    return size == _LOG_HEADER or (size == 0 and not beside(place, "-shm").exists())


def connect_to_look(place: Path, *, mend: bool = False) -> sqlite3.Connection:
    """Return a connection that writes nothing and makes no file.

    A journal in its one file is read as one that does not change, since SQLite would make the files beside it that
    belong to writers. Who looks while others may open it looks at ``stamp`` before and after.

    Args:
        place: Where the journal is.
        mend: Make the index of its log (``-shm``) if that is missing, as after copying two of the three files.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    if is_at_rest(place):
        how = "immutable=1"
    elif mend and not beside(place, "-shm").exists():
        how = "cache=private"  # the default
    else:
        how = "readonly_shm=1"
    return sqlite3.connect(f"{place.as_uri()}?mode=ro&{how}", uri=True, isolation_level=None, check_same_thread=False)


def stamp(place: Path) -> tuple[bool, int, int, int]:
    """Return what differs once somebody has opened or written a journal that was at rest."""
    stat = place.stat()
    return is_at_rest(place), stat.st_ino, stat.st_size, stat.st_mtime_ns


def pid_in(connection: sqlite3.Connection) -> int | None:
    """Return the process that opened the journal last; it may be gone, which the lock tells."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'pid'").fetchone()
    return found[0] if found else None
