"""What a contract says beside its answers: who may ask, how ids and times are written, which policies serve it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from attrs import field, frozen

Foreign = Literal["not_found", "forbidden"]
OnShieldedStage = Literal["refuse", "defer"]
Digits = Literal[0, 3, 6]
Zone = Literal["Z", "+00:00"]


def fixed(value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return a copy that cannot be changed."""
    return MappingProxyType(dict(value))


def _fixed_each(ways: tuple[Mapping[str, str], ...]) -> tuple[Mapping[str, str], ...]:
    return tuple(fixed(way) for way in ways)


@frozen(kw_only=True)
class Auth:
    """How a caller shows who it is.

    Attributes:
        ways: Each a mapping of lower-case header names to the prefix of their values; any one way is enough, and all
            headers of a way are needed. The first header carries the token.
        token_pattern: What a token looks like as a whole, or None for anything.
        cancel_scope: The scope that a caller needs to cancel, or None.
    """

    ways: tuple[Mapping[str, str], ...] = field(converter=_fixed_each)
    token_pattern: re.Pattern[str] | None = None
    cancel_scope: str | None = None


@frozen(kw_only=True)
class Tenancy:
    """What a caller learns of the jobs of others.

    Attributes:
        foreign: The case that another owner's job is.
        labels: By route parameter, the job's label that has to equal it; a job of another value is not found.
    """

    foreign: Foreign
    labels: Mapping[str, str] = field(factory=dict[str, str], converter=fixed)


@frozen(kw_only=True)
class Ids:
    """The forms of ids.

    Attributes:
        pattern: A job id as a whole.
        ignore_case: Whether a job may be asked for by its id in upper case too; jobs' own ids are in lower case then.
        called: What the vendor calls a job id in its paths.
        mint: How job ids are made; ``{ulid}`` and ``{uuid}`` stand for a new one.
        request: The same for request ids.
    """

    pattern: re.Pattern[str]
    mint: str
    request: str
    ignore_case: bool = False
    called: str = "job_id"

    def fits(self, job_id: str) -> bool:
        """Return whether a job's own id has the contract's form."""
        return self.pattern.fullmatch(job_id) is not None and not (self.ignore_case and job_id != job_id.lower())


@frozen(kw_only=True)
class Timestamps:
    """How an instant is written.

    Attributes:
        digits: How many digits follow the second's point.
        zone: How UTC is written.
    """

    digits: Digits
    zone: Zone


@frozen(kw_only=True)
class Failures:
    """What a job document says of a job that did not succeed.

    Attributes:
        codes: The vendor's error code by kind; under ``default`` that of all other kinds. Empty: our own codes.
        canceled: The message for a canceled job that the vendor's words show as failed; None if they have a word.
    """

    codes: Mapping[str, str] = field(factory=dict[str, str], converter=fixed)
    canceled: str | None = None


@frozen(kw_only=True)
class Policies:
    """What serving through this contract asks of the jobs.

    Attributes:
        on_shielded_stage: ``defer`` if the vendor has no word for a refusal: a stage that refuses defers then.
        via_canceling: Whether a job canceled while it waits is told as canceling first.
        canceled_at_once: Whether a job canceled while it waits is shown as canceled at once, though undos still run.
        settle_s: Seconds that the answer to an accepted cancel waits for the job to settle; 0 for not at all.
    """

    on_shielded_stage: OnShieldedStage
    via_canceling: bool = False
    canceled_at_once: bool = False
    settle_s: float = 0.0


@frozen(kw_only=True)
class Keys:
    """Idempotency keys.

    Attributes:
        header: The request header that carries one.
        max_length: How many characters one may have.
    """

    header: str
    max_length: int
