"""Idempotency keys: the same key for the same owner and kind leads to the first job."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from jobcancel._core.arguments import safe_repr
from jobcancel._core.calls import Call
from jobcancel._core.journal import Body, encode_tombstone
from jobcancel._core.packing import Settled
from jobcancel._core.plain import Copy, Where, plain
from jobcancel._core.states import JobState
from jobcancel.errors import IdempotencyConflictError

from .job import Job

Key = tuple[str | None, str, str]


def as_submitted(call: Call[Any]) -> dict[str, Any]:
    """Return a call's arguments by parameter, with a copy of all plain data: the handler may change its own.

    Lists and mappings are copied, also around objects that are no plain data. Such an object is compared as it is.
    """
    arguments = call.kind.bound(call.args, call.kwargs)
    return {name: _as_submitted(value) for name, value in arguments.items()}


def _as_submitted(value: object) -> Any:
    try:
        return _Submitted("arguments").copy(value, None)
    except ValueError:  # too many values to copy
        return value


class _Submitted(Copy):
    """A copy in which every object that is no plain data stays as it is."""

    def string(self, value: str, where: Where) -> str:  # noqa: ARG002
        """Return the text: no journal has to encode it."""
        return value

    def unsupported(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return the object itself."""
        return value

    def unbounded(self, value: object, where: Where, problem: str) -> Any:  # noqa: ARG002
        """Return the container itself."""
        return value


def plain_arguments(call: Call[Any]) -> Body:
    """Return a call's arguments by parameter as plain data, equal before and after a restart.

    The given arguments are plain. A handler's default need not be: its ``repr`` is compared.
    """
    return {name: _plain(value) for name, value in call.kind.bound(call.args, call.kwargs).items()}


def _plain(value: object) -> Any:
    try:
        return plain(value, "default")
    except (TypeError, ValueError):
        return safe_repr(value)


class KeyEntry:
    """What a key leads to, also past its job's retention.

    Attributes:
        job_id: The first job.
        arguments: Its arguments by parameter, as they were at the submit; see ``as_submitted``.
        expires: When the key is forgotten, on the monotonic clock.
        ended: The terminal state of the first job; None while it is unsettled.
    """

    __slots__ = ("arguments", "ended", "expires", "job_id")

    def __init__(self, job_id: str, arguments: dict[str, Any], expires: float, ended: JobState | None = None) -> None:
        self.job_id: str = job_id
        self.arguments: dict[str, Any] = arguments
        self.expires: float = expires
        self.ended: JobState | None = ended


class Keys:
    """The keys of one scheduler.

    Args:
        arguments: Returns a call's arguments by parameter, to be compared.
        on_forgotten: Called with the job's id when a key is forgotten.
    """

    def __init__(
        self,
        arguments: Callable[[Call[Any]], dict[str, Any]] = as_submitted,
        on_forgotten: Callable[[str], None] | None = None,
    ) -> None:
        self._arguments, self._on_forgotten = arguments, on_forgotten
        self._entries: dict[Key, KeyEntry] = {}
        self._oldest: dict[str, deque[tuple[KeyEntry, Key]]] = {}  # by kind: a kind's keys all live equally long

    def find(self, owner: str | None, call: Call[Any], key: str, now: float) -> str | None:
        """Return the id of the job that the key leads to, or None for a new one.

        Raises:
            IdempotencyConflictError: It was used with other arguments.
        """
        spec = call.kind.spec
        self._forget(spec.name, now)
        entry = self._entries.get((owner, spec.name, key))
        if entry is None or entry.ended in spec.rerun_on:
            return None
        if not _equal(entry.arguments, self._arguments(call)):
            raise IdempotencyConflictError(key, spec.name, entry.job_id)
        return entry.job_id

    def remember(self, job: Job, call: Call[Any], key: str, now: float) -> None:
        """Remember the first job of a key."""
        spec = call.kind.spec
        entry = KeyEntry(job.id, self._arguments(call), now + spec.key_ttl_s)
        self.restore((job.origin.owner, spec.name, key), entry)

    def restore(self, where: Key, entry: KeyEntry) -> None:
        """Add a key with its entry; the keys of one kind are added in the order in which they expire."""
        self._entries[where] = entry
        self._oldest.setdefault(where[1], deque()).append((entry, where))

    def entry(self, where: Key, job_id: str, now: float) -> KeyEntry | None:
        """Return the entry of a key, if it leads to that job and has not expired."""
        entry = self._entries.get(where)
        return entry if entry is not None and entry.job_id == job_id and entry.expires > now else None

    def arguments_of(self, job: Job, now: float) -> Body | None:
        """Return the arguments of a job if a key leads to it, or None."""
        key = job.origin.key
        entry = None if key is None else self.entry((job.origin.owner, job.spec.name, key), job.id, now)
        return None if entry is None else entry.arguments

    def tombstone(self, job: Settled, now: float) -> Body | None:
        """Return what the journal keeps of a job whose retention is over: its key, if that still leads to the job."""
        facts, key = job.facts, job.key
        entry = None if key is None else self.entry((facts.owner, facts.kind, key), job.id, now)
        if entry is None or key is None:
            return None
        return encode_tombstone(facts, key, job.created_at, entry.arguments)

    def drop(self, job: Job, key: str) -> None:
        """Forget the key of a job that was not submitted after all; by now the key may lead to another job."""
        where = job.origin.owner, job.spec.name, key
        entry = self._entries.get(where)
        if entry is not None and entry.job_id == job.id:
            del self._entries[where]

    def settled(self, job: Job, key: str) -> None:
        """Remember how the job of a key ended."""
        entry = self._entries.get((job.origin.owner, job.spec.name, key))
        if entry is not None and entry.job_id == job.id:
            entry.ended = job.state

    def _forget(self, kind: str, now: float) -> None:
        oldest = self._oldest.get(kind)
        while oldest and oldest[0][0].expires <= now:
            entry, where = oldest.popleft()
            if self._entries.get(where) is entry:  # a rerun may have taken its place
                del self._entries[where]
                if self._on_forgotten is not None:
                    self._on_forgotten(entry.job_id)


def _equal(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Compare arguments; what cannot be compared is not equal."""
    try:
        return bool(a == b)
    except KeyboardInterrupt:
        raise  # the host's: it goes to the submitter, and nothing was submitted
    except BaseException:  # noqa: BLE001  # arguments are the host's: their __eq__ may raise anything
        return False
