"""Stages and kinds as data: records that refuse nonsense when they are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Final, Never, cast

from attrs import Attribute, field, frozen

from .arguments import COUNT, TIMEOUT, excerpt, flag, member, one_of, refusal, refuse_unknown
from .policies import OnCancel, OnCancelValue, OnGraceExpired, OnGraceExpiredValue, OnRestart, OnRestartValue
from .states import TERMINAL, JobState, RerunValue, TerminalValue

_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]*")

NAME: Final = "a name of lower-case letters, digits and _, beginning with a letter"
"""What a name is, in words."""

RERUN: Final = frozenset({JobState.FAILED, JobState.CANCELED})
"""The terminal states that ``rerun_on`` takes."""

_STAGES: Final = "a list of Stage, as in [Stage('a'), Stage('b')], no name twice"


def _name(value: str) -> str:
    """Return the name as a plain string, also of a member of a string enum: settled jobs are plain data."""
    if not issubclass(type(cast("object", value)), str):
        raise TypeError(refusal("name", NAME, value))
    name = str.__str__(value)
    if _PATTERN.fullmatch(name) is None:
        raise ValueError(refusal("name", NAME, name, typed=False))
    return name


def _flag(_: object, attribute: Attribute[Any], value: object) -> None:
    flag(value, attribute.name)


def _on_cancel(value: OnCancelValue) -> OnCancel:
    return member(OnCancel, value, "on_cancel")


def _on_grace_expired(value: OnGraceExpiredValue) -> OnGraceExpired:
    return member(OnGraceExpired, value, "on_grace_expired")


def _on_restart(value: OnRestartValue) -> OnRestart:
    return member(OnRestart, value, "on_restart")


def _seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    TIMEOUT.check(value, attribute.name)


def _count(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None:
        COUNT.check(value, attribute.name, "None for no limit")


@frozen(init=False)
class Stage:
    """One named step of a job; the unit to which a cancel policy belongs.

    Attributes:
        name: Lower-case words joined by ``_``.
        on_cancel: What a user's cancel request meets while this stage runs. ``"interrupt"`` delivers it at once,
            ``"defer"`` holds it until the stage ends, ``"refuse"`` answers that it is refused.
        commits: Whether entering it is the point of no return: earlier compensations are dropped.
        timeout_s: Seconds the stage may take before it is torn with ``StageTimeoutError``; ``inf`` for no limit.

    Raises:
        TypeError: There is no such option, or a value has the wrong type.
        ValueError: A value makes no sense.
    """

    name: str = field(converter=_name)
    on_cancel: OnCancel = field(converter=_on_cancel)
    commits: bool = field(validator=_flag)
    timeout_s: float = field(validator=_seconds)

    def __init__(
        self,
        name: str,
        *,
        on_cancel: OnCancelValue = "interrupt",
        commits: bool = False,
        timeout_s: float = inf,
        **unknown: Never,
    ) -> None:
        # Written out: an editor shows the values, and an unknown option is refused by a message that lists the options.
        refuse_unknown(f"stage {excerpt(name)}", unknown, ("on_cancel", "commits", "timeout_s"))
        self.__attrs_init__(  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]  # attrs makes it
            name, on_cancel, commits, timeout_s
        )


def _stages(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """Return stages as a tuple. A string or a mapping is iterable too, and refused."""
    given = cast("object", stages)
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        raise TypeError(refusal("stages", _STAGES, cast("object", stages)))
    listed = tuple(stages)
    for place, stage in enumerate(listed):
        if not isinstance(cast("object", stage), Stage):
            raise TypeError(refusal(f"stages[{place}]", "a Stage, as in Stage('a')", stage))
    names = [stage.name for stage in listed]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"stages must be {_STAGES}; declared more than once: {', '.join(twice)}")
    return listed


def states_in_words(states: Iterable[JobState]) -> str:
    """Return what an option takes that is a list of states."""
    return f"a list of states, each {one_of(sorted(states))}"


def _states(name: str, states: Iterable[JobState | str], allowed: frozenset[JobState]) -> frozenset[JobState]:
    if not isinstance(cast("object", states), Iterable) or isinstance(states, str):
        raise TypeError(refusal(name, states_in_words(allowed), states))
    listed = list(states)
    for place, state in enumerate(listed):
        if not issubclass(type(cast("object", state)), str):
            raise TypeError(refusal(f"{name}[{place}]", one_of(sorted(allowed)), state))
        if state not in allowed:
            raise ValueError(refusal(f"{name}[{place}]", one_of(sorted(allowed)), state, typed=False))
    return frozenset(JobState(state) for state in listed)


def _compensate_on(states: Iterable[TerminalValue]) -> frozenset[JobState]:
    return _states("compensate_on", states, TERMINAL)


def _rerun_on(states: Iterable[RerunValue]) -> frozenset[JobState]:
    return _states("rerun_on", states, RERUN)


@frozen(kw_only=True)
class KindSpec:
    """A kind of job as data.

    Attributes:
        name: Lower-case words joined by ``_``.
        stages: The declared stages.
        on_cancel: What a request meets between stages and in undeclared ones.
        strict: Whether only declared stages may be entered; it has no effect on a kind that declares none.
        compensate_on: The terminal states in which compensations run.
        cleanup_s: Seconds that each compensation may take.
        grace_s: Seconds a job may stay canceling after the delivery before ``on_grace_expired`` applies.
        on_grace_expired: What happens after ``grace_s``.
        timeout_s: Seconds a job may run before it is canceled with cause ``timeout``.
        expires_s: Seconds a job may wait for its start before it fails with ``EXPIRED``.
        max_running: How many jobs of the kind run at once; None for no limit.
        max_pending: How many may wait; one more raises ``QueueFullError``. None for no limit.
        key_ttl_s: Seconds an idempotency key is remembered, from its first use.
        rerun_on: The terminal states of a key's first job in which the key starts a new job, of failed and canceled.
        retain_s: Seconds a settled job stays readable.
        retain_count: How many settled jobs of the kind stay readable, the newest; None for no limit.
        on_restart: With a store, what happens to a job that was running when its process ended.
    """

    name: str = field(converter=_name)
    stages: tuple[Stage, ...] = field(default=(), converter=_stages)
    on_cancel: OnCancel = field(default=OnCancel.INTERRUPT, converter=_on_cancel)
    strict: bool = field(default=True, validator=_flag)
    compensate_on: frozenset[JobState] = field(
        default=frozenset({JobState.CANCELED, JobState.FAILED}), converter=_compensate_on
    )
    cleanup_s: float = field(default=30.0, validator=_seconds)
    grace_s: float = field(default=30.0, validator=_seconds)
    on_grace_expired: OnGraceExpired = field(default=OnGraceExpired.WAIT, converter=_on_grace_expired)
    timeout_s: float = field(default=inf, validator=_seconds)
    expires_s: float = field(default=inf, validator=_seconds)
    max_running: int | None = field(default=None, validator=_count)
    max_pending: int | None = field(default=None, validator=_count)
    key_ttl_s: float = field(default=86400.0, validator=_seconds)
    rerun_on: frozenset[JobState] = field(default=frozenset(), converter=_rerun_on)
    retain_s: float = field(default=86400.0, validator=_seconds)
    retain_count: int | None = field(default=10_000, validator=_count)
    on_restart: OnRestart = field(default=OnRestart.FAIL, converter=_on_restart)
