"""Looking up the jobs that a caller may see: the caller's own, with the labels that the path names, with children."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from jobcancel._core.snapshot import Snapshot
from jobcancel.abc import JobService
from jobcancel.contracts import Contract
from jobcancel.errors import JobNotFoundError

from .requests import ContractRequest

_JOB: Final = re.compile(r"(?:^\$|[{|])job(?![a-z0-9_])")
_CHILDREN: Final = re.compile(r"(?:^\$|[{|])job\.children\b")


class JobLookup:
    """Looks up jobs for a contract's callers.

    Args:
        service: The service that has the jobs.
        contract: Says which label each path parameter has to equal, and what the job document shows.
    """

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service = service
        self._labels = contract.tenancy.labels
        self._shows_children = _names_placeholder(contract.document, _CHILDREN)

    @property
    def checks_labels(self) -> bool:
        """Whether a job is only found if its labels equal the path's parameters."""
        return bool(self._labels)

    async def get(self, job_id: str, request: ContractRequest) -> Snapshot[Any]:
        """Return the caller's job.

        Raises:
            JobNotFoundError: There is no such job, it has another owner, or its labels differ from the path.
        """
        job = await self._service.get(job_id, owner=request.owner)
        if any(job.labels.get(label) != request.parameters[name] for name, label in self._labels.items()):
            raise JobNotFoundError(job_id)
        return job

    async def children(self, job: Snapshot[Any] | None, owner: str) -> list[Snapshot[Any]]:
        """Return the children of a batch job that still exist, if the job document shows children."""
        found: list[Snapshot[Any]] = []
        if self._shows_children and job is not None and job.progress is not None and job.progress.batch is not None:
            for child in job.progress.batch.children:
                try:
                    found.append(await self._service.get(child, owner=owner))
                except JobNotFoundError:
                    pass  # retired; the batch's progress still counts it
        return found

    async def has_other_owner(self, request: ContractRequest) -> bool:
        """Return whether the job that was not found for this caller belongs to another owner."""
        try:
            return (await self._service.get(request.job_id)).owner != request.owner
        except JobNotFoundError:
            return False


def shows_job(template: Any) -> bool:
    """Return whether a template needs the job itself."""
    return _names_placeholder(template, _JOB)


def _names_placeholder(template: Any, placeholder: re.Pattern[str]) -> bool:
    if isinstance(template, str):
        return placeholder.search(template) is not None
    if isinstance(template, Mapping):
        parts = cast("Mapping[str, Any]", template).items()
        return any(
            _names_placeholder(key, placeholder) or _names_placeholder(value, placeholder) for key, value in parts
        )
    items = cast("list[Any]", template) if isinstance(template, list | tuple) else []
    return any(_names_placeholder(item, placeholder) for item in items)
