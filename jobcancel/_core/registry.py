"""The registry: which kinds of job a service has. Kinds are added, never replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from types import MappingProxyType
from typing import Any, Concatenate, Final, Never, ParamSpec, TypeVar, cast

from attrs import fields

from .arguments import COUNT, TIMEOUT, one_of, options_in_words, refuse_unknown, type_name
from .calls import Call
from .compensations import Compensation, CompensationContext
from .errors import KindDataError, RegistrationError, UnknownKindError
from .kinds import Handler, Kind, Register
from .policies import OnCancel, OnCancelValue, OnGraceExpired, OnGraceExpiredValue, OnRestart, OnRestartValue
from .specs import NAME, RERUN, KindSpec, Stage, states_in_words
from .states import TERMINAL, RerunValue, TerminalValue

T = TypeVar("T", KindSpec, Stage)

# What each field of a table takes, in words.
_SECONDS: Final = TIMEOUT.allowed
_COUNT: Final = COUNT.allowed
_FLAG: Final = "true or false"
_ALLOWED: Final[Mapping[str, str]] = {
    "name": NAME,
    "stages": "a list of tables, one a stage, no name twice",
    "on_cancel": one_of(sorted(OnCancel)),
    "on_grace_expired": one_of(sorted(OnGraceExpired)),
    "on_restart": one_of(sorted(OnRestart)),
    "compensate_on": states_in_words(TERMINAL),
    "strict": _FLAG,
    "commits": _FLAG,
    "rerun_on": states_in_words(RERUN),
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

_OPTIONS: Final = tuple(attribute.name for attribute in fields(KindSpec) if attribute.name != "name")


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
    _refuse_unknown_keys(options, path, _OPTIONS)
    return _record(KindSpec, {"name": name, **options}, path)


def _stages(value: object, path: str) -> list[Stage]:
    if not isinstance(value, list | tuple):
        raise KindDataError(path, value, _ALLOWED["stages"])
    stages = cast(Iterable[object], value)
    return [_stage(stage, f"{path}[{i}]") for i, stage in enumerate(stages)]


def _stage(value: object, path: str) -> Stage:
    stage = _table(value, path)
    _refuse_unknown_keys(stage, path, [attribute.name for attribute in fields(Stage)])
    return _record(Stage, stage, path)


def _refuse_unknown_keys(values: Mapping[str, Any], path: str, options: Iterable[str]) -> None:
    for key in values:
        if key not in options:
            raise KindDataError(f"{path}.{key}", values[key], options_in_words(options, key))


def _table(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise KindDataError(path, value, "a table")
    return cast(Mapping[str, Any], value)


def _record(cls: Callable[..., T], values: Mapping[str, Any], path: str) -> T:
    """Make one record, trying each field by itself, so that an error names its field."""
    if "name" not in values:
        raise KindDataError(f"{path}.name", None, _ALLOWED["name"] + " (it is missing)")
    for key, value in values.items():
        try:
            cls(**{"name": "probe", key: value})
        except (ValueError, TypeError):
            raise KindDataError(f"{path}.{key}", value, _ALLOWED[key]) from None
    return cls(**values)


P = ParamSpec("P")


class Registry:
    """Kinds of job by name, and compensations by name.

    A kind is declared together with its handler (``kind``), or from data (``from_toml``, ``from_json``,
    ``from_mapping``) with its handler registered afterwards (``handler``). Kinds may be added while a scheduler
    runs; none is ever replaced, so that a running job's kind stays what it was.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, Kind[..., Any]] = {}
        self._compensations: dict[str, Compensation[...]] = {}

    def kind(
        self,
        name: str,
        *,
        stages: Iterable[Stage] = (),
        on_cancel: OnCancelValue = "interrupt",
        strict: bool = True,
        compensate_on: Iterable[TerminalValue] = ("canceled", "failed"),
        cleanup_s: float = 30,
        grace_s: float = 30,
        on_grace_expired: OnGraceExpiredValue = "wait",
        timeout_s: float = inf,
        expires_s: float = inf,
        max_running: int | None = None,
        max_pending: int | None = None,
        key_ttl_s: float = 86_400,
        rerun_on: Iterable[RerunValue] = (),
        retain_s: float = 86_400,
        retain_count: int | None = 10_000,
        on_restart: OnRestartValue = "fail",
        **unknown: Never,
    ) -> Register:
        """Declare a kind and its handler.

        ``name`` is lower-case words joined by ``_``. Seconds are numbers above 0, and ``inf`` is no limit. Counts are
        whole numbers from 1, and None is no limit. A policy or a state is given as its string or as a member of
        ``OnCancel``, ``OnGraceExpired``, ``OnRestart`` or ``JobState``, where its values are explained.

        | option | values | default | meaning |
        |---|---|---|---|
        | `stages` | list of `Stage` | none | The declared stages. |
        | `on_cancel` | `"interrupt"`, `"defer"`, `"refuse"` | `"interrupt"` | What a cancel meets between stages. |
        | `strict` | bool | True | Whether a kind that declares stages accepts only those. |
        | `compensate_on` | list of terminal states | canceled, failed | The ends after which compensations run. |
        | `cleanup_s` | seconds | 30 | How long each compensation may take. |
        | `grace_s` | seconds | 30 | How long a job may stay canceling after the cancel was delivered. |
        | `on_grace_expired` | `"wait"`, `"force"`, `"abandon"` | `"wait"` | What happens after `grace_s`. |
        | `timeout_s` | seconds | inf | How long a job may run before it is canceled with cause `timeout`. |
        | `expires_s` | seconds | inf | How long a job may be pending before it fails with `EXPIRED`. |
        | `max_running` | count | None | How many jobs of the kind run at once. |
        | `max_pending` | count | None | How many jobs may be pending; one more raises `QueueFullError`. |
        | `key_ttl_s` | seconds | 86400, a day | How long an idempotency key leads to its first job. |
        | `rerun_on` | list of `"failed"`, `"canceled"` | none | The ends after which a job's key starts a new job. |
        | `retain_s` | seconds | 86400, a day | How long a settled job can be read. |
        | `retain_count` | count | 10000 | How many settled jobs of the kind can be read; the newest stay. |
        | `on_restart` | `"fail"`, `"rerun"` | `"fail"` | What becomes of a job whose process ended, with a store. |

        Raises:
            RegistrationError: A kind of that name exists.
            ValueError: An option has a value that makes no sense.
            TypeError: There is no such option, an option has a value of the wrong type, or the handler is no coroutine
                function.
        """
        _require_name(name, "kind")
        refuse_unknown(f"kind {name!r}", unknown, _OPTIONS)
        spec = KindSpec(
            name=name,
            stages=stages,
            on_cancel=on_cancel,
            strict=strict,
            compensate_on=compensate_on,
            cleanup_s=cleanup_s,
            grace_s=grace_s,
            on_grace_expired=on_grace_expired,
            timeout_s=timeout_s,
            expires_s=expires_s,
            max_running=max_running,
            max_pending=max_pending,
            key_ttl_s=key_ttl_s,
            rerun_on=rerun_on,
            retain_s=retain_s,
            retain_count=retain_count,
            on_restart=on_restart,
        )

        def register(handler: Handler[..., Any]) -> Any:  # typed by Register
            kind = Kind(spec, handler)
            self._add(kind)
            return kind

        return register

    def handler(self, name: str) -> Register:
        """Register the handler of a kind that was declared from data.

        Raises:
            UnknownKindError: No such kind is declared: a misspelling does not become an unprotected kind.
            RegistrationError: The kind has a handler.
        """
        _require_name(name, "handler")
        declared = self[name]

        def register(handler: Handler[..., Any]) -> Any:  # typed by Register
            if declared.handler is not None:
                raise RegistrationError(f"kind {name!r} has a handler already; a second one is refused")
            declared.attach(handler)
            return declared

        return register

    def compensation(
        self, name: str
    ) -> Callable[[Callable[Concatenate[CompensationContext, P], object]], Compensation[P]]:
        """Register a compensation by name, so that it can be found again after a restart.

        Its function is async or plain, and takes a ``CompensationContext`` first. It may run again after a crash: the
        context's ``token`` is the same then.

        Args:
            name: Its name, for ``job.add_compensation``.

        Raises:
            RegistrationError: A compensation of that name exists.
            TypeError: Its function takes no context, or is a generator.
        """
        _require_name(name, "compensation")

        def register(fn: Callable[Concatenate[CompensationContext, P], object]) -> Compensation[P]:
            if name in self._compensations:
                raise RegistrationError(f"compensation {name!r} is registered already; it is never replaced")
            compensation = Compensation(name, fn)
            self._compensations[name] = compensation
            return compensation

        return register

    @property
    def compensations(self) -> Mapping[str, Compensation[...]]:
        """The compensations by name."""
        return MappingProxyType(self._compensations)

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Registry:
        """Declare kinds from ``{"kinds": {name: {option: value, "stages": [{"name": ..., ...}]}}}``.

        Raises:
            KindDataError: Something in the data is unknown, missing or wrong; it names the place.
        """
        registry = cls()
        for spec in specs_from(data):
            registry._add(Kind[..., Any](spec))
        return registry

    @classmethod
    def from_toml(cls, text: str) -> Registry:
        """Declare kinds from TOML text; the shape is that of ``from_mapping``.

        Raises:
            KindDataError: Something in the data is unknown, missing or wrong; it names the place.
            TypeError: It is no string.
        """
        _require_text(text, "TOML")
        import tomllib  # noqa: PLC0415  # an eighth of the import time of this package

        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # Python's own too: an int too long, a list too deep
            raise KindDataError("the document", str(error), "TOML") from None
        return cls.from_mapping(data)

    @classmethod
    def from_json(cls, text: str) -> Registry:
        """Declare kinds from JSON text; the shape is that of ``from_mapping``.

        Raises:
            KindDataError: Something in the data is unknown, missing or wrong; it names the place.
            TypeError: It is no string.
        """
        _require_text(text, "JSON")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:  # see above
            raise KindDataError("the document", str(error), "JSON") from None
        return cls.from_mapping(data)

    def require_own(self, call: Call[Any]) -> None:
        """Refuse a call of another registry's kind; raises ``UnknownKindError``."""
        if call.kind.home is not self:
            raise UnknownKindError(call.kind.name, tuple(self._kinds), foreign=True)

    def _add(self, kind: Kind[..., Any]) -> None:
        if kind.name in self._kinds:
            raise RegistrationError(f"kind {kind.name!r} is registered already; kinds are never replaced")
        self._kinds[kind.name] = kind
        kind.home = self

    def __getitem__(self, name: str) -> Kind[..., Any]:
        try:
            return self._kinds[name]
        except KeyError:
            raise UnknownKindError(name, tuple(self._kinds)) from None

    def __iter__(self) -> Iterator[Kind[..., Any]]:
        return iter(self._kinds.values())

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, name: object) -> bool:
        return name in self._kinds


def _require_name(name: object, decorator: str) -> None:
    """Refuse a decorator without brackets: it gets the function as its name."""
    if isinstance(name, str):
        return
    function = getattr(name, "__name__", None)
    example = function if isinstance(function, str) and function.isidentifier() else "name"
    raise TypeError(
        f"a {decorator} needs a name, which must be a string, not {type_name(name)}: "
        f'write @registry.{decorator}("{example}") above its function'
    )


def _require_text(text: object, form: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"text must be a string of {form}, not {type_name(text)}; decode bytes, and read a file, first")
