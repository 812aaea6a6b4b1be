"""Encoding and decoding of journal entries: one JSON text for each entry, the same in every store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError, StoreFormatError

Encode = Callable[[dict[str, Any]], str]

# Without a check for cycles, a body that contains itself raises RecursionError, which is reported like other errors.
compact: Final[Encode] = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
# UTF-8 cannot encode lone surrogates (a file name that is not UTF-8): a body with one is written in ASCII.
ascii_only: Final[Encode] = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode

_decode_json: Final[Callable[[str], object]] = json.JSONDecoder().decode


def encode_entries(
    where: str, entries: Sequence[Entry], encode: Encode = compact
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the rows to write, as job id and text, and the ids of jobs whose earlier entries the rows replace.

    Raises:
        StoreError: A body is no plain data.
    """
    starts = {entry.job_id: at for at, entry in enumerate(entries) if entry.final}
    wanted = (entry for at, entry in enumerate(entries) if at >= starts.get(entry.job_id, 0)) if starts else entries
    job_id = ""
    try:
        rows = [(job_id := entry[0], encode(body)) for entry in wanted if (body := entry[1]) is not None]
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"an entry of job {job_id} is no plain data that JSON can hold ({error}); nothing was written"
        raise StoreError(where, problem) from error
    return rows, list(starts)


def decode_rows(where: str, rows: Iterable[tuple[int, str, str]]) -> Iterable[Entry]:
    """Yield the entries of numbered rows.

    Raises:
        StoreFormatError: A row is damaged. Raised when that row is reached.
    """
    for number, job_id, text in rows:
        body = decode_body(text)
        if isinstance(body, str):
            raise StoreFormatError(where, f"entry {number} of job {job_id} is damaged: {body}; restore a backup")
        yield Entry(job_id, body)


def decode_body(text: str) -> dict[str, Any] | str:
    """Return the body in ``text``; if ``text`` is damaged, a description of the damage."""
    try:
        body = _decode_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    return body if isinstance(body, dict) else f"not an object but {text:.40}"  # pyright: ignore[reportUnknownVariableType]
