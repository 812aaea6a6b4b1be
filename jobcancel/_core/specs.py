"""Stages and kinds as data: records that refuse nonsense when they are made."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any, TypedDict

from attrs import Attribute, field, frozen
from attrs.validators import deep_iterable, instance_of, matches_re

from .numbers import COUNT, TIMEOUT
from .policies import OnCancel, OnGraceExpired, OnRestart
from .states import TERMINAL, JobState

_NAME = r"[a-z][a-z0-9_]*"


def _plain_name(value: str) -> str:
    """Return a member of a string enum as the string that it is: settled jobs are kept as plain data."""
    return str.__str__(value)


_named = matches_re(_NAME)
_flag = instance_of(bool)


def _seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    TIMEOUT.check(value, attribute.name)


def _count(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None:
        COUNT.check(value, attribute.name, "None for no limit")


@frozen
class Stage:
    """One named step of a job; the unit to which a cancel policy belongs.

    Attributes:
        name: Lower-case words joined by ``_``.
        on_cancel: What a cancel request meets while this stage runs.
        commits: Entering it is the point of no return: earlier compensations are dropped.
        timeout_s: Seconds the stage may take before it is torn with ``StageTimeoutError``; ``inf`` for no limit.
    """

    name: str = field(converter=_plain_name, validator=_named)
    on_cancel: OnCancel = field(default=OnCancel.INTERRUPT, kw_only=True, converter=OnCancel)
    commits: bool = field(default=False, kw_only=True, validator=_flag)
    timeout_s: float = field(default=inf, kw_only=True, validator=_seconds)


def _stages(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    return tuple(stages)


def _states(states: Iterable[str]) -> frozenset[JobState]:
    if isinstance(states, str):
        raise TypeError(f"'compensate_on' must be a list of states, not the string {states!r}")
    return frozenset(JobState(state) for state in states)


def _terminal(_: object, attribute: Attribute[Any], value: frozenset[JobState]) -> None:
    if not value <= TERMINAL:
        wrong = ", ".join(sorted(value - TERMINAL))
        raise ValueError(f"'{attribute.name}' takes terminal states ({', '.join(sorted(TERMINAL))}), not {wrong}")


def _distinct(_: object, attribute: Attribute[Any], value: tuple[Stage, ...]) -> None:
    names = [stage.name for stage in value]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"'{attribute.name}' declares more than once: {', '.join(twice)}")


class KindOptions(TypedDict, total=False):
    """What may be said of a kind beside its name; the fields of ``KindSpec``, where each is explained."""

    stages: Iterable[Stage]
    on_cancel: OnCancel | str
    strict: bool
    compensate_on: Iterable[JobState | str]
    cleanup_s: float
    grace_s: float
    on_grace_expired: OnGraceExpired | str
    timeout_s: float
    expires_s: float
    max_running: int | None
    max_pending: int | None
    key_ttl_s: float
    rerun_failed: bool
    retain_s: float
    retain_count: int | None
    on_restart: OnRestart | str


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
        on_grace_expired: What happens then.
        timeout_s: Seconds a job may run before it is canceled with cause ``timeout``.
        expires_s: Seconds a job may wait for its start before it fails with ``EXPIRED``.
        max_running: How many jobs of the kind run at once; None for no limit.
        max_pending: How many may wait; one more raises ``QueueFullError``. None for no limit.
        key_ttl_s: Seconds an idempotency key is remembered, from its first use.
        rerun_failed: Whether a key whose first job failed starts a new job.
        retain_s: Seconds a settled job stays readable.
        retain_count: How many settled jobs of the kind stay readable, the newest; None for no limit.
        on_restart: What becomes of a job that was running when its process ended, with a store.
    """

    name: str = field(converter=_plain_name, validator=_named)
    stages: tuple[Stage, ...] = field(
        default=(), converter=_stages, validator=[deep_iterable(instance_of(Stage)), _distinct]
    )
    on_cancel: OnCancel = field(default=OnCancel.INTERRUPT, converter=OnCancel)
    strict: bool = field(default=True, validator=_flag)
    compensate_on: frozenset[JobState] = field(
        default=frozenset({JobState.CANCELED, JobState.FAILED}), converter=_states, validator=_terminal
    )
    cleanup_s: float = field(default=30.0, validator=_seconds)
    grace_s: float = field(default=30.0, validator=_seconds)
    on_grace_expired: OnGraceExpired = field(default=OnGraceExpired.WAIT, converter=OnGraceExpired)
    timeout_s: float = field(default=inf, validator=_seconds)
    expires_s: float = field(default=inf, validator=_seconds)
    max_running: int | None = field(default=None, validator=_count)
    max_pending: int | None = field(default=None, validator=_count)
    key_ttl_s: float = field(default=86400.0, validator=_seconds)
    rerun_failed: bool = field(default=False, validator=_flag)
    retain_s: float = field(default=86400.0, validator=_seconds)
    retain_count: int | None = field(default=10_000, validator=_count)
    on_restart: OnRestart = field(default=OnRestart.FAIL, converter=OnRestart)
