"""Check the guarantees of a ``Store``; any store's author can run these checks.

    @pytest.mark.parametrize("check", STORE_CHECKS)
    def test_my_store(check, tmp_path):
        check(lambda: MyStore(tmp_path / "journal"))

Each check takes a factory whose stores all use the same journal, empty when the check begins. It raises an
``AssertionError`` that says which guarantee is broken. For a store that is its own journal, in memory for example, the
factory returns the same object each time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from jobcancel._core.journal import Entry
from jobcancel.abc import Store
from jobcancel.errors import StoreError, StoreInUseError

OpenStore = Callable[[], Store]
"""Returns a store of the same journal at each call; it is not open yet."""

StoreCheck = Callable[[OpenStore], None]
"""Checks one guarantee; raises ``AssertionError`` if it is broken."""

_MANY: Final = 10_000

_PLAIN: Final[dict[str, Any]] = {
    "": "an empty key",
    "nothing": [None, True, False, 0, "", [], {}],
    "nested": {"a": [{"b": [[1, [2, [3]]], {"c": {"d": None}}]}]},
    "words": "Grüße, 日本語, עברית, 🦊, \x00, \x1f, \u2028, \\, \", '",
    "half a surrogate pair": "os.fsdecode(b'\\xff') is \udcff",
    "floats": [0.1 + 0.2, 1e-320, -0.0, 1.7976931348623157e308, 1.0, 1_800_000_000.123456],
    "infinite": [float("inf"), float("-inf")],
    "integers": [2**53 + 1, -(2**63) - 1, 10**100],
    "order": {"z": 1, "a": 2, "m": 3},
}


def store_conformance(make: Callable[[], OpenStore]) -> None:
    """Run every check, each with a journal of its own.

    Args:
        make: Makes a new, empty journal and returns a factory: each of its calls returns a store of that journal,
            not open yet.

    Raises:
        AssertionError: A guarantee is broken; the message says which.
    """
    for check in STORE_CHECKS:
        check(make())


def preserves_order(store: OpenStore) -> None:
    """``read`` returns the entries of a job in the order of their ``append``."""
    with _opened(store) as journal:
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1}), Entry("a", {"n": 2})])
        journal.append([Entry("b", {"n": 2})])
        journal.append([Entry("a", {"n": 3}), Entry("b", {"n": 3})])
        expected = {"a": [{"n": 1}, {"n": 2}, {"n": 3}], "b": [{"n": 1}, {"n": 2}, {"n": 3}]}
        _assert_stored(journal, expected, "read() returns the entries of a job in the order of their append()")


def appends_all_or_nothing(store: OpenStore) -> None:
    """A batch that cannot be stored has no effect, and the store works afterwards."""
    guarantee = "a batch that cannot be stored adds no entry and replaces none"
    with _opened(store) as journal:
        journal.append([Entry("a", {"n": 1})])
        batch = [Entry("b", {}), Entry("a", None, final=True), Entry("c", {"not plain": object()}), Entry("d", {})]
        try:
            journal.append(batch)
        except StoreError:
            pass
        except Exception as error:
            raise AssertionError(f"entries that cannot be stored raise StoreError, not {error!r}") from error
        else:
            raise AssertionError("entries that cannot be stored raise StoreError; append() returned")
        _assert_stored(journal, {"a": [{"n": 1}]}, guarantee)
        journal.append([Entry("a", {"n": 2})])
    with _opened(store) as journal:
        expected = {"a": [{"n": 1}, {"n": 2}]}
        _assert_stored(journal, expected, "a store works after a batch that it could not store")


def replaces_by_a_final_entry(store: OpenStore) -> None:
    """A final entry replaces all earlier entries of its job, in earlier batches and in its own."""
    guarantee = "a final entry replaces all earlier entries of its job, and of no other job"
    with _opened(store) as journal:
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1}), Entry("c", {"n": 1})])
        journal.append([Entry("a", {"n": 2}), Entry("a", {"n": 3}, final=True), Entry("b", {"n": 2})])
        journal.append([Entry("c", {"n": 2}, final=True), Entry("c", {"n": 3})])
        expected = {"a": [{"n": 3}], "b": [{"n": 1}, {"n": 2}], "c": [{"n": 2}, {"n": 3}]}
        _assert_stored(journal, expected, guarantee)
        journal.append([Entry("c", {"n": 4}, final=True), Entry("c", {"n": 5}, final=True)])
        _assert_stored(journal, {**expected, "c": [{"n": 5}]}, guarantee)


def deletes_by_a_final_entry_without_a_body(store: OpenStore) -> None:
    """A final entry without a body deletes its job, and the job's id may be used again."""
    guarantee = "a final entry without a body deletes its job"
    with _opened(store) as journal:
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1}), Entry("c", {"n": 1}), Entry("c", None, final=True)])
        journal.append([Entry("a", None, final=True), Entry("unknown", None, final=True)])
        _assert_stored(journal, {"b": [{"n": 1}]}, guarantee)
        journal.append([Entry("b", None, final=True), Entry("b", {"n": 2}), Entry("a", {"n": 2})])
        _assert_stored(journal, {"a": [{"n": 2}], "b": [{"n": 2}]}, "the id of a deleted job may be used again")


