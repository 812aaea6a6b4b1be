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
        "": ("abc", "errors"),
        "._core.calls": (
            "Call",
            "Partial",
        ),
        "._core.compensations": (
            "Compensation",
            "CompensationContext",
            "Undo",
        ),
        "._core.context": (
            "JobContext",
            "JobHandle",
        ),
        "._core.decision": (
            "Outcome",
            "Verdict",
        ),
        "._core.endings": ("Failure",),
        "._core.kinds": ("Kind",),
        "._core.policies": (
            "CancelCause",
            "FailureCode",
            "OnCancel",
            "OnGraceExpired",
            "OnRestart",
        ),
        "._core.registry": ("Registry",),
        "._core.snapshot": (
            "BatchProgress",
            "CancelStatus",
            "HistoryEntry",
            "Page",
            "Progress",
            "Snapshot",
        ),
        "._core.specs": ("Stage",),
        "._core.states": (
            "Event",
            "JobState",
            "mermaid",
        ),
        "._runtime.blocking": ("BlockingScheduler",),
        "._runtime.context": ("current_job",),
        "._runtime.scheduler": ("Scheduler",),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module  # noqa: PLC0415

        for home, names in _HOMES.items():
            if name in names:
                value = globals()[name] = (
                    getattr(import_module(home, __name__), name) if home else import_module(f".{name}", __name__)
                )
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*__all__, *_HOMES[""], *globals()})


__all__ = (
    "BatchProgress",
    "BlockingScheduler",
    "Call",
    "CancelCause",
    "CancelStatus",
    "Compensation",
    "CompensationContext",
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
