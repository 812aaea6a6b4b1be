"""A scheduler that records its calls."""

from __future__ import annotations

from typing import Any

import anyio

from jobcancel import Outcome, Registry, Scheduler, Snapshot, Verdict
from tests.conformance.client import PATIENCE_S


class RecordingScheduler(Scheduler):
    """A scheduler that records its calls, and fails when a test wants it to.

    Attributes:
        registry: The kinds.
        calls: What was called, and for whom: ``("cancel", "alice")``.
        broken: Whether every call raises.
        waiting: Set when the next ``wait`` is called.
        awaited: The job that it was called for.
        verdicts: Each job's, in the order in which they were given.
        hundredth: Set when a hundred cancels have been asked for.
    """

    def __init__(self, registry: Registry, **options: Any) -> None:
        super().__init__(registry, **options)
        self.registry = registry
        self.calls: list[tuple[str, str | None]] = []
        self.broken = False
        self.waiting, self.hundredth = anyio.Event(), anyio.Event()
        self.verdicts: dict[str, list[Verdict]] = {}
        self.awaited = ""
        self._cancels = 0

    def _called(self, name: str, owner: str | None) -> None:
        self.calls.append((name, owner))
        if self.broken:
            raise RuntimeError("secret of the back end")

    async def cancel(self, job_id: str, *, owner: str | None = None, **options: Any) -> Verdict:
        self._called("cancel", owner)
        self._cancels += 1
        if self._cancels == 100:
            self.hundredth.set()
        verdict = await super().cancel(job_id, owner=owner, **options)
        self.verdicts.setdefault(job_id, []).append(verdict)
        return verdict

    async def can_cancel(self, job_id: str, *, owner: str | None = None, **options: Any) -> Verdict:
        self._called("can_cancel", owner)
        return await super().can_cancel(job_id, owner=owner, **options)

    async def get(self, job_id: str, *, owner: str | None = None) -> Snapshot[Any]:
        self._called("get", owner)
        return await super().get(job_id, owner=owner)

    async def find(self, *, owner: str | None = None, **options: Any) -> Any:
        self._called("find", owner)
        return await super().find(owner=owner, **options)

    async def wait(self, job_id: str, *, owner: str | None = None, timeout_s: float | None = None) -> Snapshot[Any]:
        self._called("wait", owner)
        self.awaited = job_id
        self.waiting.set()
        with anyio.fail_after(PATIENCE_S):
            return await super().wait(job_id, owner=owner, timeout_s=timeout_s)

    async def waited_for(self) -> Outcome | None:
        """Wait until ``wait`` is called for a job; return the outcome of that job's cancel."""
        with anyio.fail_after(PATIENCE_S):
            await self.waiting.wait()
        cancel = (await super().get(self.awaited)).cancel
        return None if cancel is None else cancel.outcome

    async def hundred_cancels(self) -> None:
        """Return when a hundred cancels have been asked for."""
        with anyio.fail_after(PATIENCE_S):
            await self.hundredth.wait()
