"""Errors of SQLite and the operating system, translated: what is wrong, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from jobcancel.errors import StoreError, StoreFormatError

DAMAGED: Final = "is damaged ({cause}); restore it from a backup, or move it away and a new one is made"

# Primary result codes, https://sqlite.org/rescode.html
_ADVICE: Final[Mapping[int, str]] = MappingProxyType({
    sqlite3.SQLITE_BUSY: "another program has it locked ({cause}); end that program's transaction",
    sqlite3.SQLITE_READONLY: "may not be written ({cause}); this process needs the right to write it and its folder",
    sqlite3.SQLITE_IOERR: "cannot be read or written ({cause}); look at the disk, the quota and the file size limit",
    sqlite3.SQLITE_FULL: "has no room left ({cause}); make room on its disk",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened ({cause}); this process needs the right to write it and its folder",
})  # fmt: skip
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def primary_code(error: sqlite3.Error) -> int | None:
    """Return SQLite's primary result code; None for an error of Python's module itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def translate_error(where: str, error: sqlite3.Error | OSError) -> StoreError:
    """Return the ``StoreError`` for an error of SQLite or the operating system."""
    if isinstance(error, OSError):
        return StoreError(where, f"cannot be reached ({error.strerror}: {error.filename}); look at the folder's rights")
    code = primary_code(error)
    cause = f"{error}, {error.sqlite_errorname}" if code is not None else str(error)
    # Without a code it is an error of Python's module, for text that is not UTF-8.
    if code in _DAMAGE or (code is None and isinstance(error, sqlite3.OperationalError)):
        return StoreFormatError(where, DAMAGED.format(cause=cause))
    return StoreError(where, _ADVICE.get(code or 0, "does not work: {cause}").format(cause=cause))


@contextmanager
def translated_errors(where: str) -> Generator[None]:
    """Raise errors of SQLite or the operating system as ``StoreError``."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise translate_error(where, error) from error
