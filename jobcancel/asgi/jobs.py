"""The jobs of a service as a contract's callers may see them: their own, where the path says, children with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from jobcancel._core.snapshot import Snapshot
from jobcancel.abc import JobService
from jobcancel.contracts import Contract
from jobcancel.errors import JobNotFoundError

from .exchange import Exchange

_JOB: Final = re.compile(r"(?:^\$|[{|])job(?![a-z0-9_])")
_CHILDREN: Final = re.compile(r"(?:^\$|[{|])job\.children\b")


class Jobs:
    """Looks up jobs for a contract.

    Args:
        service: Where the jobs are.
        contract: Says which label a parameter of the path is, and what the job document shows.
    """

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service = service
        self._labels = contract.tenancy.labels
        self._shows_children = _names(contract.document, _CHILDREN)

    @property
    def placed(self) -> bool:
        """Whether a job is only found where the path says."""
        return bool(self._labels)

    async def get(self, job_id: str, exchange: Exchange) -> Snapshot[Any]:
        """Return the caller's job.

        Raises:
            JobNotFoundError: No such job, another owner's, or not where the path says.
        """
        job = await self._service.get(job_id, owner=exchange.owner)
        if not self._is_here(job, exchange):
            raise JobNotFoundError(job_id)
        return job

    async def children(self, job: Snapshot[Any] | None, owner: str) -> list[Snapshot[Any]]:
        """Return the jobs of a job's batches, as far as the job document shows them and they are still known."""
        found: list[Snapshot[Any]] = []
        if self._shows_children and job is not None and job.progress is not None and job.progress.batch is not None:
            for child in job.progress.batch.children:
                try:
                    found.append(await self._service.get(child, owner=owner))
                except JobNotFoundError:
                    pass  # let go since; the job's own progress counts it all the same
        return found

    async def belongs_to_another(self, exchange: Exchange) -> bool:
        """Return whether the job that a caller did not find is somebody else's."""
        try:
            return (await self._service.get(exchange.job_id)).owner != exchange.owner
        except JobNotFoundError:
            return False

    def _is_here(self, job: Snapshot[Any], exchange: Exchange) -> bool:
        """Return whether the job has the labels that the path asks for."""
        return all(job.labels.get(label) == exchange.parameters[name] for name, label in self._labels.items())


def shows_job(template: Any) -> bool:
    """Return whether a template is made from the job itself."""
    return _names(template, _JOB)


def _names(template: Any, place: re.Pattern[str]) -> bool:
    if isinstance(template, str):
        return place.search(template) is not None
    if isinstance(template, Mapping):
        table = cast("Mapping[str, Any]", template)
        return any(_names(key, place) or _names(value, place) for key, value in table.items())
    return isinstance(template, list | tuple) and any(_names(item, place) for item in cast("list[Any]", template))
