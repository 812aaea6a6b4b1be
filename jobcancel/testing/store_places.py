"""A place where stores lie, as a check of them sees it: opened, refused, read and compared."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from jobcancel.abc import Store
from jobcancel.errors import StoreInUseError

OpenStore = Callable[[], Store]
"""Gives a store, not open yet, on the same place at every call."""

StoreCheck = Callable[[OpenStore], None]
"""One promise; raises ``AssertionError`` if it is broken."""


@contextmanager
def opened(store: OpenStore) -> Generator[Store]:
    """Open a store on the place for the block.

    Raises:
        AssertionError: It is in use though nobody has it.
    """
    journal = store()
    try:
        journal.open()
    except StoreInUseError as error:
        raise AssertionError(f"a journal that nobody has open can be opened; {error}") from error
    try:
        yield journal
    finally:
        journal.close()


def refused(journal: Store) -> None:
    """Open a store on a place that is open.

    Raises:
        AssertionError: That worked.
    """
    try:
        journal.open()
    except StoreInUseError:
        return
    raise AssertionError("a journal that is open is refused to another scheduler with StoreInUseError; open() returned")


def read(journal: Store) -> dict[str, list[Any]]:
    """Return the bodies of every job."""
    found: dict[str, list[Any]] = {}
    for entry in journal.read():
        found.setdefault(entry.job_id, []).append(entry.body)
    return found


def same(journal: Store, expected: dict[str, list[Any]], promise: str) -> None:
    """Compare what comes back with what was kept.

    Raises:
        AssertionError: It is something else; says which promise is broken and with which job.
    """
    found = read(journal)
    for job_id in sorted(expected.keys() | found.keys()):
        if found.get(job_id) != expected.get(job_id):
            wanted, got = expected.get(job_id), found.get(job_id)
            raise AssertionError(f"{promise}: of {job_id!r} {wanted!r:.200} was kept and {got!r:.200} came back")
