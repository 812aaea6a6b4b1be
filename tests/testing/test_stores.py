"""The checks of stores: each broken promise is caught by the check that is named after it, in words that say which."""

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
    """A place: what stores on it share."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.taken = False


class Sound:
    """A store that keeps every promise, with a step of its own for each that another one breaks."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.mine = False

    def open(self) -> None:
        if self.disk.taken:
            raise StoreInUseError("disk")
        self.disk.taken = self.mine = True

    def read(self) -> Iterable[Entry]:
        return [Entry(entry.job_id, self.copied(entry.body)) for entry in self.disk.entries]

    def append(self, entries: Sequence[Entry]) -> None:
        kept = list(self.disk.entries)
        for entry in entries:
            kept = self.kept(kept, entry)
        self.disk.entries = kept

    def kept(self, before: list[Entry], entry: Entry) -> list[Entry]:
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
        if self.mine:
            self.disk.taken = self.mine = False


class Fast(Sound):
    """The same, fit for ten thousand entries in one batch."""

    def append(self, entries: Sequence[Entry]) -> None:
        jobs: dict[str, list[Entry]] = {}
        for entry in self.disk.entries:
            jobs.setdefault(entry.job_id, []).append(entry)
        for entry in entries:
            jobs[entry.job_id] = self.kept(jobs.get(entry.job_id, []), entry)
        self.disk.entries = [entry for kept in jobs.values() for entry in kept]


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
    def kept(self, before: list[Entry], entry: Entry) -> list[Entry]:
        return super().kept(before, entry._replace(final=entry.body is None))


class Unforgetting(Fast):
    def kept(self, before: list[Entry], entry: Entry) -> list[Entry]:
        return before if entry.body is None else super().kept(before, entry)


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
    """It takes what is equal for the same: 1 for 1.0."""

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
        self.mine = True


class Reentrant(Fast):
    def open(self) -> None:
        if not self.mine:
            super().open()


class Keeping(Fast):
    def close(self) -> None:
        pass


class Once(Fast):
    def close(self) -> None:
        if not self.mine:
            raise StoreError("disk", "is not open")
        super().close()


class Busy(Fast):
    def append(self, entries: Sequence[Entry]) -> None:
        super().append(entries or [Entry("nobody", {})])


class Squeezing(Fast):
    def compact(self) -> None:
        self.disk.entries = self.disk.entries[:100]


class Small(Fast):
    def append(self, entries: Sequence[Entry]) -> None:
        super().append(entries[:9_999])


BROKEN: list[tuple[Callable[[Disk], Store], str, str]] = [
    (
        Reversed,
        "keeps_order_per_job",
        "the entries of a job come back in the order in which they were appended: of 'a'",
    ),
    (Torn, "keeps_all_or_nothing", "of a batch that cannot be kept nothing is kept, and nothing is superseded: of 'a'"),
    (Raw, "keeps_all_or_nothing", "entries that cannot be kept raise StoreError, not TypeError"),
    (Careless, "keeps_all_or_nothing", r"entries that cannot be kept raise StoreError; append\(\) returned$"),
    (Stuck, "keeps_all_or_nothing", "a store works on after a batch that it could not keep: of 'a'"),
    (
        Hoarding,
        "final_supersedes",
        "a final entry stands for all entries of its job before it, and for no other: of 'a'",
    ),
    (Unforgetting, "forgets", "of a job with a final entry without a body nothing comes back: of 'a'"),
    (Forgetful, "reopens", "what was kept is there when the journal is opened again: of 'a'"),
    (Rounding, "gives_plain_data_back", "bodies come back as they were: "),
    (Sorting, "gives_plain_data_back", "bodies come back as they were: "),
    (Equal, "gives_plain_data_back", "bodies come back as they were: "),
    (Sharing, "keeps_copies", "entries are copies: what their giver changes later changes nothing kept: of 'a'"),
    (Lending, "keeps_copies", "entries are copies: what their reader changes changes nothing kept: of 'a'"),
    (
        Shared,
        "refuses_a_second_scheduler",
        "a journal that is open is refused to another scheduler with StoreInUseError",
    ),
    (Reentrant, "refuses_to_open_twice", "a journal that is open is refused to another scheduler with StoreInUseError"),
    (Keeping, "is_free_after_close", "a journal that nobody has open can be opened; journal disk is in use"),
    (Once, "closes_twice", r"close\(\) of a store that is not open has no effect; it raised StoreError"),
    (Busy, "appends_nothing", "appending nothing changes nothing: of 'nobody' None was kept and "),
    (Squeezing, "compacts_without_loss", r"compact\(\) changes no entry: of 'job "),
    (Small, "keeps_many", "10000 entries in one batch are kept: of 'job 999'"),
]


def places(store: Callable[[Disk], Store]) -> Callable[[], OpenStore]:
    def make() -> OpenStore:
        disk = Disk()
        return lambda: store(disk)

    return make


@pytest.mark.parametrize(("store", "name", "words"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_promise_is_caught_by_its_check_and_said(
    store: Callable[[Disk], Store], name: str, words: str
) -> None:
    [check] = [check for check in STORE_CHECKS if check.__name__ == name]
    with pytest.raises(AssertionError, match=f"^{words}"):
        check(places(store)())
    with pytest.raises(AssertionError):
        store_conformance(places(store))


def test_every_check_catches_a_store_that_is_broken_in_what_it_is_about() -> None:
    assert {name for _, name, _ in BROKEN} == {check.__name__ for check in STORE_CHECKS}


def test_a_sound_store_passes_each_check_on_a_place_of_its_own() -> None:
    made: Iterator[int] = iter(range(1000))

    def make() -> OpenStore:
        next(made)
        return places(Fast)()

    store_conformance(make)
    assert next(made) == 14
