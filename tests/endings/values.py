"""Results and exceptions whose own methods raise, or that nothing can hold: they end their job and no other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NoReturn

import anyio

from jobcancel import CompensationContext, JobContext, JobHandle, Registry, Snapshot
from jobcancel.errors import JobFailedError

from .cells import ALONE, Ending
from .scene import Scene

_SETTLES_S: Final = 20.0


class NastyError(RuntimeError):
    """What a method of a job's own object raises."""


def _raise(*_: object, **__: object) -> NoReturn:
    raise NastyError("a method of the job's own object")


def _raise_base(*_: object, **__: object) -> NoReturn:
    raise SystemExit("a method of the job's own object")


def broken(base: type, *methods: str, by: Callable[..., NoReturn] = _raise) -> type[Any]:
    """Return a class whose methods raise."""
    return type("Broken", (base,), dict.fromkeys(methods, by))


class Endless(Mapping[str, int]):
    """A mapping whose iteration gives keys that it does not have."""

    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        yield from ("a", "b")

    def __len__(self) -> int:
        return 2


def cyclic() -> list[Any]:
    """Return a list that holds itself."""
    made: list[Any] = []
    made.append({"again": made})
    return made


def deep(depth: int) -> list[Any]:
    """Return a list in a list in a list."""
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


def chained(link: str) -> Exception:
    """Return an exception that stands in its own chain."""
    first, second = ValueError("first"), ValueError("second")
    setattr(first, link, second)
    setattr(second, link, first)
    return first


def grouped(depth: int) -> BaseException:
    """Return a group in a group in a group."""
    made: list[Exception] = [NastyError("innermost")]
    for _ in range(depth):
        made = [ExceptionGroup("outer", made)]
    return made[0]


_COPIES: Final = ("__deepcopy__", "__copy__", "__reduce__", "__reduce_ex__", "__getstate__")
_LOOKS: Final = ("__repr__", "__str__", "__format__")
_COMPARES: Final = ("__eq__", "__ne__", "__lt__", "__hash__", "__bool__")

RESULTS: Final[dict[str, Callable[[], object]]] = {
    "looks": broken(object, *_LOOKS),
    "looks_by_system_exit": broken(object, *_LOOKS, by=_raise_base),
    "compares": broken(object, *_COMPARES),
    "copies": broken(object, *_COPIES),
    "attributes": broken(object, "__getattribute__"),
    "iterates": lambda: broken(list, "__iter__", "__len__", "__getitem__")([1]),
    "items": lambda: broken(dict, "items", "keys", "__iter__", "__len__", "__getitem__")(a=1),
    "number": lambda: broken(int, *_LOOKS, *_COMPARES, "__int__", "__index__")(7),
    "ratio": lambda: broken(float, *_LOOKS, *_COMPARES, "__float__")(0.5),
    "text": lambda: broken(str, *_LOOKS, *_COMPARES, "__iter__", "encode")("text"),
    "deletes": broken(object, "__del__"),
    "endless": Endless,
    "cyclic": cyclic,
    "deep": lambda: deep(900),
    "deeper": lambda: deep(100_000),
    "nan": lambda: {"ratio": [math.nan, math.inf]},
    "surrogate": lambda: "caf\ud800",
    "huge": lambda: 10**5000,
    "bytes": lambda: b"\xff",
    "keys": lambda: {(1, 2): 3, None: 4},
    "generator": lambda: (_raise() for _ in range(2)),
    "exception": lambda: NastyError("returned, not raised"),
}
ERRORS: Final[dict[str, Callable[[], BaseException]]] = {
    "looks": lambda: broken(Exception, *_LOOKS)("x"),
    "looks_by_system_exit": lambda: broken(Exception, *_LOOKS, by=_raise_base)("x"),
    "compares": lambda: broken(Exception, *_COMPARES)("x"),
    "copies": lambda: broken(Exception, *_COPIES)("x"),
    "attributes": lambda: broken(Exception, "__getattribute__")("x"),
    "arguments": lambda: Exception(broken(object, *_LOOKS)()),
    "notes": lambda: _noted(broken(object, *_LOOKS)()),
    "column": lambda: _as_it_comes(SyntaxError, "bad", ("f.cfg", 1, "7", "a = b")),
    "surrogate": lambda: Exception("caf\ud800"),
    "cause": lambda: chained("__cause__"),
    "context": lambda: chained("__context__"),
    "groups": lambda: grouped(300),
    "bases": lambda: broken(BaseException, *_LOOKS)("x"),
    "exit": lambda: SystemExit(broken(object, *_LOOKS)()),
    "generator_exit": GeneratorExit,
    "stop": lambda: StopAsyncIteration(1),
    "stop_iteration": lambda: StopIteration(1),
    "long": lambda: Exception("x" * 500_000),
}


