"""A journal in an SQLite file: what was answered is there after a ``kill -9``, and after a loss of power."""

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

from .codec import ascii_only, entries_of, rows_of
from .sqlite_errors import store_error, telling
from .sqlite_format import (
    ALL_ROWS,
    connect_to_look,
    create,
    is_journal,
    pid_in,
    refuse_damage,
    refuse_what_is_no_file,
)
from .sqlite_lock import take

_Synchronous = Literal["full", "normal"]
_BUSY: Final = Range(float, 0, 3600, "a number of seconds from 0 to 3600")
_PAGES_AT_ONCE: Final = 500  # compact() writes that much (2 MB) in one transaction


class SqliteStore:
    """A ``Store`` in the SQLite file at ``path``; beside it lie ``-lock`` and, while it is open, ``-wal`` and ``-shm``.

    It must lie on a disk of this machine, as SQLite's write-ahead log asks for. Bodies may hold what JSON can:
    infinities and NaN too, and lone surrogates; of a dict the keys are strings, and a tuple comes back as a list.

    Args:
        path: The file; made if there is none or it is empty. Its folder must be there.
        synchronous: ``full``: what was kept outlasts a loss of power. ``normal``: it outlasts ``kill -9``, but the
            last moments may be gone with the machine; appending then waits for no disk.
        busy_timeout_s: Seconds to wait for another program that has the file locked (a backup), up to an hour.

    Raises:
        TypeError: ``busy_timeout_s`` is no number.
        ValueError: An argument is none of these.
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
        self._place = self._path  # without links, once it is open
        self._pid = 0  # who opened it
        self._lock: sqlite3.Connection | None = None
        self._connection: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<journal {self._where}, {'closed' if self._lock is None else 'open'}>"

    def open(self) -> None:
        """Take the journal for one scheduler alone; make it if there is none.

        Raises:
            StoreInUseError: Another scheduler has it, in this process or in another.
            StoreFormatError: It is a newer version's, somebody else's, damaged, or no SQLite file; left as it is.
            StoreError: It cannot be reached, or not be written.
        """
        if self._lock is not None:
            raise StoreInUseError(self._where, self._pid)
        refuse_what_is_no_file(self._where, self._path)
        self._place = self._path.resolve()
        lock = take(self._place)
        if lock is None:
            raise StoreInUseError(self._where, self._other_pid())
        try:
            with telling(self._where):
                if not self._is_there():
                    create(self._place)
                self._connection = self._connect()
        except BaseException:
            lock.close()
            raise
        self._lock, self._pid = lock, os.getpid()

    def read(self) -> Iterable[Entry]:
        """Give the entries in the order in which they were appended.

        Raises:
            StoreFormatError: They cannot be read (while they are given).
            StoreError: It is not open.
        """
        return self._read(self._usable())

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep the entries, all of them or none, in one transaction.

        Raises:
            StoreError: It is not open, a body is no plain data, or they cannot be written. Once the cause is gone
                it works again. After a disk that took the bytes but failed to flush them, a kill before the next
                ``append`` succeeds can bring them back.
        """
        connection = self._usable()
        try:
            self._keep(connection, *rows_of(self._where, entries))
        except UnicodeEncodeError:
            try:
                self._keep(connection, *rows_of(self._where, entries, ascii_only))
            except UnicodeEncodeError as error:
                raise StoreError(self._where, f"a job's id is no text that UTF-8 can hold: {error}") from error

    def compact(self) -> None:
        """Give free pages back to the disk, a few at a time, and empty the write-ahead log.

        What somebody reads meanwhile stays until the next time.

        Raises:
            StoreError: It is not open, or cannot be written.
        """
        connection = self._usable()
        with telling(self._where):
            [[free]] = connection.execute("PRAGMA freelist_count").fetchall()
            for _ in range(0, free, _PAGES_AT_ONCE):
                # It gives a row without columns for each page, at the first of which execute() would end it.
                connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
            self._checkpoint(connection)

    def close(self) -> None:
        """Let the journal go, all of it in its one file; no effect if it is not open."""
        lock, connection = self._lock, self._connection
        self._lock = self._connection = None
        if connection is not None:
            # In a child that was forked off the owner it is still the owner's. What fails is done at the next open.
            if self._pid == os.getpid():
                with suppress(sqlite3.Error):
                    self._checkpoint(connection)
            connection.close()
        if lock is not None:
            lock.close()

    def _is_there(self) -> bool:
        if not self._place.exists() or self._place.stat().st_size == 0:
            return False
        look = connect_to_look(self._place, mend=True)
        try:
            if not is_journal(self._where, look):
                return False
            refuse_damage(self._where, look)
        finally:
            look.close()
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
            look = connect_to_look(self._place)
        except (sqlite3.Error, OSError):
            return None
        try:
            return pid_in(look)
        except sqlite3.Error:
            return None
        finally:
            look.close()

    def _usable(self) -> sqlite3.Connection:
        if self._lock is None:
            raise StoreError(self._where, "is not open; open() comes first")
        if self._pid != os.getpid():
            problem = f"was opened by process {self._pid}, of which this is a fork; open another one here"
            raise StoreError(self._where, problem)
        if self._connection is None:
            with telling(self._where):
                self._connection = self._connect()
        return self._connection

    def _read(self, connection: sqlite3.Connection) -> Iterable[Entry]:
        with telling(self._where):
            yield from entries_of(self._where, connection.execute(ALL_ROWS))

    def _keep(self, connection: sqlite3.Connection, rows: list[tuple[str, str]], superseded: list[str]) -> None:
        if not rows and not superseded:
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            if superseded:
                connection.executemany("DELETE FROM entry WHERE job_id = ?", [(job_id,) for job_id in superseded])
            connection.executemany("INSERT INTO entry (job_id, body) VALUES (?, ?)", rows)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo(connection)
            raise store_error(self._where, error) from error
        except BaseException:
            self._undo(connection)
            raise

    def _undo(self, connection: sqlite3.Connection) -> None:
        """Roll back what SQLite has not rolled back by itself; without that, begin with another connection."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._connection = None
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 0")  # it would wait for readers
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_s * 1000:.0f}")
