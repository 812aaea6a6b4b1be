"""One scheduler at a time: a lock that the operating system releases when a process dies.

It is SQLite's exclusive lock on a small database beside the journal, which is never written. So it works wherever
SQLite works, and two schedulers in one process exclude each other too. The file is not deleted when the lock is
released: deleting it would take the lock from the next process.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from jobcancel.errors import StoreError

from .sqlite_errors import primary_code, translate_error

# `is_locked` holds the lock shared for a moment.
_BUSY_TIMEOUT_S: Final = 0.25


def lock_file(place: Path) -> Path:
    """Return the path of the lock file of the journal at ``place``."""
    return place.with_name(f"{place.name}-lock")


def acquire(place: Path) -> sqlite3.Connection | None:
    """Acquire the lock of the journal at ``place``.

    Returns:
        The connection that holds the lock until it is closed; None if another scheduler holds the lock.

    Raises:
        StoreError: The lock file cannot be created, or is something else.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            lock_file(place), timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = MEMORY")  # otherwise SQLite creates a rollback journal file
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        if primary_code(error) == sqlite3.SQLITE_BUSY:
            return None
        if primary_code(error) == sqlite3.SQLITE_NOTADB:
            problem = "has the name of a journal's lock file but is something else; move it away"
            raise StoreError(str(lock_file(place)), problem) from error
        raise translate_error(str(lock_file(place)), error) from error
    return connection


def is_locked(place: Path) -> bool:
    """Return whether a scheduler has the journal at ``place`` open now.

    Raises:
        sqlite3.Error: The lock file cannot be read.
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
