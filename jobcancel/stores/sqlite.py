"""A journal in an SQLite file: committed entries survive ``kill -9`` and a loss of power."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal, get_args

from jobcancel._core.arguments import Range
from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError, StoreInUseError

from .codec import ascii_only, decode_rows, encode_entries
from .sqlite_errors import translate_error, translated_errors
from .sqlite_format import (
    ALL_ROWS,
    connect_read_only,
    create,
    is_journal,
    last_pid,
    require_file_path,
    require_sound,
)
from .sqlite_lock import acquire

_Synchronous = Literal["full", "normal"]
_BUSY: Final = Range(float, 0, 3600, "a number of seconds from 0 to 3600")
_PAGES_AT_ONCE: Final = 500  # compact() writes that much (2 MB) in one transaction


class SqliteStore:
    """A ``Store`` in the SQLite file at ``path``, with ``-lock`` and, while open, ``-wal`` and ``-shm`` beside it.

    The file must be on a disk of this machine, because SQLite's write-ahead log needs that. Bodies may contain all
    that JSON can hold, and infinities, NaN and lone surrogates; dict keys are strings, and a tuple is read as a list.

    Args:
        path: The file; created if it is missing or empty. Its folder must exist.
        synchronous: ``full``: commits survive a loss of power. ``normal``: commits survive ``kill -9``, but a loss of
            power may lose the latest ones; appending then does not wait for the disk.
        busy_timeout_s: Seconds to wait for another program that has locked the file (a backup), up to an hour.

    Raises:
        TypeError: ``busy_timeout_s`` is no number.
        ValueError: An argument has a value that is not allowed.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, synchronous: _Synchronous = "full", busy_timeout_s: float = 5.0
    ) -> None:
        if os.fspath(path) in {"", ":memory:"}:
            raise ValueError(f"path must name a file, not {os.fspath(path)!r}; in memory there is MemoryStore()")
        if synchronous not in get_args(_Synchronous):
            raise ValueError(f"synchronous must be 'full' or 'normal', not {synchronous!r}")
        self._busy_timeout_s = _BUSY.check(busy_timeout_s, "busy_timeout_s")
        self._path = Path(path).absolute()
        self._where = str(self._path)
        self._synchronous = synchronous
        self._place = self._path  # symbolic links are resolved by open()
        self._pid = 0  # of the process that opened it
        self._lock: sqlite3.Connection | None = None
        self._connection: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<journal {self._where}, {'closed' if self._lock is None else 'open'}>"

    def open(self) -> None:
        """Open the journal for one scheduler; create it if there is none.

        Raises:
            StoreInUseError: Another scheduler has it open, in this process or in another.
            StoreFormatError: The file is a newer version's or another program's, damaged, or no SQLite file. It is not
                changed.
            StoreError: The file cannot be reached or written.
        """
        if self._lock is not None:
            raise StoreInUseError(self._where, self._pid)
        require_file_path(self._where, self._path)
        self._place = self._path.resolve()
        lock = acquire(self._place)
        if lock is None:
            raise StoreInUseError(self._where, self._other_pid())
        try:
            with translated_errors(self._where):
                if not self._has_journal():
                    create(self._place)
                self._connection = self._connect()
        except BaseException:
            lock.close()
            raise
        self._lock, self._pid = lock, os.getpid()

    def read(self) -> Iterable[Entry]:
        """Yield the entries in the order in which they were appended.

        Raises:
            StoreFormatError: An entry cannot be read. Raised when that entry is reached.
            StoreError: The store is not open.
        """
        return self._read(self._open_connection())

    def append(self, entries: Sequence[Entry]) -> None:
        """Append the entries, all of them or none, in one transaction.

        Raises:
            StoreError: The store is not open, a body is no plain data, or the entries cannot be written. Appending
                works again once the cause is gone. If a disk took the bytes but failed to flush them, and the process
                is killed before the next ``append`` succeeds, the entries can be in the journal nevertheless.
        """
        connection = self._open_connection()
        try:
            self._write(connection, *encode_entries(self._where, entries))
        except UnicodeEncodeError:
            try:
                self._write(connection, *encode_entries(self._where, entries, ascii_only))
            except UnicodeEncodeError as error:
                raise StoreError(self._where, f"a job's id is no text that UTF-8 can hold: {error}") from error

    def compact(self) -> None:
        """Return free pages to the disk, a few at a time, and empty the write-ahead log.

        Pages that a reader uses at the moment stay until the next call.

        Raises:
            StoreError: The store is not open, or the file cannot be written.
        """
        connection = self._open_connection()
        with translated_errors(self._where):
            [[free]] = connection.execute("PRAGMA freelist_count").fetchall()
            for _ in range(0, free, _PAGES_AT_ONCE):
                # The pragma returns a row without columns for each page, and execute() would stop it at the first row.
                connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
            self._checkpoint(connection)

    def close(self) -> None:
        """Close the journal, with all of it in its one file; no effect if it is not open."""
        lock, connection = self._lock, self._connection
        self._lock = self._connection = None
        if connection is not None:
            # After a fork the parent still owns the journal. A failed checkpoint is repeated at the next open.
            if self._pid == os.getpid():
                with suppress(sqlite3.Error):
                    self._checkpoint(connection)
            connection.close()
        if lock is not None:
            lock.close()

    def _has_journal(self) -> bool:
        if not self._place.exists() or self._place.stat().st_size == 0:
            return False
        connection = connect_read_only(self._place, rebuild_index=True)
        try:
            if not is_journal(self._where, connection):
                return False
            require_sound(self._where, connection)
        finally:
            connection.close()
        return True

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._place.as_uri()}?mode=rw",
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('pid', ?)", (os.getpid(),))
        except BaseException:
            connection.close()
            raise
        return connection

    def _other_pid(self) -> int | None:
        try:
            connection = connect_read_only(self._place)
        except (sqlite3.Error, OSError):
            return None
        try:
            return last_pid(connection)
        except sqlite3.Error:
            return None
        finally:
            connection.close()

    def _open_connection(self) -> sqlite3.Connection:
        if self._lock is None:
            raise StoreError(self._where, "is not open; open() comes first")
        if self._pid != os.getpid():
            problem = f"was opened by process {self._pid}, and this process is a fork of it; open another store here"
            raise StoreError(self._where, problem)
        if self._connection is None:
            with translated_errors(self._where):
                self._connection = self._connect()
        return self._connection

    def _read(self, connection: sqlite3.Connection) -> Iterable[Entry]:
        with translated_errors(self._where):
            yield from decode_rows(self._where, connection.execute(ALL_ROWS))

    def _write(self, connection: sqlite3.Connection, rows: list[tuple[str, str]], superseded: list[str]) -> None:
        if not rows and not superseded:
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            if superseded:
                connection.executemany("DELETE FROM entry WHERE job_id = ?", [(job_id,) for job_id in superseded])
            connection.executemany("INSERT INTO entry (job_id, body) VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back(connection)
            raise translate_error(self._where, error) from error
        except BaseException:
            self._roll_back(connection)
            raise

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """Roll back unless SQLite already has; if that fails, discard the connection."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._connection = None
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 0")  # do not wait for readers
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_s * 1000:.0f}")