def persists(store: OpenStore) -> None:
    """Stored entries are there for the next scheduler, and for the one after it."""
    guarantee = "stored entries are there when the journal is opened again"
    with _opened(store) as journal:
        _assert_stored(journal, {}, "a new journal is empty")
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1})])
    with _opened(store) as journal:
        _assert_stored(journal, {"a": [{"n": 1}], "b": [{"n": 1}]}, guarantee)
        journal.append([Entry("a", {"n": 2}), Entry("b", {"n": 2}, final=True)])
    with _opened(store) as journal:
        _assert_stored(journal, {"a": [{"n": 1}, {"n": 2}], "b": [{"n": 2}]}, guarantee)


def preserves_plain_data(store: OpenStore) -> None:
    """``read`` returns equal bodies of the same types: also infinities, and lone surrogates as in file names.

    A high surrogate directly followed by a low one may be returned as the one character that they encode.
    """
    with _opened(store) as journal:
        journal.append([Entry("a", {}), Entry("a", _PLAIN)])
    with _opened(store) as journal:
        bodies = _bodies(journal).get("a")
    # By repr: with == 1 equals 1.0 and True, and -0.0 equals 0.0.
    if repr(bodies) != repr([{}, _PLAIN]):
        raise AssertionError(f"read() returns the bodies unchanged: {[{}, _PLAIN]!r} became {bodies!r}")


def stores_copies(store: OpenStore) -> None:
    """A later change of a body, by the caller of ``append`` or of ``read``, does not change the stored entry."""
    with _opened(store) as journal:
        body: dict[str, Any] = {"list": [1], "dict": {"a": 1}}
        batch = [Entry("a", body)]
        journal.append(batch)
        body["list"].append(2)
        body["dict"]["b"] = 2
        batch.clear()
        expected = {"a": [{"list": [1], "dict": {"a": 1}}]}
        _assert_stored(journal, expected, "append() copies: a later change of an appended body has no effect")
        _bodies(journal)["a"][0]["list"].clear()
        _assert_stored(journal, expected, "read() copies: a change of a returned body has no effect")


def excludes_a_second_store(store: OpenStore) -> None:
    """While one store has the journal open, a second one is refused, without effect on the first."""
    with _opened(store) as journal:
        journal.append([Entry("a", {"n": 1})])
        _assert_refused(store())
        journal.append([Entry("a", {"n": 2})])
        expected = {"a": [{"n": 1}, {"n": 2}]}
        _assert_stored(journal, expected, "a second store that is refused has no effect on the first")


def refuses_a_second_open(store: OpenStore) -> None:
    """A store that is open refuses to be opened again, and stays open."""
    with _opened(store) as journal:
        _assert_refused(journal)
        journal.append([Entry("a", {"n": 1})])
        _assert_stored(journal, {"a": [{"n": 1}]}, "a store stays open when a second open() was refused")


def releases_at_close(store: OpenStore) -> None:
    """After ``close`` another store may open the journal, and so may the same store."""
    with _opened(store) as first:
        first.append([Entry("a", {"n": 1})])
    with _opened(store) as second:
        second.append([Entry("a", {"n": 2})])
    with _opened(lambda: first):
        _assert_stored(first, {"a": [{"n": 1}, {"n": 2}]}, "a store may be opened again after close()")


