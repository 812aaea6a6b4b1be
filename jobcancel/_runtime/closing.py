"""Letting a store go: when nothing is left to write, and nobody can want anything written any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobcancel.errors import StoreError

from .durable_job import durable
from .journal import call

if TYPE_CHECKING:
    from .durable import DurableKernel


async def close(kernel: DurableKernel) -> StoreError | None:
    """Write what is left and let the store go; return why that could not be done, or None."""
    journal = kernel.journal
    while True:
        problem = await journal.close()
        if kernel.tasks:  # a cancel that came last has compensations to run
            await kernel.idle()
        else:
            break
    journal.closed = True
    for job in kernel.table.live.values():
        durable(job).part()
    try:
        await call(kernel, kernel.store.close)
    except StoreError as error:
        problem = problem or error
    return problem
