"""What a ``Store`` promises, as checks that any store's author can run.

    @pytest.mark.parametrize("check", STORE_CHECKS)
    def test_my_store(check, tmp_path):
        check(lambda: MyStore(tmp_path / "journal"))

Each check takes a factory of stores that lie on the same place, empty when the check begins, and raises an
``AssertionError`` that says which promise was broken. A store whose place is the object itself, as in memory, is
given by a factory that always returns that object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from jobcancel._core.journal import Entry
from jobcancel.errors import StoreError

from .store_places import OpenStore, StoreCheck, opened, read, refused, same

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
    """Run every check, each on a place of its own.

    Args:
        make: Makes a fresh, empty place and returns a factory: each of its calls gives a store, not open yet, on
            that same place.

    Raises:
        AssertionError: A promise is broken; says which.
    """
    for check in STORE_CHECKS:
        check(make())


def keeps_order_per_job(store: OpenStore) -> None:
    """The entries of a job come back in the order in which they were appended."""
    with opened(store) as journal:
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1}), Entry("a", {"n": 2})])
        journal.append([Entry("b", {"n": 2})])
        journal.append([Entry("a", {"n": 3}), Entry("b", {"n": 3})])
        expected = {"a": [{"n": 1}, {"n": 2}, {"n": 3}], "b": [{"n": 1}, {"n": 2}, {"n": 3}]}
        same(journal, expected, "the entries of a job come back in the order in which they were appended")


def keeps_all_or_nothing(store: OpenStore) -> None:
    """Of a batch that cannot be kept nothing is, and the store works on."""
    promise = "of a batch that cannot be kept nothing is kept, and nothing is superseded"
    with opened(store) as journal:
        journal.append([Entry("a", {"n": 1})])
        refused = [Entry("b", {}), Entry("a", None, final=True), Entry("c", {"not plain": object()}), Entry("d", {})]
        try:
            journal.append(refused)
        except StoreError:
            pass
        except Exception as error:
            raise AssertionError(f"entries that cannot be kept raise StoreError, not {error!r}") from error
        else:
            raise AssertionError("entries that cannot be kept raise StoreError; append() returned")
        same(journal, {"a": [{"n": 1}]}, promise)
        journal.append([Entry("a", {"n": 2})])
    with opened(store) as journal:
        same(journal, {"a": [{"n": 1}, {"n": 2}]}, "a store works on after a batch that it could not keep")


def final_supersedes(store: OpenStore) -> None:
    """A final entry stands for all of its job's entries before it, in earlier batches and in its own."""
    promise = "a final entry stands for all entries of its job before it, and for no other"
    with opened(store) as journal:
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1}), Entry("c", {"n": 1})])
        journal.append([Entry("a", {"n": 2}), Entry("a", {"n": 3}, final=True), Entry("b", {"n": 2})])
        journal.append([Entry("c", {"n": 2}, final=True), Entry("c", {"n": 3})])
        expected = {"a": [{"n": 3}], "b": [{"n": 1}, {"n": 2}], "c": [{"n": 2}, {"n": 3}]}
        same(journal, expected, promise)
        journal.append([Entry("c", {"n": 4}, final=True), Entry("c", {"n": 5}, final=True)])
        same(journal, {**expected, "c": [{"n": 5}]}, promise)


def forgets(store: OpenStore) -> None:
    """Of a job with a final entry without a body nothing comes back, and its id may be used again."""
    promise = "of a job with a final entry without a body nothing comes back"
    with opened(store) as journal:
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1}), Entry("c", {"n": 1}), Entry("c", None, final=True)])
        journal.append([Entry("a", None, final=True), Entry("never there", None, final=True)])
        same(journal, {"b": [{"n": 1}]}, promise)
        journal.append([Entry("b", None, final=True), Entry("b", {"n": 2}), Entry("a", {"n": 2})])
        same(journal, {"a": [{"n": 2}], "b": [{"n": 2}]}, "a job that was forgotten may begin anew")


def reopens(store: OpenStore) -> None:
    """What was kept is there for the next scheduler, and for the one after it."""
    promise = "what was kept is there when the journal is opened again"
    with opened(store) as journal:
        same(journal, {}, "a journal that was just made is empty")
        journal.append([Entry("a", {"n": 1}), Entry("b", {"n": 1})])
    with opened(store) as journal:
        same(journal, {"a": [{"n": 1}], "b": [{"n": 1}]}, promise)
        journal.append([Entry("a", {"n": 2}), Entry("b", {"n": 2}, final=True)])
    with opened(store) as journal:
        same(journal, {"a": [{"n": 1}, {"n": 2}], "b": [{"n": 2}]}, promise)


