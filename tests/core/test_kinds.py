"""Kinds: what may be a handler, and how the arguments of a job are checked before anything starts."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from jobcancel import Call, JobContext, Kind, OnCancel, Stage
from jobcancel._core.arguments import is_async_callable
from jobcancel._core.specs import KindSpec
from jobcancel.errors import MissingHandlerError, UnknownStageError


async def ingest(job: JobContext, url: str, depth: int = 1) -> int:
    return depth


async def keyworded(job: JobContext, url: str, *, depth: int) -> None: ...


async def optional(job: JobContext, *, depth: int = 1) -> None: ...


async def variadic(job: JobContext, *urls: str, **options: int) -> None: ...


async def positional(job: JobContext, /, url: str) -> None: ...


class Handler:
    async def __call__(self, job: JobContext, url: str) -> str:
        return url

    async def method(self, job: JobContext, url: str) -> str:
        return url


def plain(job: JobContext) -> None: ...


class Blocking:
    def __call__(self, job: JobContext) -> None: ...

    def __repr__(self) -> str:
        return "plain"


async def no_job() -> None: ...


async def only_keywords(*, job: JobContext) -> None: ...


async def only_variadic(*jobs: JobContext) -> None: ...


async def generates(job: JobContext) -> Any:
    yield 1


def generates_plainly(job: JobContext) -> Any:
    yield 1


class Generates:
    async def __call__(self, job: JobContext) -> Any:
        yield 1

    def __repr__(self) -> str:
        return "generates"


def kind_of(handler: Any, **options: Any) -> Kind[..., Any]:
    return Kind(KindSpec(name="ingest", **options), handler)


FITTING: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (ingest, ("u",), {}),
    (ingest, ("u", 2), {}),
    (ingest, (), {"url": "u", "depth": 2}),
    (keyworded, ("u",), {"depth": 2}),
    (optional, (), {}),
    (optional, (), {"depth": 2}),
    (variadic, (), {}),
    (variadic, ("a", "b", "c"), {"x": 1}),
    (positional, ("u",), {}),
    (Handler(), ("u",), {}),
    (Handler().method, ("u",), {}),
    (partial(ingest, depth=3), ("u",), {}),
]
UNFITTING: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (ingest, (), {}),
    (ingest, ("u", 2, 3), {}),
    (ingest, ("u",), {"dept": 2}),
    (ingest, ("u",), {"url": "u"}),
    (keyworded, ("u",), {}),
    (keyworded, ("u", 2), {}),
    (optional, (2,), {}),
    (positional, (), {}),
    (Handler(), (), {}),
]


@pytest.mark.parametrize(("handler", "args", "kwargs"), FITTING)
def test_a_call_binds_fitting_arguments_and_starts_nothing(handler: Any, args: Any, kwargs: Any) -> None:
    kind = kind_of(handler)
    call = kind(*args, **kwargs)
    assert (call.kind, call.args, call.kwargs) == (kind, args, kwargs)
    assert repr(call) == "<call of ingest>"


@pytest.mark.parametrize(("handler", "args", "kwargs"), UNFITTING)
def test_arguments_that_do_not_fit_are_refused_at_once(handler: Any, args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match=r"kind 'ingest': .*; its handler takes \("):
        kind_of(handler)(*args, **kwargs)


def test_two_ways_to_write_one_call_are_bound_alike() -> None:
    kind = kind_of(ingest)
    assert kind.bound(("u",), {}) == kind.bound((), {"depth": 1, "url": "u"}) == {"job": None, "url": "u", "depth": 1}
    assert kind.bound(("u", 2), {}) != kind.bound(("u",), {})


class Text(str):
    """Not the plain type, though equal to it."""


def test_a_call_with_scalar_arguments_is_committed_unchanged() -> None:
    call = kind_of(ingest)("u", 2)
    assert call.with_plain_arguments() is call
    plain = kind_of(ingest)(Text("u")).with_plain_arguments()
    assert [type(each) for each in plain.args] == [str]


def test_a_committed_call_has_plain_copies_of_its_arguments() -> None:
    kind, urls = kind_of(ingest), ["u"]
    call = kind(urls, depth=2)
    plain = call.with_plain_arguments()
    urls.append("v")
    assert (plain.kind, plain.args, dict(plain.kwargs)) == (kind, (["u"],), {"depth": 2})
    job: Any = object()
    with pytest.raises(StopIteration) as returned:
        plain.start(job).send(None)
    assert returned.value.value == 2


@pytest.mark.parametrize(
    ("args", "kwargs", "where"),
    [
        (("u", {1}), {}, "args[1]"),
        (("u", 10**5000), {}, "args[1]"),
        (("u", -(10**5000)), {}, "args[1]"),
        (("u",), {"depth": {1}}, "args.depth"),
    ],
)
def test_arguments_that_are_not_plain_are_refused_with_their_path(args: Any, kwargs: Any, where: str) -> None:
    with pytest.raises(TypeError) as caught:
        kind_of(ingest)(*args, **kwargs).with_plain_arguments()
    assert str(caught.value).startswith(f"kind 'ingest', whose jobs are journaled: {where} must be plain data")


@pytest.mark.parametrize("handler", [plain, Blocking()])
def test_a_plain_function_is_refused_with_a_pointer_to_run_sync(handler: Any) -> None:
    with pytest.raises(TypeError) as caught:
        kind_of(handler)
    assert str(caught.value) == (
        "the handler of kind 'ingest' must be an `async def`, and plain is not; "
        "call blocking code from one, with `await job.run_sync(fn, *args)`"
    )


@pytest.mark.parametrize("handler", [generates, generates_plainly, Generates()])
def test_a_generator_is_refused_with_a_pointer_to_progress(handler: Any) -> None:
    with pytest.raises(TypeError) as caught:
        kind_of(handler)
    assert str(caught.value) == (
        "the handler of kind 'ingest' must be an `async def` without `yield`, "
        f"and {getattr(handler, '__name__', 'generates')} is a generator; "
        "return the value, and report what comes before it with `job.progress` or `job.note`"
    )


@pytest.mark.parametrize("handler", [no_job, only_keywords, only_variadic])
def test_a_handler_must_take_the_job_first(handler: Any) -> None:
    with pytest.raises(TypeError, match="must take the job as its first parameter"):
        kind_of(handler)


def test_a_kind_without_a_handler_cannot_be_called() -> None:
    kind: Kind[..., Any] = Kind(KindSpec(name="ingest"))
    with pytest.raises(MissingHandlerError) as caught:
        kind("u")
    assert caught.value.kind == "ingest"
    assert kind.handler is None


@pytest.mark.parametrize(
    ("fn", "is_async"),
    [
        (ingest, True),
        (Handler(), True),
        (Handler().method, True),
        (partial(partial(ingest, url="u"), depth=2), True),
        (partial(Handler(), url="u"), True),
        (plain, False),
        (partial(plain), False),
        (Handler, False),
    ],
)
def test_async_callables_are_recognised_in_every_form(fn: Any, is_async: bool) -> None:
    assert is_async_callable(fn) is is_async


def test_a_declared_stage_is_found_by_its_name() -> None:
    stage = Stage("cloning", on_cancel=OnCancel.REFUSE)
    kind = kind_of(ingest, stages=[stage])
    assert kind.stage("job_1", "cloning") is stage
    assert dict(kind.stages) == {"cloning": stage}


def test_a_strict_kind_refuses_an_undeclared_stage() -> None:
    kind = kind_of(ingest, stages=[Stage("cloning")])
    with pytest.raises(UnknownStageError) as caught:
        kind.stage("job_1", "clone")
    assert (caught.value.job_id, caught.value.stage, caught.value.declared) == ("job_1", "clone", ("cloning",))


@pytest.mark.parametrize("options", [{"strict": False, "stages": [Stage("cloning")]}, {}])
def test_an_undeclared_stage_has_the_kinds_policy(options: dict[str, Any]) -> None:
    kind = kind_of(ingest, on_cancel="defer", **options)
    assert kind.stage("job_1", "other") == Stage("other", on_cancel=OnCancel.DEFER)


def test_a_call_is_generic_at_run_time_too() -> None:
    assert Call[int] is not None


@pytest.mark.parametrize(
    ("handler", "args"),
    [
        (ingest, ("u",)),
        (ingest, ("u", 2)),
        (optional, ()),
        (variadic, ()),
        (variadic, ("a", "b", "c")),
        (positional, ("u",)),
    ],
)
def test_a_call_by_position_alone_is_checked_by_its_count(
    handler: Any, args: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dear(*_: object) -> None:
        raise AssertionError("the signature was bound, where a comparison would do")

    monkeypatch.setattr(Kind, "bound", dear)
    assert kind_of(handler)(*args).args == args


async def everything(job: JobContext, *args: object, **kwargs: object) -> tuple[Any, ...]:
    return job, args, kwargs


@pytest.mark.parametrize(("args", "kwargs"), [((1, 2), {}), ((1,), {"depth": 2}), ((), {})])
def test_a_call_starts_its_handler_with_job_and_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    job: Any = object()
    coroutine = kind_of(everything)(*args, **kwargs).start(job)
    with pytest.raises(StopIteration) as returned:
        coroutine.send(None)
    assert returned.value.value == (job, args, kwargs)


def test_a_kind_belongs_to_no_registry_before_it_is_registered() -> None:
    assert kind_of(ingest).home is None
