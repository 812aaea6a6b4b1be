"""Entries as text and back: JSON, one text an entry, the same in every store of ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError, StoreFormatError

Encode = Callable[[dict[str, Any]], str]

# Bodies are trees: one that holds itself ends in a RecursionError, which is told like the rest.
compact: Final[Encode] = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
# Half of a surrogate pair alone (a file name that is not UTF-8) is no UTF-8 text: such a body is kept in ASCII.
ascii_only: Final[Encode] = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode

_decode: Final[Callable[[str], object]] = json.JSONDecoder().decode


def rows_of(where: str, entries: Sequence[Entry], encode: Encode = compact) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what there is to keep, as job id and text, and the jobs whose earlier entries it supersedes.

    Raises:
        StoreError: A body is no plain data.
    """
    begins = {entry.job_id: at for at, entry in enumerate(entries) if entry.final}
    kept = (entry for at, entry in enumerate(entries) if at >= begins.get(entry.job_id, 0)) if begins else entries
    job_id = ""
    try:
        rows = [(job_id := entry[0], encode(body)) for entry in kept if (body := entry[1]) is not None]
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"an entry of job {job_id} is no plain data that JSON can hold ({error}); nothing was kept"
        raise StoreError(where, problem) from error
    return rows, list(begins)


def entries_of(where: str, rows: Iterable[tuple[int, str, str]]) -> Iterable[Entry]:
    """Give the entries of numbered rows.

    Raises:
        StoreFormatError: A row holds something else, while it is given.
    """
    for number, job_id, text in rows:
        wrong = damage(text)
        if isinstance(wrong, str):
            raise StoreFormatError(where, f"entry {number} of job {job_id} is damaged: {wrong}; restore a backup")
        yield Entry(job_id, wrong)


def damage(text: str) -> dict[str, Any] | str:
    """Return the body that a text holds, or, as text, why it holds none."""
    try:
        body = _decode(text)
    except (TypeError, ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    return body if isinstance(body, dict) else f"not an object but {text:.40}"  # pyright: ignore[reportUnknownVariableType]
