"""What standard output can show."""

from __future__ import annotations

import os
import sys


def on_terminal() -> bool:
    """Return whether standard output is a terminal that can draw."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
