"""One scheduler at a time: a lock that the operating system takes back from a process that dies.

It is SQLite's own exclusive lock on a small database beside the journal that is never written, so that it works
wherever SQLite does and no two of its users in one process can take it either. The file stays when the lock goes:
who deletes a lock file takes it from under the next one.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from jobcancel.errors import StoreError

from .sqlite_errors import primary_code, store_error

# Somebody who looks whether it is held (below) holds it shared for that moment.
_PATIENCE_S: Final = 0.25


def lock_file(place: Path) -> Path:
    """Return where the lock of the journal at ``place`` lies."""
    return place.with_name(f"{place.name}-lock")


def take(place: Path) -> sqlite3.Connection | None:
    """Take the lock of the journal at ``place`` and return what holds it until it is closed; None if another has it.

    Raises:
        StoreError: The lock's file cannot be made or is none.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            lock_file(place), timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = MEMORY")  # else it makes a file for a journal that nobody needs
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if primary_code(error) == sqlite3.SQLITE_BUSY:
            return None
        if primary_code(error) == sqlite3.SQLITE_NOTADB:
            problem = "is in the place of a journal's lock and is something else; move it away"
            raise StoreError(str(lock_file(place)), problem) from error
        raise store_error(str(lock_file(place)), error) from error
    return connection


def is_held(place: Path) -> bool:
    """Return whether somebody has the journal at ``place`` open now.

    Raises:
        sqlite3.Error: The lock's file cannot be read.
    """
    if not lock_file(place).exists():
        return False
    connection = sqlite3.connect(f"{lock_file(place).as_uri()}?mode=ro", uri=True, timeout=0, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_BUSY:
            return True
        raise
    finally:
        connection.close()
    return False
