"""A job in a vendor's words: what ``job`` is in a template."""

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

from .contract import Contract
from .settings import Timestamps

_TIMESPEC: Final = {0: "seconds", 3: "milliseconds", 6: "microseconds"}
_COMPLETED: Final = (JobState.SUCCEEDED, JobState.PARTIALLY_SUCCEEDED)
_STATES: Final = frozenset(JobState)
_VALUE: Final = "value"  # what a result that is no object is called inside the object that shows it
_DEFAULT: Final = "default"


class JobWords:
    """A job for the templates of one contract; every word is made when a template asks for it.

    Args:
        contract: Whose words.
        snapshot: The job.
        others: Jobs that were looked up with it; its children among them are ``job.children``.
    """

    __slots__ = ("at_once", "contract", "others", "snapshot")

    def __init__(self, contract: Contract, snapshot: Snapshot[Any], others: Sequence[Snapshot[Any]] = ()) -> None:
        self.contract: Contract = contract
        self.at_once: bool = canceled_at_once(contract, snapshot)
        if self.at_once and snapshot.cancel is not None:
            # From the request on, so that what a client has read stays true when the compensations have run.
            snapshot = evolve(snapshot, state=JobState.CANCELED, settled_at=snapshot.cancel.requested_at)
        self.snapshot: Snapshot[Any] = snapshot
        self.others: Sequence[Snapshot[Any]] = others

    def word(self, name: str) -> Any:
        """Return the value of ``job.<name>``."""
        return _WORDS[name](self)

    def instant(self, at: datetime | None) -> str | None:
        """Return an instant as the contract writes it."""
        return None if at is None else written(at, self.contract.timestamps)


def canceled_at_once(contract: Contract, job: Snapshot[Any]) -> bool:
    """Return whether a job was canceled while it waited, and is canceled since then in the contract's words.

    A job whose earlier attempt left children that have not ended is not: they have to stop first.
    """
    batch = None if job.progress is None else job.progress.batch
    waited = job.started_at is None and job.cancel is not None and (batch is None or not batch.pending)
    return contract.policies.canceled_at_once and waited and job.state in (JobState.CANCELING, JobState.CANCELED)


def written(at: datetime, form: Timestamps) -> str:
    """Return ``at`` in UTC, cut to the contract's digits."""
    return at.astimezone(UTC).isoformat(timespec=_TIMESPEC[form.digits]).removesuffix("+00:00") + form.zone


def shown(value: object) -> Any:
    """Return ``value`` as JSON can say it: plain, NaN and infinities as null; the ``repr`` of what is not plain."""
    return json_form(value, not_finite=lambda _: None)


def _status(job: JobWords) -> str:
    snapshot, contract = job.snapshot, job.contract
    if snapshot.state is JobState.FAILED and snapshot.failure is not None:
        word = contract.failure_statuses.get(snapshot.failure.code)
        if word is not None:
            return word
    return contract.statuses[snapshot.state]


def _fraction(snapshot: Snapshot[Any]) -> float:
    progress = snapshot.progress
    if snapshot.state in _COMPLETED:
        return 1.0
    if progress is None or not progress.total:
        return 0.0
    part = progress.done / progress.total
    return min(1.0, max(0.0, part)) if isfinite(part) else 0.0


def _progress(job: JobWords) -> dict[str, Any]:
    progress = job.snapshot.progress
    words: dict[str, Any] = dict.fromkeys(("done", "total", "message", "batch"))
    if progress is not None:
        words.update(done=shown(progress.done), total=shown(progress.total), message=progress.message)
        batch = progress.batch
        words["batch"] = batch and {
            "total": batch.total,
            "succeeded": batch.succeeded,
            "failed": batch.failed,
            "canceled": batch.canceled,
            "pending": batch.pending,
            "children": list(batch.children),
        }
    return {**words, "fraction": _fraction(job.snapshot)}


def _code(job: JobWords) -> str:
    codes, failure = job.contract.failures.codes, job.snapshot.failure
    if codes:
        return codes.get(job.snapshot.kind, codes[_DEFAULT])
    return str(FailureCode.HANDLER_ERROR if failure is None else failure.code)


def _failure(job: JobWords) -> dict[str, str] | None:
    """Return code and one line: never the exception's type or traceback, which its record keeps."""
    failure, state, canceled = job.snapshot.failure, job.snapshot.state, job.contract.failures.canceled
    if state is JobState.CANCELED and canceled is not None:
        return {"code": _code(job), "message": canceled}
    if state is not JobState.FAILED:
        return None
    return {"code": _code(job), "message": "" if failure is None else failure.message.partition("\n")[0]}


def _error_code(job: JobWords) -> str | None:
    failure = _failure(job)
    return None if failure is None else failure["code"]


def _entry_status(job: JobWords, status: str) -> str:
    """Return what became of an entry: a state in the contract's word for it."""
    if status not in _STATES:
        return status
    state = JobState(status)
    return job.contract.statuses[JobState.CANCELED if job.at_once and state is JobState.CANCELING else state]


def _entry(job: JobWords, entry: HistoryEntry) -> dict[str, Any]:
    details = shown(entry.details)
    if "traceback" in details:  # what is kept of an exception is the host's, not the caller's
        details = {key: value for key, value in details.items() if key not in ("traceback", "type")}
    return {
        "step": entry.step,
        "at": job.instant(entry.at),
        "duration_ms": None if entry.duration_ms is None else round(entry.duration_ms),
        "status": _entry_status(job, entry.status),
        "details": details or None,
    }


def _history(job: JobWords) -> list[dict[str, Any]]:
    return [_entry(job, entry) for entry in job.snapshot.history]


def _result_object(job: JobWords) -> dict[str, Any] | None:
    """Return the result where the vendor has none but objects: any other is the object's one value."""
    result = shown(job.snapshot.result)
    return cast("dict[str, Any] | None", result) if result is None or isinstance(result, dict) else {_VALUE: result}


def _children(job: JobWords) -> list[JobWords]:
    progress = job.snapshot.progress
    if progress is None or progress.batch is None:
        return []
    found = {other.id: other for other in job.others}
    return [JobWords(job.contract, found[child]) for child in progress.batch.children if child in found]


_WORDS: Final[Mapping[str, Callable[[JobWords], Any]]] = MappingProxyType(
    {
        "id": lambda job: job.snapshot.id,
        "kind": lambda job: job.contract.kind_words.get(job.snapshot.kind, job.snapshot.kind),
        "status": _status,
        "stage": lambda job: job.snapshot.stage,
        "created_at": lambda job: job.instant(job.snapshot.created_at),
        "started_at": lambda job: job.instant(job.snapshot.started_at),
        "settled_at": lambda job: job.instant(job.snapshot.settled_at),
        "attempt": lambda job: job.snapshot.attempt,
        "progress": _progress,
        "result": lambda job: shown(job.snapshot.result),
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
