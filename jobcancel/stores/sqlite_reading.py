"""Reading a journal in an SQLite file without changing it, also while a service has it open and writes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError, StoreFormatError

from .codec import decode_body, decode_rows
from .sqlite_errors import translated_errors
from .sqlite_format import (
    ALL_ROWS,
    ROWS_OF_JOB,
    connect_read_only,
    is_at_rest,
    is_journal,
    last_pid,
    require_file_path,
    stamp,
)
from .sqlite_lock import is_locked


class JournalFile:
    """A journal as it was when ``reading`` began. ``reading`` creates it.

    Attributes:
        size: Bytes of the file and, if there is one, of its log.
    """

    def __init__(self, where: str, place: Path, connection: sqlite3.Connection) -> None:
        self._where, self._place, self._connection = where, place, connection
        self._stamp = stamp(place)
        self.size: int = sum(file.stat().st_size for file in _files(place))

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, in the order in which they were appended.

        Raises:
            StoreFormatError: An entry cannot be read.
            StoreError: A scheduler opened the journal, which was at rest, during the reading.
        """
        return self._read(ALL_ROWS)

    def entries_of(self, job_id: str) -> Iterator[Entry]:
        """Yield one job's entries, in the order in which they were appended; none for an unknown job.

        Raises:
            StoreFormatError: An entry cannot be read.
            StoreError: A scheduler opened the journal, which was at rest, during the reading.
        """
        return self._read(ROWS_OF_JOB, job_id)

    def owner(self) -> int | None:
        """Return the id of the process that has the journal open now; None if no process has.

        Raises:
            StoreError: The lock or the journal cannot be read.
        """
        with translated_errors(self._where):
            if not is_locked(self._place):
                return None
            connection = connect_read_only(self._place)  # a new connection: it reads the journal as it is now
            try:
                return last_pid(connection)
            finally:
                connection.close()

    def sound_entries(self) -> Iterator[Entry]:
        """Yield the entries that can be read; ``problems`` lists the others.

        Raises:
            StoreFormatError: The file is so damaged that SQLite cannot read on.
            StoreError: A scheduler opened the journal, which was at rest, during the reading.
        """
        with translated_errors(self._where):
            for _, job_id, text in self._connection.execute(ALL_ROWS):
                body = decode_body(text)
                if not isinstance(body, str):
                    yield Entry(job_id, body)
            self._refuse_change()

    def problems(self) -> list[str]:
        """Return the file's problems, one line each: damage that SQLite finds, then entries that cannot be decoded.

        Raises:
            StoreError: A scheduler opened the journal, which was at rest, during the reading.
        """
        found: list[str] = []
        try:
            # A check that meets a broken page raises and loses its findings, so the first check stops at one finding.
            found += self._lines("PRAGMA quick_check(1)") or self._lines("PRAGMA integrity_check")
            for number, job_id, text in self._connection.execute(ALL_ROWS):
                body = decode_body(text)
                if isinstance(body, str):
                    found.append(f"entry {number} of job {job_id}: {body}")
        except sqlite3.Error as error:
            found.append(f"cannot be read: {error}")
        self._refuse_change()
        return found

    def _lines(self, check: str) -> list[str]:
        rows: list[tuple[str]] = self._connection.execute(check).fetchall()
        return [line for (lines,) in rows for line in lines.splitlines() if line != "ok"]

    def _read(self, query: str, *parameters: str) -> Iterator[Entry]:
        with translated_errors(self._where):
            yield from decode_rows(self._where, self._connection.execute(query, parameters))
            self._refuse_change()

    def _refuse_change(self) -> None:
        """Raise if a journal at rest, which is read without locks, was opened or written during the reading."""
        at_rest, *_ = self._stamp
        if at_rest and stamp(self._place) != self._stamp:
            raise StoreError(self._where, "was opened by a scheduler while it was read; read it again")


@contextmanager
def reading(path: str | os.PathLike[str]) -> Generator[JournalFile]:
    """Open the journal at ``path`` for reading, whether its service runs, was killed or has ended.

    It writes nothing, creates no file and blocks no writer. All reads see the same state of the journal.

    Raises:
        StoreFormatError: The file is a newer version's or another program's, damaged, empty, or no SQLite file.
        StoreError: There is no file, or it cannot be read.
    """
    place = Path(path).absolute()
    where = str(place)
    require_file_path(where, place)
    place = place.resolve()
    if not place.exists():
        raise StoreError(where, "there is no such file; look at the path")
    with translated_errors(where):
        connection = connect_read_only(place)
    try:
        with translated_errors(where):
            file = JournalFile(where, place, connection)
            connection.execute("BEGIN")  # the first query in it fixes the state that all reads see
            if not is_journal(where, connection):
                raise StoreFormatError(where, "is empty: no scheduler has opened it yet")
        yield file
    finally:
        connection.close()


def _files(place: Path) -> list[Path]:
    return [place] if is_at_rest(place) else [place, place.with_name(f"{place.name}-wal")]
