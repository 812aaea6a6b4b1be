"""The test kit: prove that your own jobs survive a cancel. Events and a clock that stands still, never a sleep."""

from .clock import ManualClock

__all__ = ("ManualClock",)