def closes_twice(store: OpenStore) -> None:
    """``close`` has no effect on a store that is not open."""
    guarantee = "close() of a store that is not open has no effect"
    journal = store()
    try:
        journal.close()
        journal.open()
        journal.append([Entry("a", {"n": 1})])
        journal.close()
        journal.close()
    except Exception as error:
        raise AssertionError(f"{guarantee}; it raised {error!r}") from error
    with _opened(store) as again:
        _assert_stored(again, {"a": [{"n": 1}]}, guarantee)


def accepts_an_empty_batch(store: OpenStore) -> None:
    """``append`` of an empty batch has no effect."""
    with _opened(store) as journal:
        journal.append([])
        journal.append([Entry("a", {"n": 1})])
        journal.append(())
        _assert_stored(journal, {"a": [{"n": 1}]}, "append() of an empty batch has no effect")


def compacts_without_loss(store: OpenStore) -> None:
    """After ``compact`` the entries are the same, at once and for the next scheduler."""
    guarantee = "compact() changes no entry"
    expected = {f"job {n}": [{"n": n, "text": "x" * 1000}] for n in range(1, 1000, 3)}
    with _opened(store) as journal:
        journal.compact()
        journal.append([Entry(f"job {n}", {"n": n, "text": "x" * 1000}) for n in range(999)])
        journal.append([Entry(f"job {n}", None, final=True) for n in range(999) if n % 3 != 1])
        journal.compact()
        _assert_stored(journal, expected, guarantee)
        journal.append([Entry("job 1", {"n": 2})])
        journal.compact()
        journal.compact()
    with _opened(store) as journal:
        _assert_stored(journal, {**expected, "job 1": [*expected["job 1"], {"n": 2}]}, guarantee)


def stores_large_batches(store: OpenStore) -> None:
    """A batch of ten thousand entries is stored, and so is one of ten thousand final entries."""
    guarantee = f"a batch of {_MANY} entries is stored"
    with _opened(store) as journal:
        journal.append([Entry(f"job {n % 1000}", {"n": n}) for n in range(_MANY)])
        expected = {f"job {n}": [{"n": m} for m in range(n, _MANY, 1000)] for n in range(1000)}
        _assert_stored(journal, expected, guarantee)
        journal.append([Entry(f"job {n % 1000}", {"n": n}, final=True) for n in range(_MANY)])
        _assert_stored(journal, {f"job {n}": [{"n": _MANY - 1000 + n}] for n in range(1000)}, guarantee)


STORE_CHECKS: Final[tuple[StoreCheck, ...]] = (
    preserves_order,
    appends_all_or_nothing,
    replaces_by_a_final_entry,
    deletes_by_a_final_entry_without_a_body,
    persists,
    preserves_plain_data,
    stores_copies,
    excludes_a_second_store,
    refuses_a_second_open,
    releases_at_close,
    closes_twice,
    accepts_an_empty_batch,
    compacts_without_loss,
    stores_large_batches,
)
"""Every guarantee of a store, each a function of one ``OpenStore``."""


@contextmanager
def _opened(store: OpenStore) -> Generator[Store]:
    """Open a store for the block.

    Raises:
        AssertionError: The journal is in use, though no store has it open.
    """
    journal = store()
    try:
        journal.open()
    except StoreInUseError as error:
        raise AssertionError(f"a journal that no store has open can be opened; {error}") from error
    try:
        yield journal
    finally:
        journal.close()


def _assert_refused(journal: Store) -> None:
    try:
        journal.open()
    except StoreInUseError:
        return
    raise AssertionError("open() of a journal that is open raises StoreInUseError; it returned")


def _bodies(journal: Store) -> dict[str, list[Any]]:
    """Return the bodies of every job's entries, in order."""
    found: dict[str, list[Any]] = {}
    for entry in journal.read():
        found.setdefault(entry.job_id, []).append(entry.body)
    return found


def _assert_stored(journal: Store, expected: dict[str, list[Any]], guarantee: str) -> None:
    """Compare the stored bodies with the expected ones; an error names the guarantee and the job."""
    found = _bodies(journal)
    for job_id in sorted(expected.keys() | found.keys()):
        if found.get(job_id) != expected.get(job_id):
            raise AssertionError(
                f"{guarantee}: job {job_id!r} should have {expected.get(job_id)!r:.200}, "
                f"but has {found.get(job_id)!r:.200}"
            )
