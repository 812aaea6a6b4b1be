"""taskiq's broker in memory, as many tasks at once as there are."""

from __future__ import annotations

from taskiq import InMemoryBroker

from benchmarks.peer.side import tell
from benchmarks.rounds import Stopwatch
from benchmarks.work import nothing


async def settle(jobs: int, watch: Stopwatch) -> None:
    """Send tasks, and wait for all by the broker's own means: waiting for one polls."""
    broker = InMemoryBroker(max_stored_results=-1, max_async_tasks=-1)
    task = broker.register_task(nothing, "nothing")
    await broker.startup()
    with watch:
        sent = [await task.kiq() for _ in range(jobs)]
        await broker.wait_all()
        for each in sent:
            await each.get_result()
    await broker.shutdown()


if __name__ == "__main__":
    tell(settle, "cannot: a task that was sent is not cancelled", 2_000)
