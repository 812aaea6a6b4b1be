"""Ids in a contract's form, for jobs and for requests."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from jobcancel._runtime.ids import Ids, ulids
from jobcancel.abc import JobService
from jobcancel.contracts import Contract


def id_factory(contract: Contract) -> Callable[[], str]:
    """Return a function that makes new job ids of the contract's form, for ``Scheduler(new_id=...)``."""
    return id_maker(contract.ids.mint)


def require_id_form(service: JobService, contract: Contract) -> None:
    """Refuse a service whose job ids are malformed in the contract: clients could cancel none of its jobs.

    The service's next id is read, not used up. A service that makes no ids itself, such as a client of another
    process, is not checked: that process checks its own.

    Raises:
        ValueError: The service's ids have another form.
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


def id_maker(form: str) -> Callable[[], str]:
    """Return a function that makes a new id at each call.

    Args:
        form: The form of an id; ``{ulid}`` or ``{uuid}`` in it is replaced by a new one.
    """
    before, ulid_wanted, after = form.partition("{ulid}")
    if ulid_wanted:
        rising = ulids(time.time, before=before)
        return lambda: rising() + after
    before, _, after = form.partition("{uuid}")
    return lambda: f"{before}{uuid.uuid4()}{after}"
