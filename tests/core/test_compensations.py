"""Compensations by name: how their arguments are bound, what they receive, what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest

from jobcancel import CompensationContext
from jobcancel._core.compensations import Compensation, Undo, name_of, number, undo_of
from jobcancel.errors import UnknownCompensationError
from tests.core.odd import ODD

calls: list[Any] = []


def refund(context: CompensationContext, amount: int, *, to: str = "ada") -> None:
    calls.append((context, amount, to))


def delete(path: str, *, again: bool = False) -> None: ...


REFUND: Compensation[...] = Compensation("refund", refund)
NAMED = {"refund": REFUND}


def parts(undo: object) -> tuple[Any, ...]:
    assert isinstance(undo, Undo)
    return undo.name, undo.args, undo.kwargs, undo.n


def test_calling_one_binds_an_undo_and_runs_nothing() -> None:
    calls.clear()
    assert parts(REFUND((5,), to="bob")) == ("refund", [[5]], {"to": "bob"}, 0)
    assert repr(REFUND(5)) == "<undo by refund>"
    assert calls == []


def test_arguments_that_do_not_fit_are_refused_with_the_signature() -> None:
    with pytest.raises(TypeError) as refused:
        REFUND()
    assert str(refused.value) == (
        "compensation 'refund': missing a required argument: 'amount'; its function takes "
        "(context: 'CompensationContext', amount: 'int', *, to: 'str' = 'ada') -> 'None', the context first"
    )


def test_a_keyword_that_its_function_does_not_take_is_refused() -> None:
    with pytest.raises(TypeError, match="compensation 'refund': got an unexpected keyword argument 'too'"):
        REFUND(5, too="bob")


@pytest.mark.parametrize(("args", "kwargs", "where"), [(({1},), {}, "args[0]"), ((1,), {"to": {1}}, "kwargs.to")])
def test_arguments_that_are_not_plain_are_refused_with_their_path(args: Any, kwargs: Any, where: str) -> None:
    with pytest.raises(TypeError) as refused:
        REFUND(*args, **kwargs)
    assert str(refused.value).startswith(f"compensation 'refund': {where} must be plain data")


def test_a_compensation_gets_its_job_name_number_and_app() -> None:
    calls.clear()
    undo = REFUND(5, to="bob")
    undo.n = 3
    undo.bound(NAMED, "job_1", "the app")()
    ((context, amount, to),) = calls
    assert (context.job_id, context.name, context.n, context.app) == ("job_1", "refund", 3, "the app")
    assert (context.token, amount, to) == ("job_1:refund:3", 5, "bob")


@pytest.mark.parametrize(("named", "n"), [({}, 1), (NAMED, 0)], ids=["no such name", "a function's"])
def test_an_undo_without_a_registered_function_cannot_be_bound(named: Any, n: int) -> None:
    with pytest.raises(UnknownCompensationError) as refused:
        Undo("refund", [5], {}, n).bound(named, "job_1", None)
    assert (refused.value.args[0], tuple(refused.value.args[1])) == ("refund", tuple(named))


@pytest.mark.parametrize(
    "fn", ["refund", REFUND, partial(REFUND), partial(REFUND, to="bob")], ids=["name", "it", "partial", "arguments"]
)
def test_a_name_a_compensation_and_its_partial_are_equivalent(fn: Any) -> None:
    to = {"to": "bob"} if getattr(fn, "keywords", None) else {}
    assert parts(undo_of(NAMED, fn, (5,))) == ("refund", [5], to, 0)


def test_arguments_of_a_partial_come_first_and_later_keywords_win() -> None:
    assert parts(undo_of(NAMED, partial(partial(REFUND, 5), to="bob"), (), {"to": "eve"})) == (
        "refund",
        [5],
        {"to": "eve"},
        0,
    )


def test_an_undo_given_to_many_jobs_is_copied_for_each() -> None:
    undo = REFUND(5)
    first, second = undo_of(NAMED, undo), undo_of(NAMED, undo)
    assert first is not second
    assert first is not undo
    assert parts(first) == parts(second) == ("refund", [5], {}, 0)


@pytest.mark.parametrize("fn", ["delete", Compensation("delete", refund), Undo("delete", [], {})])
def test_an_unknown_compensation_is_refused(fn: Any) -> None:
    with pytest.raises(UnknownCompensationError) as refused:
        undo_of(NAMED, fn)
    assert refused.value.args == ("delete", ("refund",))


def test_a_function_is_bound_to_its_arguments_once() -> None:
    alone: Any = undo_of(NAMED, calls.clear)
    assert type(alone) is partial
    assert (alone.func, alone.args, alone.keywords) == (calls.clear, (), {})
    bound = undo_of(NAMED, delete, ("a",), {"again": True})
    assert isinstance(bound, partial)
    assert (bound.func, bound.args, bound.keywords) == (delete, ("a",), {"again": True})


@pytest.mark.parametrize(("args", "kwargs"), [((1,), {}), ((), {"to": "bob"})])
def test_an_undo_with_its_arguments_takes_no_more(args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match=r"a compensation must be a callable .*, not <undo by refund>"):
        undo_of(NAMED, REFUND(5), args, kwargs)


@pytest.mark.parametrize(("args", "kwargs"), [((1,), {}), ((), {"path": "a"})])
def test_a_function_is_bound_with_only_args_or_only_kwargs(args: Any, kwargs: Any) -> None:
    bound = undo_of(NAMED, delete, args, kwargs)
    assert isinstance(bound, partial)
    assert (bound.args, bound.keywords) == (args, kwargs)


@pytest.mark.parametrize("fn", [5, None])
def test_an_object_that_is_not_callable_is_refused(fn: Any) -> None:
    with pytest.raises(TypeError) as refused:
        undo_of(NAMED, fn)
    assert str(refused.value) == (
        f"a compensation must be a callable or the name of one that is registered, not {fn!r}"
    )


def test_named_undos_are_numbered_from_one_in_order() -> None:
    undos: list[Any] = [REFUND(1), calls.clear, REFUND(2)]
    assert number(undos) == 2
    assert [undos[0].n, undos[2].n] == [1, 2]
    assert number([calls.clear], 2) == 2
    later = [REFUND(3)]
    assert number(later, 2) == 3
    assert later[0].n == 3


class Odd:
    __name__ = 5

    def __call__(self) -> None: ...


class Nameless:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("undo", "name"),
    [
        (REFUND(1), "refund"),
        (refund, "refund"),
        (partial(partial(refund)), "refund"),
        (Odd(), "Odd"),
        (Nameless(), "Nameless"),
    ],
)
def test_the_history_shows_an_undos_name(undo: Any, name: str) -> None:
    assert name_of(undo) == name


async def takes_nothing() -> None: ...


async def takes_keywords(*, context: CompensationContext) -> None: ...


async def yields(context: CompensationContext) -> AsyncIterator[int]:
    yield 1


def yields_plainly(context: CompensationContext) -> Iterator[int]:
    yield 1


NO_CONTEXT = "the function of compensation 'undo' must take the CompensationContext as its first parameter; it takes "
NO_YIELD = "the function of compensation 'undo' must have no `yield`: it is a generator, whose code would not run"


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (takes_nothing, NO_CONTEXT + "() -> 'None'"),
        (takes_keywords, NO_CONTEXT + "(*, context: 'CompensationContext') -> 'None'"),
        (lambda: None, NO_CONTEXT + "()"),
        (yields, NO_YIELD),
        (yields_plainly, NO_YIELD),
        (partial(yields), NO_YIELD),
        (5, "the function of compensation 'undo' must be callable, not 5"),
    ],
)
def test_an_unusable_function_is_refused_at_registration(fn: Any, message: str) -> None:
    with pytest.raises(TypeError) as refused:
        Compensation("undo", fn)
    assert str(refused.value) == message


def test_a_function_with_star_args_takes_the_context() -> None:
    def takes_all(*everything: object) -> None: ...

    assert parts(Compensation("undo", takes_all)(5)) == ("undo", [5], {}, 0)


@pytest.mark.parametrize(
    ("fn", "args", "kwargs", "message"),
    [
        (delete, (), {}, "missing a required argument: 'path'"),
        (delete, ("a", "b"), {}, "too many positional arguments"),
        (delete, ("a",), {"twice": True}, "got an unexpected keyword argument 'twice'"),
        (partial(delete, "a"), ("b",), {}, "too many positional arguments"),
    ],
)
def test_unfit_arguments_of_a_plain_function_are_refused_at_once(fn: Any, args: Any, kwargs: Any, message: str) -> None:
    with pytest.raises(TypeError) as refused:
        undo_of(NAMED, fn, args, kwargs)
    assert str(refused.value) == (
        f"compensation delete: {message}; its function takes (path: 'str', *, again: 'bool' = False) -> 'None'"
    )


def test_a_function_without_a_signature_is_registered_unchecked() -> None:
    class Odd:
        @property
        def __signature__(self) -> object:
            raise LookupError("asked")

        def __call__(self) -> None: ...

    assert callable(undo_of(NAMED, Odd(), (5,)))
    update: Any = dict[str, int]().update
    assert callable(undo_of(NAMED, update, ({},)))


def test_an_undo_whose_name_raises_is_named_by_its_type() -> None:
    assert name_of(ODD["a call without a name"]) == "Call"
