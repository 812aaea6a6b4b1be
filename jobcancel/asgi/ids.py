"""Ids in a contract's form, for jobs and for requests."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from jobcancel._runtime.ids import ulids
from jobcancel.contracts import Contract


def id_factory(contract: Contract) -> Callable[[], str]:
    """Return what gives a new job id of the contract's form at each call, for ``Scheduler(new_id=...)``."""
    return minting(contract.ids.mint)


def minting(form: str) -> Callable[[], str]:
    """Return what gives a new id at each call.

    Args:
        form: What an id looks like; ``{ulid}`` and ``{uuid}`` in it stand for a new one.
    """
    before, ulid_wanted, after = form.partition("{ulid}")
    if ulid_wanted:
        rising = ulids(time.time, before=before)
        return lambda: rising() + after
    before, _, after = form.partition("{uuid}")
    return lambda: f"{before}{uuid.uuid4()}{after}"
