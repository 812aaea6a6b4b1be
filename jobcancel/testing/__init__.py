"""The test kit: prove that your own jobs survive a cancel. Events and a clock that stands still, never a sleep."""

from .at_stage import cancel_at
from .clock import ManualClock
from .run import Run
from .scheduling import scheduler
from .timeline import timeline

__all__ = ("ManualClock", "Run", "cancel_at", "scheduler", "timeline")
