"""Why something happened: the causes of a cancel, and the failures a job can end with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import Factory, frozen


class CancelCause(StrEnum):
    """Who asked for a cancel. Only a user's request can be refused."""

    USER = "user"
    SHUTDOWN = "shutdown"
    TIMEOUT = "timeout"
    PARENT = "parent"


class FailureCode(StrEnum):
    """Why a job failed.

    ``CLEANUP_FAILED`` never ends a job: it marks a compensation in the history that raised or overran.
    ``WORKER_LOST`` is given by a durable store's recovery.
    """

    HANDLER_ERROR = "HANDLER_ERROR"
    TIMED_OUT = "TIMED_OUT"
    FOREIGN_CANCEL = "FOREIGN_CANCEL"
    WORKER_LOST = "WORKER_LOST"
    EXPIRED = "EXPIRED"
    CLEANUP_FAILED = "CLEANUP_FAILED"


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
