"""The situations of a cancel request by name: the thirteen cases in the order of the contracts, and variations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from attrs import frozen

from tests.conformance.acts import Act
from tests.conformance.client import Headers
from tests.conformance.served import Served

TOO_LONG: Final = "a" * 257
"""An id that is malformed in every contract."""


@frozen
class Asked:
    """A cancel request that is about to be sent.

    Attributes:
        job_id: The job.
        headers: The caller's headers; None for alice's.
        live: Whether the job can still end in more than one way.
    """

    job_id: str
    headers: Headers | None = None
    live: bool = False


async def _pending(served: Served) -> Asked:
    return Asked(await served.pending(), live=True)


async def _pending_with_undo(served: Served) -> Asked:
    async def undo() -> None: ...

    return Asked(await served.pending(compensations=[undo]), live=True)


async def _running(served: Served) -> Asked:
    return Asked((await served.running())[0], live=True)


async def _deferring(served: Served) -> Asked:
    return Asked((await served.running(Act(stage="saving"), kind=served.vendor.deferring))[0], live=True)


async def _refusing(served: Served) -> Asked:
    return Asked((await served.running(Act(stage=served.vendor.refusing)))[0], live=True)


async def _canceling(served: Served) -> Asked:
    return Asked((await served.canceling())[0], live=True)


async def _foreign(served: Served) -> Asked:
    return Asked((await served.running(owner="bob"))[0], live=True)


async def _broken(served: Served) -> Asked:
    job_id, _ = await served.running()
    served.scheduler.broken = True
    return Asked(job_id, live=True)


def _settled(state: str) -> Callable[[Served], Awaitable[Asked]]:
    async def arrange(served: Served) -> Asked:
        return Asked(await served.settled(state))

    return arrange


async def _expired(served: Served) -> Asked:
    return Asked(await served.expired())


async def _timed_out(served: Served) -> Asked:
    return Asked(await served.timed_out())


async def _unknown(served: Served) -> Asked:
    return Asked(served.vendor.unknown)


async def _malformed(served: Served) -> Asked:
    return Asked(TOO_LONG)


async def _nobody(served: Served) -> Asked:
    return Asked((await served.running())[0], headers={}, live=True)


async def _wrong_key(served: Served) -> Asked:
    return Asked((await served.running())[0], headers=served.vendor.wrong, live=True)


async def _hasty(served: Served) -> Asked:
    return Asked((await served.running())[0], headers=served.vendor.hasty, live=True)


SITUATIONS: Final[Mapping[str, Callable[[Served], Awaitable[Asked]]]] = {
    "pending_canceled": _pending,
    "pending_canceled, with something to undo": _pending_with_undo,
    "canceling": _running,
    "canceling, held by a stage that defers": _deferring,
    "already_canceling": _canceling,
    "already_canceled": _settled("canceled"),
    "already_completed": _settled("succeeded"),
    "already_completed, in part": _settled("partially_succeeded"),
    "already_failed": _settled("failed"),
    "already_failed, by expiry": _expired,
    "already_failed, by timeout": _timed_out,
    "refused": _refusing,
    "not_found": _unknown,
    "foreign": _foreign,
    "malformed_id": _malformed,
    "unauthenticated": _nobody,
    "unauthenticated, wrong key": _wrong_key,
    "rate_limited": _hasty,
    "internal_error": _broken,
}


async def arrange(served: Served, situation: str) -> Asked:
    """Arrange a situation and return the cancel request for it."""
    return await SITUATIONS[situation](served)
