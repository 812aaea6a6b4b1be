"""A job as a vendor describes it: the values of ``job`` in templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, cast

from attrs import evolve

from jobcancel._core.plain import json_form
from jobcancel._core.policies import FailureCode
from jobcancel._core.snapshot import HistoryEntry, Snapshot
from jobcancel._core.states import JobState

from .contract import Contract, Timestamps

_TIMESPEC: Final = {0: "seconds", 3: "milliseconds", 6: "microseconds"}
_COMPLETED: Final = (JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED)
_STATES: Final = frozenset(JobState)
_WRAPPER_KEY: Final = "value"  # the key of a result that is no object, inside the object that wraps it
_DEFAULT: Final = "default"


class VendorJob:
    """A job for the templates of one contract. Each value is computed when a template needs it.

    Args:
        contract: The contract.
        snapshot: The job.
        others: Jobs that were found with it; the job's children among them are ``job.children``.
    """

    __slots__ = ("at_once", "contract", "others", "snapshot")

    def __init__(self, contract: Contract, snapshot: Snapshot[Any], others: Sequence[Snapshot[Any]] = ()) -> None:
        self.contract: Contract = contract
        self.at_once: bool = canceled_at_once(contract, snapshot)
        if self.at_once and snapshot.cancel is not None:
            # Canceled from the request on, so that a client reads the same after the compensations have run.
            snapshot = evolve(snapshot, state=JobState.CANCELED, settled_at=snapshot.cancel.requested_at)
        self.snapshot: Snapshot[Any] = snapshot
        self.others: Sequence[Snapshot[Any]] = others

    def value(self, name: str) -> Any:
        """Return the value of ``job.<name>``."""
        return _VALUES[name](self)

    def timestamp(self, at: datetime | None) -> str | None:
        """Return a time in the contract's format."""
        return None if at is None else format_timestamp(at, self.contract.timestamps)


def canceled_at_once(contract: Contract, job: Snapshot[Any]) -> bool:
    """Return whether the job was canceled while pending, and the contract shows it as canceled from then on.

    False for a job with unsettled children of an earlier attempt: the children have to stop first.
    """
    batch = None if job.progress is None else job.progress.batch
    was_pending = job.started_at is None and job.cancel is not None and (batch is None or not batch.pending)
    return contract.policies.canceled_at_once and was_pending and job.state in (JobState.CANCELING, JobState.CANCELED)


def format_timestamp(at: datetime, form: Timestamps) -> str:
    """Return ``at`` in UTC, cut to the digits of ``form``."""
    return at.astimezone(UTC).isoformat(timespec=_TIMESPEC[form.digits]).removesuffix("+00:00") + form.zone


def json_value(value: object) -> Any:
    """Return ``value`` as plain JSON data: NaN and infinities become null, other objects their ``repr``."""
    return json_form(value, not_finite=lambda _: None)


def _status(job: VendorJob) -> str:
    snapshot, contract = job.snapshot, job.contract
    if snapshot.state is JobState.FAILED and snapshot.failure is not None:
        status = contract.failure_statuses.get(snapshot.failure.code)
        if status is not None:
            return status
    return contract.statuses[snapshot.state]


def _fraction(snapshot: Snapshot[Any]) -> float:
    progress = snapshot.progress
    if snapshot.state in _COMPLETED:
        return 1.0
    if progress is None or not progress.total:
        return 0.0
    part = progress.done / progress.total
    return min(1.0, max(0.0, part)) if isfinite(part) else 0.0


def _progress(job: VendorJob) -> dict[str, Any]:
    progress = job.snapshot.progress
    parts: dict[str, Any] = dict.fromkeys(("done", "total", "message", "batch"))
    if progress is not None:
        parts.update(done=json_value(progress.done), total=json_value(progress.total), message=progress.message)
        batch = progress.batch
        parts["batch"] = batch and {
            "total": batch.total,
            "succeeded": batch.succeeded,
            "failed": batch.failed,
            "canceled": batch.canceled,
            "pending": batch.pending,
            "children": list(batch.children),
        }
    return {**parts, "fraction": _fraction(job.snapshot)}


def _code(job: VendorJob) -> str:
    codes, failure = job.contract.failures.codes, job.snapshot.failure
    if codes:
        return codes.get(job.snapshot.kind, codes[_DEFAULT])
    return str(FailureCode.HANDLER_ERROR if failure is None else failure.code)


def _failure(job: VendorJob) -> dict[str, str] | None:
    """Return the code and the first line of the message, never the exception's type or traceback."""
    failure, state, canceled = job.snapshot.failure, job.snapshot.state, job.contract.failures.canceled
    if state is JobState.CANCELED and canceled is not None:
        return {"code": _code(job), "message": canceled}
    if state is not JobState.FAILED:
        return None
    return {"code": _code(job), "message": "" if failure is None else failure.message.partition("\n")[0]}


def _error_code(job: VendorJob) -> str | None:
    failure = _failure(job)
    return None if failure is None else failure["code"]


def _entry_status(job: VendorJob, status: str) -> str:
    """Return the status of a history entry; if it is a job state, the contract's word for that state."""
    if status not in _STATES:
        return status
    state = JobState(status)
    return job.contract.statuses[JobState.CANCELED if job.at_once and state is JobState.CANCELING else state]


def _entry(job: VendorJob, entry: HistoryEntry) -> dict[str, Any]:
    details = json_value(entry.details)
    if "traceback" in details:  # the record of an exception is for the host, not for the caller
        details = {key: value for key, value in details.items() if key not in ("traceback", "type")}
    return {
        "step": entry.step,
        "at": job.timestamp(entry.at),
        "duration_ms": None if entry.duration_ms is None else round(entry.duration_ms),
        "status": _entry_status(job, entry.status),
        "details": details or None,
    }


def _history(job: VendorJob) -> list[dict[str, Any]]:
    return [_entry(job, entry) for entry in job.snapshot.history]


def _result_object(job: VendorJob) -> dict[str, Any] | None:
    """Return the result for vendors whose results are objects: another value is wrapped in an object."""
    result = json_value(job.snapshot.result)
    return (
        cast("dict[str, Any] | None", result) if result is None or isinstance(result, dict) else {_WRAPPER_KEY: result}
    )


def _children(job: VendorJob) -> list[VendorJob]:
    progress = job.snapshot.progress
    if progress is None or progress.batch is None:
        return []
    found = {other.id: other for other in job.others}
    return [VendorJob(job.contract, found[child]) for child in progress.batch.children if child in found]


_VALUES: Final[Mapping[str, Callable[[VendorJob], Any]]] = MappingProxyType(
    {
        "id": lambda job: job.snapshot.id,
        "kind": lambda job: job.contract.kind_words.get(job.snapshot.kind, job.snapshot.kind),
        "status": _status,
        "stage": lambda job: job.snapshot.stage,
        "created_at": lambda job: job.timestamp(job.snapshot.created_at),
        "started_at": lambda job: job.timestamp(job.snapshot.started_at),
        "settled_at": lambda job: job.timestamp(job.snapshot.settled_at),
        "attempt": lambda job: job.snapshot.attempt,
        "progress": _progress,
        "result": lambda job: json_value(job.snapshot.result),
        "result_object": _result_object,
        "failure": _failure,
        "error_code": _error_code,
        "reason": lambda job: job.snapshot.cancel and job.snapshot.cancel.reason,
        "history": _history,
        "children": _children,
        "labels": lambda job: dict(job.snapshot.labels),
        "key": lambda job: job.snapshot.key,
        "owner": lambda job: job.snapshot.owner,
        "parent_id": lambda job: job.snapshot.parent_id,
    }
)
