"""A look at a journal in an SQLite file that leaves no trace, also while a service has it open and writes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError, StoreFormatError

from .codec import damage, entries_of
from .sqlite_errors import telling
from .sqlite_format import (
    ALL_ROWS,
    ROWS_OF_JOB,
    connect_to_look,
    is_at_rest,
    is_journal,
    pid_in,
    refuse_what_is_no_file,
    stamp,
)
from .sqlite_lock import is_held


class JournalFile:
    """A journal as it was when ``reading`` began; ``reading`` makes it.

    Attributes:
        size: Bytes of the file, and of its log if there is one.
    """

    def __init__(self, where: str, place: Path, connection: sqlite3.Connection) -> None:
        self._where, self._place, self._connection = where, place, connection
        self._stamp = stamp(place)
        self.size: int = sum(file.stat().st_size for file in _files(place))

    def entries(self) -> Iterator[Entry]:
        """Give all entries, in the order in which they were appended.

        Raises:
            StoreFormatError: They cannot be read.
            StoreError: A scheduler has opened the journal just now, in which nobody had it open before.
        """
        return self._read(ALL_ROWS)

    def entries_of(self, job_id: str) -> Iterator[Entry]:
        """Give one job's entries, in the order in which they were appended; none for a job that is not there.

        Raises:
            StoreFormatError: They cannot be read.
            StoreError: A scheduler has opened the journal just now, in which nobody had it open before.
        """
        return self._read(ROWS_OF_JOB, job_id)

    def owner(self) -> int | None:
        """Return the process that has the journal open now; None if none has.

        Raises:
            StoreError: That cannot be told.
        """
        with telling(self._where):
            if not is_held(self._place):
                return None
            look = connect_to_look(self._place)  # as it is now: another than when reading began
            try:
                return pid_in(look)
            finally:
                look.close()

    def sound_entries(self) -> Iterator[Entry]:
        """Give the entries that can be read; those that cannot are among the ``problems``.

        Raises:
            StoreFormatError: The file is damaged so that no more can be read.
            StoreError: A scheduler has opened the journal just now, in which nobody had it open before.
        """
        with telling(self._where):
            for _, job_id, text in self._connection.execute(ALL_ROWS):
                body = damage(text)
                if not isinstance(body, str):
                    yield Entry(job_id, body)
            self._refuse_change()

    def problems(self) -> list[str]:
        """Return what is wrong with the file, a line each: what SQLite finds, then entries that are none.

        Raises:
            StoreError: A scheduler has opened the journal just now, in which nobody had it open before.
        """
        found: list[str] = []
        try:
            # At a page that is none a check ends in an error, and what it found is lost: hence one fault at first.
            found += self._lines("PRAGMA quick_check(1)") or self._lines("PRAGMA integrity_check")
            for number, job_id, text in self._connection.execute(ALL_ROWS):
                wrong = damage(text)
                if isinstance(wrong, str):
                    found.append(f"entry {number} of job {job_id}: {wrong}")
        except sqlite3.Error as error:
            found.append(f"cannot be read: {error}")
        self._refuse_change()
        return found

    def _lines(self, check: str) -> list[str]:
        said: list[tuple[str]] = self._connection.execute(check).fetchall()
        return [line for (lines,) in said for line in lines.splitlines() if line != "ok"]

    def _read(self, query: str, *parameters: str) -> Iterator[Entry]:
        with telling(self._where):
            yield from entries_of(self._where, self._connection.execute(query, parameters))
            self._refuse_change()

    def _refuse_change(self) -> None:
        """Refuse to have read a file without locks, as one at rest is read, into which somebody wrote."""
        at_rest, *_ = self._stamp
        if at_rest and stamp(self._place) != self._stamp:
            raise StoreError(self._where, "was opened by a scheduler while it was read; read it again")


@contextmanager
def reading(path: str | os.PathLike[str]) -> Generator[JournalFile]:
    """Look at the journal at ``path``: of a running service, of one that was killed, or of none.

    It never writes, makes no file and holds up no writer. What it gives is one state of the journal.

    Raises:
        StoreFormatError: It is a newer version's, somebody else's, damaged, empty, or no SQLite file.
        StoreError: There is none, or it cannot be read.
    """
    place = Path(path).absolute()
    where = str(place)
    refuse_what_is_no_file(where, place)
    place = place.resolve()
    if not place.exists():
        raise StoreError(where, "there is no such file; look at the path")
    with telling(where):
        connection = connect_to_look(place)
    try:
        with telling(where):
            file = JournalFile(where, place, connection)
            connection.execute("BEGIN")  # with the first query inside it, what is read is one state
            if not is_journal(where, connection):
                raise StoreFormatError(where, "is empty: no scheduler has opened it yet")
        yield file
    finally:
        connection.close()


def _files(place: Path) -> list[Path]:
    return [place] if is_at_rest(place) else [place, place.with_name(f"{place.name}-wal")]
