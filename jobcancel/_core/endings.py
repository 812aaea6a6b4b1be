"""The one place where it is decided how a job ends.

What may live in this file: the ways in which a job's code can end, and the pure and total function that gives the
event of each. The table in ``states`` says which state follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import Factory, frozen

from .policies import CancelCause, FailureCode
from .states import Event


class Ending(StrEnum):
    """How a job's code ended.

    ``returned`` and ``partial``: it returned a value. ``raised``: an exception other than a cancellation came out,
    also while it unwound. ``unwound``: the delivered cancellation came out, or the job had not begun when it was
    delivered. ``foreign``: a cancellation came out that was not requested. ``abandoned``: it still runs, its grace
    is over. ``expired``: it waited longer than ``expires_s`` for its start. ``interrupted``: the scheduler shut down,
    and another attempt follows. ``lost``: it ended with its process, and no other attempt follows.
    """

    RETURNED = "returned"
    PARTIAL = "partial"
    RAISED = "raised"
    UNWOUND = "unwound"
    FOREIGN = "foreign"
    ABANDONED = "abandoned"
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"
    LOST = "lost"


@frozen
class Failure:
    """Why a job failed, as a record: never a pickled exception.

    Attributes:
        code: The sort of failure.
        message: One line for a person.
        details: For an exception ``type`` (its qualified name) and ``traceback`` (formatted).
    """

    code: FailureCode
    message: str
    details: Mapping[str, Any] = Factory(dict[str, Any])


# A handler's error and a lost job have messages of their own.
MESSAGES: Final = {
    FailureCode.TIMED_OUT: "the job's time was over and its code has unwound, or still runs (abandoned)",
    FailureCode.FOREIGN_CANCEL: "a cancellation that was not requested came out of the job's code",
    FailureCode.EXPIRED: "the job waited longer than its kind's expires_s for its start",
}

_FAILURES: Final = {
    Ending.RAISED: FailureCode.HANDLER_ERROR,
    Ending.FOREIGN: FailureCode.FOREIGN_CANCEL,
    Ending.EXPIRED: FailureCode.EXPIRED,
    Ending.LOST: FailureCode.WORKER_LOST,
}


# Reading a member through its enum costs some 190 ns on CPython 3.11, a global 15; every job passes here.
_RETURNED: Final = Ending.RETURNED
_SUCCEEDED: Final = (Event.SUCCEEDED, None)


def decide_ending(
    ending: Ending, cause: CancelCause | None, children_canceled: int
) -> tuple[Event, FailureCode | None]:
    """Decide which event a job's end is, and with which code it failed if it did.

    Args:
        ending: How the code ended.
        cause: The cause of the accepted cancel, or None if there is none.
        children_canceled: How many children of the job ended canceled because of that cancel.
    """
    if ending is _RETURNED or ending is Ending.PARTIAL:
        if cause is None or not children_canceled:
            return _SUCCEEDED if ending is _RETURNED else (Event.PARTIALLY_SUCCEEDED, None)
        ending = Ending.UNWOUND  # the handler returned, but the cancel stopped a part of the work
    if ending is Ending.INTERRUPTED:
        if cause is None:
            return Event.INTERRUPTED, None
        ending = Ending.UNWOUND  # a cancel came meanwhile, and wins
    if ending is Ending.UNWOUND or ending is Ending.ABANDONED:
        if cause is CancelCause.TIMEOUT:
            return Event.FAILED, FailureCode.TIMED_OUT
        return (Event.UNWOUND if ending is Ending.UNWOUND else Event.ABANDONED), None
    return Event.FAILED, _FAILURES[ending]
