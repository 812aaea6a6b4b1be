"""What a run asks of its job: every cause that a cancel can have from outside, and the two options of a user's."""

from __future__ import annotations

from enum import StrEnum

from jobcancel._core.decision import Cancellation
from jobcancel._core.policies import CancelCause


class Ask(StrEnum):
    """One request of a run.

    ``CANCEL`` is a user's, ``DEFER`` and ``FORCE`` are the same with that option; ``TIMEOUT`` and ``SHUTDOWN`` are what
    the job's ``timeout_s`` and the scheduler's end would ask for at that moment.
    """

    CANCEL = "cancel"
    DEFER = "defer"
    FORCE = "force"
    TIMEOUT = "timeout"
    SHUTDOWN = "shutdown"

    def request(self) -> Cancellation:
        """Return the request as the scheduler decides it."""
        if self is Ask.TIMEOUT:
            return Cancellation(CancelCause.TIMEOUT)
        if self is Ask.SHUTDOWN:
            return Cancellation(CancelCause.SHUTDOWN)
        return Cancellation(CancelCause.USER, defer=self is Ask.DEFER, force=self is Ask.FORCE)
