"""Job cancellation that can be trusted: every cancel request gets a decided, recorded, truthful verdict."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import abc as abc
    from . import errors as errors
    from ._core.calls import Call, Partial
    from ._core.compensations import Compensation, CompensationContext, Undo
    from ._core.context import JobContext, JobHandle
    from ._core.decision import Outcome, Verdict
    from ._core.endings import Failure
    from ._core.journal import Entry
    from ._core.kinds import Kind
    from ._core.policies import CancelCause, FailureCode, OnCancel, OnGraceExpired, OnRestart
    from ._core.registry import Registry
    from ._core.snapshot import BatchProgress, CancelStatus, HistoryEntry, Page, Progress, Snapshot
    from ._core.specs import Stage
    from ._core.states import Event, JobState, mermaid
    from ._runtime.blocking import BlockingScheduler
    from ._runtime.context import current_job
    from ._runtime.scheduler import Scheduler
else:
    # PEP 562. The pytest plugin lies in this package, and pytest imports it in every test run of an environment that
    # has jobcancel: only a use of a name loads anyio, attrs and the scheduler. Type checkers see the imports above.
    _HOMES = {
        "abc": ".abc",
        "errors": ".errors",
        "Call": "._core.calls",
        "Partial": "._core.calls",
        "Compensation": "._core.compensations",
        "CompensationContext": "._core.compensations",
        "Undo": "._core.compensations",
        "JobContext": "._core.context",
        "JobHandle": "._core.context",
        "Outcome": "._core.decision",
        "Verdict": "._core.decision",
        "Failure": "._core.endings",
        "Entry": "._core.journal",
        "Kind": "._core.kinds",
        "CancelCause": "._core.policies",
        "FailureCode": "._core.policies",
        "OnCancel": "._core.policies",
        "OnGraceExpired": "._core.policies",
        "OnRestart": "._core.policies",
        "Registry": "._core.registry",
        "BatchProgress": "._core.snapshot",
        "CancelStatus": "._core.snapshot",
        "HistoryEntry": "._core.snapshot",
        "Page": "._core.snapshot",
        "Progress": "._core.snapshot",
        "Snapshot": "._core.snapshot",
        "Stage": "._core.specs",
        "Event": "._core.states",
        "JobState": "._core.states",
        "mermaid": "._core.states",
        "BlockingScheduler": "._runtime.blocking",
        "current_job": "._runtime.context",
        "Scheduler": "._runtime.scheduler",
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(_HOMES[name], __name__)
        value = globals()[name] = getattr(module, name) if name in __all__ else module
        return value

    def __dir__() -> list[str]:
        return sorted({*_HOMES, *globals()})


__all__ = (
    "BatchProgress",
    "BlockingScheduler",
    "Call",
    "CancelCause",
    "CancelStatus",
    "Compensation",
    "CompensationContext",
    "Entry",
    "Event",
    "Failure",
    "FailureCode",
    "HistoryEntry",
    "JobContext",
    "JobHandle",
    "JobState",
    "Kind",
    "OnCancel",
    "OnGraceExpired",
    "OnRestart",
    "Outcome",
    "Page",
    "Partial",
    "Progress",
    "Registry",
    "Scheduler",
    "Snapshot",
    "Stage",
    "Undo",
    "Verdict",
    "current_job",
    "mermaid",
)
