"""Ids in a contract's form, for jobs and for requests."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from jobcancel._runtime.ids import Ids, ulids
from jobcancel.abc import JobService
from jobcancel.contracts import Contract


def id_factory(contract: Contract) -> Callable[[], str]:
    """Return what gives a new job id of the contract's form at each call, for ``Scheduler(new_id=...)``."""
    return minting(contract.ids.mint)


def require_form(service: JobService, contract: Contract) -> None:
    """Refuse a service whose job ids a contract would call malformed: no job of it could ever be canceled.

    Its next id is looked at, and its next job still gets it. A service that makes no ids itself, such as a client of
    another process, is not checked: that process is.

    Raises:
        ValueError: The ids have another form.
    """
    ids = getattr(service, "ids", None)
    if not isinstance(ids, Ids) or contract.ids.fits(sample := ids.peek()):
        return
    case = ", in lower case" if contract.ids.ignore_case else ""
    raise ValueError(
        f"the scheduler's job ids have another form than those of {contract.title}: {sample!r} is not of the form "
        f"{contract.ids.pattern.pattern}{case}; its clients could cancel no job. "
        f"Give the scheduler new_id=asgi.id_factory(contract)"
    )


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
