"""The journal's entries: a job as plain data, written as it changes, and read back as the same job.

What may live in this file: what an entry says, how one is made of a job, and how a job is made of its entries. An
entry says only what has changed since the last one of its job; applied in their order they give the job as it was.
Times are seconds since the job was submitted, so that they mean the same to a process with another clock.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

FORMAT: Final = 1  # of the entries' bodies; a store keeps it beside them and refuses a higher one


class Entry(NamedTuple):
    """One entry of the journal.

    Attributes:
        job_id: Whose it is.
        body: What it says, as plain data (None, bool, int, float, str, lists, and dicts by string); None with
            ``final``: the job is to be forgotten.
        final: Whether it stands for all entries of that job before it, which need not be kept any longer.
    """

    job_id: str
    body: dict[str, Any] | None
    final: bool = False
