"""The journal in memory: all that a store promises, and what comes back is what a file would give."""

from __future__ import annotations

import os

import pytest

from jobcancel.abc import Entry, Store
from jobcancel.errors import StoreError, StoreInUseError
from jobcancel.stores.memory import MemoryStore
from jobcancel.testing import STORE_CHECKS, StoreCheck


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
def test_it_does_what_a_store_promises(check: StoreCheck) -> None:
    store: Store = MemoryStore()
    check(lambda: store)


def test_a_tuple_is_read_back_as_a_list() -> None:
    store = MemoryStore()
    store.open()
    store.append([Entry("a", {"args": (1, 2)})])
    assert list(store.read()) == [Entry("a", {"args": [1, 2]})]


def test_a_refusal_names_this_process() -> None:
    store = MemoryStore()
    store.open()
    with pytest.raises(StoreInUseError, match=f"^journal in memory is in use by process {os.getpid()}: ") as caught:
        store.open()
    assert caught.value.pid == os.getpid()


def test_nothing_works_before_it_is_open_or_after_it_is_closed() -> None:
    store = MemoryStore()
    for _ in range(2):
        for call in (store.read, lambda: store.append([]), store.compact):
            with pytest.raises(StoreError, match=r"^journal in memory: is not open; open\(\) comes first$"):
                call()
        store.open()
        store.close()


def test_its_repr_counts_its_jobs() -> None:
    store = MemoryStore()
    store.open()
    store.append([Entry("a", {}), Entry("a", {}), Entry("b", {})])
    assert repr(store) == "<journal in memory of 2 jobs>"
