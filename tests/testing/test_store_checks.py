"""The checks of stores: each broken guarantee is caught by its check, with a message that names it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

from jobcancel.abc import Entry, Store
from jobcancel.errors import StoreError, StoreInUseError
from jobcancel.testing import STORE_CHECKS, OpenStore, store_conformance


class Disk:
    """A journal that several stores share."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.in_use = False


class Correct:
    """A correct store; subclasses break one of its steps."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.is_open = False

    def open(self) -> None:
        if self.disk.in_use:
            raise StoreInUseError("disk")
        self.disk.in_use = self.is_open = True

    def read(self) -> Iterable[Entry]:
        return [Entry(entry.job_id, self.copied(entry.body)) for entry in self.disk.entries]

    def append(self, entries: Sequence[Entry]) -> None:
        entries_after = list(self.disk.entries)
        for entry in entries:
            entries_after = self.added(entries_after, entry)
        self.disk.entries = entries_after

    def added(self, before: list[Entry], entry: Entry) -> list[Entry]:
        if entry.final:
            before = [other for other in before if other.job_id != entry.job_id]
        return before if entry.body is None else [*before, self.plain(entry)]

    def plain(self, entry: Entry) -> Entry:
        try:
            json.dumps(entry.body)
        except TypeError as error:
            raise StoreError("disk", str(error)) from error
        return Entry(entry.job_id, self.copied(entry.body))

    def copied(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        return copy.deepcopy(body)

    def compact(self) -> None: ...

    def close(self) -> None:
        if self.is_open:
            self.disk.in_use = self.is_open = False


class Fast(Correct):
    """The same store, fast enough for batches of ten thousand entries."""

    def append(self, entries: Sequence[Entry]) -> None:
        jobs: dict[str, list[Entry]] = {}
        for entry in self.disk.entries:
            jobs.setdefault(entry.job_id, []).append(entry)
        for entry in entries:
            jobs[entry.job_id] = self.added(jobs.get(entry.job_id, []), entry)
        self.disk.entries = [entry for of_one_job in jobs.values() for entry in of_one_job]


class Reversed(Fast):
    def read(self) -> Iterable[Entry]:
        return list(super().read())[::-1]


class Torn(Fast):
    def append(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            super().append([entry])


class Raw(Fast):
    def plain(self, entry: Entry) -> Entry:
        json.dumps(entry.body)
        return super().plain(entry)


class Careless(Fast):
    def plain(self, entry: Entry) -> Entry:
        return entry


class Stuck(Fast):
    broken = False

    def append(self, entries: Sequence[Entry]) -> None:
        try:
            if not self.broken:
                super().append(entries)
        except StoreError:
            self.broken = True
            raise


class Hoarding(Fast):
    def added(self, before: list[Entry], entry: Entry) -> list[Entry]:
        return super().added(before, entry._replace(final=entry.body is None))


class Unforgetting(Fast):
    def added(self, before: list[Entry], entry: Entry) -> list[Entry]:
        return before if entry.body is None else super().added(before, entry)


class Forgetful(Fast):
    def close(self) -> None:
        self.disk.entries = []
        super().close()


class Rounding(Fast):
    def copied(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        return json.loads(json.dumps(body), parse_float=lambda text: float(f"{float(text):.15g}"))  # type: ignore[no-any-return]


class Sorting(Fast):
    def copied(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        return json.loads(json.dumps(body, sort_keys=True))  # type: ignore[no-any-return]


class Equal(Fast):
    """Stores 1 for 1.0, which is equal."""

    def copied(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        return json.loads(json.dumps(body), parse_float=lambda text: int(float(text)) if text == "1.0" else float(text))  # type: ignore[no-any-return]


class Sharing(Fast):
    def copied(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        return body


class Lending(Fast):
    def read(self) -> Iterable[Entry]:
        return list(self.disk.entries)


class Shared(Fast):
    def open(self) -> None:
        self.is_open = True


class Reentrant(Fast):
    def open(self) -> None:
        if not self.is_open:
            super().open()


class Unclosing(Fast):
    def close(self) -> None:
        pass


class Once(Fast):
    def close(self) -> None:
        if not self.is_open:
            raise StoreError("disk", "is not open")
        super().close()


class Busy(Fast):
    def append(self, entries: Sequence[Entry]) -> None:
        super().append(entries or [Entry("unknown", {})])


class Squeezing(Fast):
    def compact(self) -> None:
        self.disk.entries = self.disk.entries[:100]


class Small(Fast):
    def append(self, entries: Sequence[Entry]) -> None:
        super().append(entries[:9_999])


BROKEN: list[tuple[Callable[[Disk], Store], str, str]] = [
    (Reversed, "preserves_order", r"read\(\) returns the entries of a job in the order of their append\(\): job 'a' "),
    (Torn, "appends_all_or_nothing", "a batch that cannot be stored adds no entry and replaces none: job 'a' "),
    (Raw, "appends_all_or_nothing", "entries that cannot be stored raise StoreError, not TypeError"),
    (Careless, "appends_all_or_nothing", r"entries that cannot be stored raise StoreError; append\(\) returned$"),
    (Stuck, "appends_all_or_nothing", "a store works after a batch that it could not store: job 'a' "),
    (
        Hoarding,
        "replaces_by_a_final_entry",
        "a final entry replaces all earlier entries of its job, and of no other job: job 'a' ",
    ),
    (
        Unforgetting,
        "deletes_by_a_final_entry_without_a_body",
        "a final entry without a body deletes its job: job 'a' ",
    ),
    (Forgetful, "persists", "stored entries are there when the journal is opened again: job 'a' "),
    (Rounding, "preserves_plain_data", r"read\(\) returns the bodies unchanged: "),
    (Sorting, "preserves_plain_data", r"read\(\) returns the bodies unchanged: "),
    (Equal, "preserves_plain_data", r"read\(\) returns the bodies unchanged: "),
    (Sharing, "stores_copies", r"append\(\) copies: a later change of an appended body has no effect: job 'a' "),
    (Lending, "stores_copies", r"read\(\) copies: a change of a returned body has no effect: job 'a' "),
    (Shared, "excludes_a_second_store", r"open\(\) of a journal that is open raises StoreInUseError; it returned$"),
    (Reentrant, "refuses_a_second_open", r"open\(\) of a journal that is open raises StoreInUseError; it returned$"),
    (Unclosing, "releases_at_close", "a journal that no store has open can be opened; journal disk is in use"),
    (Once, "closes_twice", r"close\(\) of a store that is not open has no effect; it raised StoreError"),
    (
        Busy,
        "accepts_an_empty_batch",
        r"append\(\) of an empty batch has no effect: job 'unknown' should have None, but has ",
    ),
    (Squeezing, "compacts_without_loss", r"compact\(\) changes no entry: job 'job "),
    (Small, "stores_large_batches", "a batch of 10000 entries is stored: job 'job 999'"),
]


def journals(store: Callable[[Disk], Store]) -> Callable[[], OpenStore]:
    def make() -> OpenStore:
        disk = Disk()
        return lambda: store(disk)

    return make


@pytest.mark.parametrize(("store", "name", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_check_catches_the_broken_guarantee_and_names_it(
    store: Callable[[Disk], Store], name: str, message: str
) -> None:
    [check] = [check for check in STORE_CHECKS if check.__name__ == name]
    with pytest.raises(AssertionError, match=f"^{message}"):
        check(journals(store)())
    with pytest.raises(AssertionError):
        store_conformance(journals(store))


def test_every_check_has_a_broken_store() -> None:
    assert {name for _, name, _ in BROKEN} == {check.__name__ for check in STORE_CHECKS}


def test_correct_store_passes_each_check_with_a_new_journal() -> None:
    made: Iterator[int] = iter(range(1000))

    def make() -> OpenStore:
        next(made)
        return journals(Fast)()

    store_conformance(make)
    assert next(made) == 14
