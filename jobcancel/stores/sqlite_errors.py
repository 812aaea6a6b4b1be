"""What SQLite and the operating system say, told as errors of ours: what is wrong, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from jobcancel.errors import StoreError, StoreFormatError

DAMAGED: Final = "is damaged ({said}); restore it from a backup, or move it away and a new one is made"

# Primary result codes, https://sqlite.org/rescode.html
_ADVICE: Final[Mapping[int, str]] = MappingProxyType({
    sqlite3.SQLITE_BUSY: "another program has it locked ({said}); end that program's transaction",
    sqlite3.SQLITE_READONLY: "may not be written ({said}); this process needs the right to write it and its folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written ({said}); look at the disk, its quota and the limit of file sizes",
    sqlite3.SQLITE_FULL: "has no room left ({said}); make room on its disk",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened ({said}); this process needs the right to write it and its folder",
})  # fmt: skip
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def primary_code(error: sqlite3.Error) -> int | None:
    """Return SQLite's primary result code, or None for what Python's module says by itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def store_error(where: str, error: sqlite3.Error | OSError) -> StoreError:
    """Return the error of ours for one of theirs."""
    if isinstance(error, OSError):
        return StoreError(where, f"cannot be reached ({error.strerror}: {error.filename}); look at the folder's rights")
    code = primary_code(error)
    said = f"{error}, {error.sqlite_errorname}" if code is not None else str(error)
    # Without a code it is the module's own, of a text that is not UTF-8.
    if code in _DAMAGE or (code is None and isinstance(error, sqlite3.OperationalError)):
        return StoreFormatError(where, DAMAGED.format(said=said))
    return StoreError(where, _ADVICE.get(code or 0, "does not work: {said}").format(said=said))


@contextmanager
def telling(where: str) -> Generator[None]:
    """Tell what SQLite or the system raises inside as an error of ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise store_error(where, error) from error
