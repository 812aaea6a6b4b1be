"""What may not happen in a run: uncaught errors, warnings, errors of the loop, unplanned logs."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
import warnings
from typing import Any

from .ledger import Ledger


class Ears(logging.Handler):
    """Counts what the library logs; whatever another logger says from a warning on is a finding."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(logging.WARNING)
        self._ledger = ledger

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "jobcancel":
            self._ledger.happened[f"logged: {str(record.msg).removeprefix('job %s (%s) ')[:35]}"] += 1
        else:
            self._ledger.findings.add(f"logged by {record.name}", record.getMessage())


def arm(ledger: Ledger) -> None:
    """Listen, in this process, from now on."""
    findings = ledger.findings

    def unraisable(hook: Any) -> None:
        findings.add("unraisable exception", f"{hook.err_msg} {hook.object!r} {_text(hook.exc_value)}")

    def in_thread(hook: Any) -> None:
        findings.add("exception in a thread", _text(hook.exc_value))

    sys.unraisablehook = unraisable
    threading.excepthook = in_thread
    warnings.resetwarnings()
    warnings.simplefilter("error")
    logging.getLogger().addHandler(Ears(ledger))


def arm_loop(ledger: Ledger) -> None:
    """Listen to the running loop. trio has no such thing: what a task raises there ends the run."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return

    def complaint(_: object, context: dict[str, Any]) -> None:
        ledger.findings.add("complaint of the loop", f"{context['message']} {_text(context.get('exception'))}")

    loop.set_exception_handler(complaint)


def _text(error: BaseException | None) -> str:
    return "" if error is None else "".join(traceback.format_exception(error))
