"""Kinds from plain data and from options: an error names the place, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from attrs import Attribute, fields

from jobcancel.errors import KindDataError

from .arguments import one_of
from .numbers import COUNT, TIMEOUT
from .policies import OnCancel, OnGraceExpired, OnRestart
from .specs import NAME, STATES, KindOptions, KindSpec, Stage

T = TypeVar("T", KindSpec, Stage)

# What each field takes, in words, beside the value that was refused.
_SECONDS: Final = TIMEOUT.allowed
_COUNT: Final = COUNT.allowed
_FLAG: Final = "true or false"
_ALLOWED: Final[Mapping[str, str]] = {
    "name": NAME,
    "stages": "a list of tables, one a stage, no name twice",
    "on_cancel": one_of(sorted(OnCancel)),
    "on_grace_expired": one_of(sorted(OnGraceExpired)),
    "on_restart": one_of(sorted(OnRestart)),
    "compensate_on": STATES,
    "strict": _FLAG,
    "commits": _FLAG,
    "rerun_failed": _FLAG,
    "cleanup_s": _SECONDS,
    "grace_s": _SECONDS,
    "timeout_s": _SECONDS,
    "expires_s": _SECONDS,
    "key_ttl_s": _SECONDS,
    "retain_s": _SECONDS,
    "max_running": _COUNT,
    "max_pending": _COUNT,
    "retain_count": _COUNT,
}


def spec_of(name: str, options: KindOptions) -> KindSpec:
    """Return the kind that Python code declares.

    Raises:
        TypeError: There is no such option, or a value has the wrong type.
        ValueError: A value makes no sense.
    """
    names = [attribute.name for attribute in fields(KindSpec) if attribute.name != "name"]
    for option in options:
        if option not in names:
            raise TypeError(f"a kind has no option {option!r}; known: {', '.join(names)}")
    return KindSpec(name=name, **options)


def specs_from(data: Mapping[str, Any]) -> list[KindSpec]:
    """Return the kinds that ``data`` declares, in its order.

    Raises:
        KindDataError: Something is unknown, missing or wrong.
    """
    document = _table(data, "the document")
    for key in document:
        if key != "kinds":
            raise KindDataError(str(key), document[key], "only the table kinds")
    if "kinds" not in document:
        raise KindDataError("kinds", None, "a table with one table a kind (it is missing)")
    kinds = _table(document["kinds"], "kinds")
    return [_kind(name, value) for name, value in kinds.items()]


def _kind(name: str, value: object) -> KindSpec:
    path = f"kinds.{name}"
    options = dict(_table(value, path))
    if "name" in options:
        raise KindDataError(f"{path}.name", options["name"], "nothing: a kind's name is the key of its table")
    if "stages" in options:
        options["stages"] = _stages(options["stages"], f"{path}.stages")
    return _record(KindSpec, {"name": name, **options}, path)


def _stages(value: object, path: str) -> list[Stage]:
    if not isinstance(value, list | tuple):
        raise KindDataError(path, value, _ALLOWED["stages"])
    stages = cast(Iterable[object], value)
    return [_record(Stage, _table(stage, f"{path}[{i}]"), f"{path}[{i}]") for i, stage in enumerate(stages)]


def _table(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise KindDataError(path, value, "a table")
    return cast(Mapping[str, Any], value)


def _record(cls: Callable[..., T], values: Mapping[str, Any], path: str) -> T:
    """Make one record, trying field after field, so that an error is that field's."""
    known: tuple[Attribute[Any], ...] = fields(cast(type[Any], cls))
    names = [attribute.name for attribute in known]
    for key in values:
        if key not in names:
            raise KindDataError(f"{path}.{key}", values[key], "no such key; known: " + ", ".join(names))
    if "name" not in values:
        raise KindDataError(f"{path}.name", None, _ALLOWED["name"] + " (it is missing)")
    for key, value in values.items():
        try:
            cls(**{"name": "probe", key: value})
        except (ValueError, TypeError):
            raise KindDataError(f"{path}.{key}", value, _ALLOWED[key]) from None
    return cls(**values)
