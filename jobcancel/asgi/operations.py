"""What a contract's routes do: cancel, get, list, health. Each operation answers one request, or raises why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs

from jobcancel._core.decision import Outcome, Verdict
from jobcancel._core.snapshot import Snapshot
from jobcancel._core.states import JobState
from jobcancel.abc import JobService
from jobcancel.contracts import Case, Contract, Reply, canceled_at_once, case_of, outcome_reply, success_reply
from jobcancel.errors import JobNotFoundError

from .lookup import JobLookup, shows_job
from .requests import ContractRequest, RequestRefused

LARGEST_PAGE: Final = 100
_TRUE: Final = frozenset({"true", "1"})
_UNSETTLED: Final = frozenset({Outcome.CANCELING, Outcome.DEFERRED, Outcome.ALREADY_CANCELING})


class Operation(Protocol):
    """One of a contract's operations.

    Attributes:
        safe: Whether it changes nothing, so that HEAD may call it too.
    """

    safe: bool

    async def __call__(self, request: ContractRequest) -> Reply:
        """Answer a request.

        Raises:
            RequestRefused: The caller may not do this, or the request is malformed.
            JobNotFoundError: There is no such job, or it has another owner.
        """
        ...


class Cancel:
    """Requests one cancel and answers with the verdict."""

    safe = False

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service, self._contract, self._lookup = service, contract, JobLookup(service, contract)
        self._defer = contract.policies.on_shielded_stage == "defer"
        self._shows_job = {
            case: shows_job([row.body, row.message, row.headers]) for case, row in contract.outcomes.items()
        }
        self._gets_job_first = self._lookup.checks_labels or any(self._shows_job.values())

    async def __call__(self, request: ContractRequest) -> Reply:
        """Answer a request to cancel a job."""
        contract, owner = self._contract, request.owner
        scope = contract.auth.cancel_scope
        if scope is not None and scope not in request.scopes:
            raise RequestRefused(Case.FORBIDDEN)
        job_id = request.require_job_id(contract)
        before = await self._lookup.get(job_id, request) if self._gets_job_first else None
        verdict = await self._service.cancel(job_id, owner=owner, by=owner, defer=self._defer)
        case = case_of(verdict)
        try:
            job = await self._job_to_show(verdict, case, owner)
        except JobNotFoundError:  # retired meanwhile: the verdict still holds, so show the job as it was before
            job = before and attrs.evolve(before, state=verdict.state, stage=None)
        if job is not None:
            case = case_of(verdict, at_once=canceled_at_once(contract, job))
        children = await self._lookup.children(job, owner)
        return outcome_reply(contract, case, request.context(job=job, jobs=children, stage=verdict.stage))

    async def _job_to_show(self, verdict: Verdict, case: Case, owner: str) -> Snapshot[Any] | None:
        """Return the job if the reply shows it, after waiting as long as the contract says."""
        policies = self._contract.policies
        if policies.settle_s and verdict.outcome in _UNSETTLED:
            return await self._service.wait(verdict.job_id, owner=owner, timeout_s=policies.settle_s)
        if not self._shows_job[case] and not policies.canceled_at_once:
            return None
        job = await self._service.get(verdict.job_id, owner=owner)
        if policies.via_canceling and case is Case.PENDING_CANCELED:
            # This vendor shows a canceled pending job as canceling first. A later read shows it as canceled.
            return attrs.evolve(job, state=JobState.CANCELING, settled_at=None)
        return job


class Get:
    """Shows one job. If the route supports it and the client asks for it, waits until the job settles or time is up."""

    safe = True

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service, self._contract, self._lookup = service, contract, JobLookup(service, contract)

    async def __call__(self, request: ContractRequest) -> Reply:
        """Answer a request for a job."""
        route, owner = request.route, request.owner
        job_id = request.require_job_id(self._contract)
        job = await self._lookup.get(job_id, request)
        query = request.request.query_params
        if route.wait_parameter is not None and query.get(route.wait_parameter, "").lower() in _TRUE:
            job = await self._service.wait(job_id, owner=owner, timeout_s=route.wait_s)
        children = await self._lookup.children(job, owner)
        return success_reply(self._contract, route, request.context(job=job, jobs=children))


class List:
    """Lists the caller's jobs, newest first, in pages."""

    safe = True

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service, self._contract = service, contract

    async def __call__(self, request: ContractRequest) -> Reply:
        """Answer a request for a page of jobs."""
        contract, query = self._contract, request.request.query_params
        labels = {label: request.parameters[name] for name, label in contract.tenancy.labels.items()}
        cursor, limit = query.get("cursor"), _limit(query)
        try:
            page = await self._service.find(owner=request.owner, labels=labels, cursor=cursor, limit=limit)
        except ValueError:
            if cursor is None:
                raise  # not the client's fault
            message = "cursor: pass the cursor of an earlier page"
            raise RequestRefused("invalid_request", ("query", "cursor"), message) from None
        return success_reply(contract, request.route, request.context(jobs=page.jobs, cursor=page.cursor))


class Health:
    """Answers that the service is up."""

    safe = True

    def __init__(self, _: JobService, contract: Contract) -> None:
        self._contract = contract

    async def __call__(self, request: ContractRequest) -> Reply:
        """Answer a request for the service's health."""
        return success_reply(self._contract, request.route, request.context())


OPERATIONS: Final[Mapping[str, Callable[[JobService, Contract], Operation]]] = {
    "cancel": Cancel,
    "get": Get,
    "list": List,
    "health": Health,
}


def _limit(query: Mapping[str, str]) -> int:
    """Return the number of jobs in a page.

    Raises:
        RequestRefused: The client's number is not allowed.
    """
    limit = query.get("limit", str(LARGEST_PAGE))
    if re.fullmatch(r"[0-9]{1,3}", limit) is None or not 1 <= int(limit) <= LARGEST_PAGE:
        raise RequestRefused("invalid_request", ("query", "limit"), f"limit: a number from 1 to {LARGEST_PAGE}")
    return int(limit)
