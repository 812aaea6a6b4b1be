"""Idempotency keys that outlast the process: arguments are compared as the plain data that the journal keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobcancel._core.arguments import described
from jobcancel._core.calls import Call
from jobcancel._core.journal import Body, remains
from jobcancel._core.packing import Facts, Settled
from jobcancel._core.plain import plain

from .keys import Keys


def plain_arguments(call: Call[Any]) -> Body:
    """Return a call's arguments by parameter as plain data, as they will be after a restart.

    What was given is plain. A handler's default need not be: its ``repr`` is compared.
    """
    return {name: _plain(value) for name, value in call.kind.bound(call.args, call.kwargs).items()}


def _plain(value: object) -> Any:
    try:
        return plain(value, "default")
    except (TypeError, ValueError):
        return described(value)


class DurableKeys(Keys):
    """The keys of a scheduler with a store.

    Args:
        gone: Called with the id of a key's job when the key is forgotten.
    """

    def __init__(self, gone: Callable[[str], None]) -> None:
        super().__init__(plain_arguments, gone)

    def arguments_of(self, job_id: str, facts: Facts, key: str | None, now: float) -> Body | None:
        """Return the arguments of a settled job if a key leads to it."""
        entry = None if key is None else self.entry((facts.owner, facts.kind, key), job_id, now)
        return None if entry is None else entry.arguments

    def remains(self, job: Settled, now: float) -> Body | None:
        """Return what is to be kept of a job that is let go: its key, if that still leads to it."""
        facts, key = job.facts, job.key
        entry = None if key is None else self.entry((facts.owner, facts.kind, key), job.id, now)
        if entry is None or key is None:
            return None
        return remains(facts, key, job.created_at, entry.arguments, failed=entry.failed)
