"""The test kit: prove that your own jobs survive a cancel. Events and a clock that stands still, never a sleep."""

from .asks import Ask
from .at_stage import cancel_at
from .clock import ManualClock
from .explorer import explore
from .findings import Fault
from .one_run import Submission
from .report import Divergence, Finding, Report
from .run import Run
from .scheduling import scheduler
from .store_places import OpenStore, StoreCheck
from .stores import STORE_CHECKS, store_conformance
from .timeline import timeline

__all__ = (
    "STORE_CHECKS",
    "Ask",
    "Divergence",
    "Fault",
    "Finding",
    "ManualClock",
    "OpenStore",
    "Report",
    "Run",
    "StoreCheck",
    "Submission",
    "cancel_at",
    "explore",
    "scheduler",
    "store_conformance",
    "timeline",
)
