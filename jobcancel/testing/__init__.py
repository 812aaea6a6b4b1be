"""The test kit: prove that your own jobs survive a cancel, with events and a clock that you move, without sleeps."""

from .cancel_at import cancel_at
from .clock import ManualClock
from .execution import Submission
from .explorer import explore
from .findings import Fault
from .plan import Request
from .report import Divergence, Finding, Report
from .run import Run
from .scheduler import scheduler
from .store_checks import STORE_CHECKS, OpenStore, StoreCheck, store_conformance
from .timeline import timeline

__all__ = (
    "STORE_CHECKS",
    "Divergence",
    "Fault",
    "Finding",
    "ManualClock",
    "OpenStore",
    "Report",
    "Request",
    "Run",
    "StoreCheck",
    "Submission",
    "cancel_at",
    "explore",
    "scheduler",
    "store_conformance",
    "timeline",
)