def gives_plain_data_back(store: OpenStore) -> None:
    """Bodies come back as they were, of the same types: also infinities, and lone surrogates as in file names.

    A high surrogate directly followed by a low one may come back as the one character that they stand for.
    """
    with opened(store) as journal:
        journal.append([Entry("a", {}), Entry("a", _PLAIN)])
    with opened(store) as journal:
        bodies = read(journal).get("a")
    # By repr: equality would take 1 for 1.0 and for True, and -0.0 for 0.0.
    if repr(bodies) != repr([{}, _PLAIN]):
        raise AssertionError(f"bodies come back as they were: {[{}, _PLAIN]!r} came back as {bodies!r}")


def keeps_copies(store: OpenStore) -> None:
    """What happens to a body after ``append``, or to one that ``read`` gave, does not change what was kept."""
    with opened(store) as journal:
        body: dict[str, Any] = {"list": [1], "dict": {"a": 1}}
        batch = [Entry("a", body)]
        journal.append(batch)
        body["list"].append(2)
        body["dict"]["b"] = 2
        batch.clear()
        kept = {"a": [{"list": [1], "dict": {"a": 1}}]}
        same(journal, kept, "entries are copies: what their giver changes later changes nothing kept")
        read(journal)["a"][0]["list"].clear()
        same(journal, kept, "entries are copies: what their reader changes changes nothing kept")


def refuses_a_second_scheduler(store: OpenStore) -> None:
    """While one has the journal open another is refused, without effect on the first."""
    with opened(store) as journal:
        journal.append([Entry("a", {"n": 1})])
        refused(store())
        journal.append([Entry("a", {"n": 2})])
        same(journal, {"a": [{"n": 1}, {"n": 2}]}, "a second scheduler that is refused has no effect on the first")


def refuses_to_open_twice(store: OpenStore) -> None:
    """A store that is open is in use for whoever opens it again, and stays open."""
    with opened(store) as journal:
        refused(journal)
        journal.append([Entry("a", {"n": 1})])
        same(journal, {"a": [{"n": 1}]}, "a store stays open when opening it again was refused")


def is_free_after_close(store: OpenStore) -> None:
    """A journal that was let go may be taken by another, and by the same one again."""
    with opened(store) as first:
        first.append([Entry("a", {"n": 1})])
    with opened(store) as second:
        second.append([Entry("a", {"n": 2})])
    with opened(lambda: first):
        same(first, {"a": [{"n": 1}, {"n": 2}]}, "a store may be opened again after close()")


def closes_twice(store: OpenStore) -> None:
    """Closing what is not open has no effect."""
    journal = store()
    try:
        journal.close()
        journal.open()
        journal.append([Entry("a", {"n": 1})])
        journal.close()
        journal.close()
    except Exception as error:
        raise AssertionError(f"close() of a store that is not open has no effect; it raised {error!r}") from error
    with opened(store) as again:
        same(again, {"a": [{"n": 1}]}, "close() of a store that is not open has no effect")


def appends_nothing(store: OpenStore) -> None:
    """An empty batch is kept like any other."""
    with opened(store) as journal:
        journal.append([])
        journal.append([Entry("a", {"n": 1})])
        journal.append(())
        same(journal, {"a": [{"n": 1}]}, "appending nothing changes nothing")


def compacts_without_loss(store: OpenStore) -> None:
    """After ``compact`` the entries are the same, at once and for the next scheduler."""
    promise = "compact() changes no entry"
    expected = {f"job {n}": [{"n": n, "text": "x" * 1000}] for n in range(1, 1000, 3)}
    with opened(store) as journal:
        journal.compact()
        journal.append([Entry(f"job {n}", {"n": n, "text": "x" * 1000}) for n in range(999)])
        journal.append([Entry(f"job {n}", None, final=True) for n in range(999) if n % 3 != 1])
        journal.compact()
        same(journal, expected, promise)
        journal.append([Entry("job 1", {"n": 2})])
        journal.compact()
        journal.compact()
    with opened(store) as journal:
        same(journal, {**expected, "job 1": [*expected["job 1"], {"n": 2}]}, promise)


def keeps_many(store: OpenStore) -> None:
    """Ten thousand entries in one batch, and as many final ones in the next."""
    promise = f"{_MANY} entries in one batch are kept"
    with opened(store) as journal:
        journal.append([Entry(f"job {n % 1000}", {"n": n}) for n in range(_MANY)])
        same(journal, {f"job {n}": [{"n": m} for m in range(n, _MANY, 1000)] for n in range(1000)}, promise)
        journal.append([Entry(f"job {n % 1000}", {"n": n}, final=True) for n in range(_MANY)])
        same(journal, {f"job {n}": [{"n": _MANY - 1000 + n}] for n in range(1000)}, promise)


STORE_CHECKS: Final[tuple[StoreCheck, ...]] = (
    keeps_order_per_job,
    keeps_all_or_nothing,
    final_supersedes,
    forgets,
    reopens,
    gives_plain_data_back,
    keeps_copies,
    refuses_a_second_scheduler,
    refuses_to_open_twice,
    is_free_after_close,
    closes_twice,
    appends_nothing,
    compacts_without_loss,
    keeps_many,
)
"""Every promise of a store, each a function of one ``OpenStore``."""