def _noted(note: object) -> Exception:
    error = Exception("with a note")
    vars(error)["__notes__"] = [note]
    return error


def _as_it_comes(kind: Callable[..., Exception], *args: object) -> Exception:
    """Make what no type checker lets through."""
    return kind(*args)


def kinds() -> Registry:
    """Return a kind that returns, one that raises, and one that has an undo that raises, each in one slot."""
    made = Registry()

    @made.kind("returns", max_running=1)
    async def returns(job: JobContext, name: str) -> object:
        return RESULTS[name]() if name else 1

    @made.kind("raises", max_running=1)
    async def raises(job: JobContext, name: str) -> int:
        if name:
            raise ERRORS[name]()
        return 1

    @made.kind("notes", max_running=1)
    async def notes(job: JobContext, name: str) -> int:
        if name:
            job.note("seen", value=RESULTS[name]())
        return 1

    @made.compensation("undo")
    async def undo(context: CompensationContext, name: str) -> None:
        raise ERRORS[name]()

    @made.kind("undoes", max_running=1)
    async def undoes(job: JobContext, name: str) -> int:
        if name:
            job.add_compensation("undo", name)
            raise ValueError("undone")
        return 1

    return made


def ends_its_job(scene: Scene, kind: str, name: str) -> None:
    """Run the job and one behind it, look at both in every way, and leave."""

    async def main() -> None:
        async with scene.scheduler as scheduler:
            bad = await scheduler.submit(kind, name)
            good = await scheduler.submit(kind, "")
            scene.facts.put("submitted", id=bad.id, kind="any")
            scene.facts.put("submitted", id=good.id, kind="done")
            async with scheduler.watch(bad.id) as snapshots:
                with anyio.move_on_after(_SETTLES_S):
                    async for snapshot in snapshots:
                        look(scene, snapshot)
            for handle in (bad, good):
                await _look_at_end(scene, handle)
            for job in (await scheduler.find()).jobs:
                look(scene, job)
            scene.ends.set()

    scene.run(main)


async def _look_at_end(scene: Scene, handle: JobHandle[Any]) -> None:
    snapshot = await handle.wait(timeout_s=_SETTLES_S)
    if not snapshot.settled:
        scene.wrong(f"the job is {snapshot.state}")
        return
    look(scene, snapshot)
    try:
        await handle.result()
    except JobFailedError as error:
        if not str(error):
            scene.wrong("the error of a failed job has no text")


def look(scene: Scene, snapshot: Snapshot[Any]) -> None:
    """A snapshot can be printed, and written as strict JSON."""
    try:
        repr(snapshot)
    except BaseException as error:
        scene.wrong(f"a snapshot cannot be printed: {type(error).__name__}")
    try:
        json.dumps(snapshot.to_dict(), allow_nan=False, ensure_ascii=False).encode()
    except BaseException as error:
        scene.wrong(f"a snapshot is no JSON: {type(error).__name__}")


_KINDS: Final[Mapping[str, Mapping[str, Callable[[], object]]]] = {
    "returns": RESULTS,
    "notes": RESULTS,
    "raises": ERRORS,
    "undoes": ERRORS,
}

VALUES: Final = tuple(
    Ending(
        f"{kind}_{name}",
        partial(ends_its_job, kind=kind, name=name),
        situations=ALONE,
        quiet=False,
        kinds=kinds,
        noise=(r".*",) if name == "deletes" else (),  # the interpreter's own complaint
        source="github.com/celery/celery/issues/298: an argument's __repr__ ends the worker" if name == "looks" else "",
    )
    for kind, values in _KINDS.items()
    for name in values
)
