"""What a contract's routes do: cancel, get, list, health. Each answers one request or raises why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import attrs

from jobcancel._core.decision import Outcome, Verdict
from jobcancel._core.snapshot import Snapshot
from jobcancel._core.states import JobState
from jobcancel.abc import JobService
from jobcancel.contracts import Case, Contract, Reply, answer, canceled_at_once, case_of, reply
from jobcancel.errors import JobNotFoundError

from .exchange import Exchange, Turned
from .jobs import Jobs, shows_job

LARGEST_PAGE: Final = 100
_TRUE: Final = frozenset({"true", "1"})
_UNDER_WAY: Final = frozenset({Outcome.CANCELING, Outcome.DEFERRED, Outcome.ALREADY_CANCELING})


class Operation(Protocol):
    """One of a contract's operations.

    Attributes:
        safe: It changes nothing, so that it may be asked for with HEAD too.
    """

    safe: bool

    async def __call__(self, exchange: Exchange) -> Reply:
        """Answer.

        Raises:
            Turned: The request asks for what it may not have.
            JobNotFoundError: No such job, or another owner's.
        """
        ...


class Cancel:
    """Asks for a cancel, once, and says what was decided."""

    safe = False

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service, self._contract, self._jobs = service, contract, Jobs(service, contract)
        self._defer = contract.policies.on_shielded_stage == "defer"
        self._shows_job = {
            case: shows_job([row.body, row.message, row.headers]) for case, row in contract.outcomes.items()
        }
        self._looks_first = self._jobs.placed or any(self._shows_job.values())

    async def __call__(self, exchange: Exchange) -> Reply:
        """Answer a request to cancel."""
        contract, owner = self._contract, exchange.owner
        scope = contract.auth.cancel_scope
        if scope is not None and scope not in exchange.scopes:
            raise Turned(Case.FORBIDDEN)
        job_id = exchange.wanted(contract)
        known = await self._jobs.get(job_id, exchange) if self._looks_first else None
        verdict = await self._service.cancel(job_id, owner=owner, by=owner, defer=self._defer)
        case = case_of(verdict)
        try:
            job = await self._job(verdict, case, owner)
        except JobNotFoundError:  # retired since: the verdict stands, and the answer shows what is known
            job = known and attrs.evolve(known, state=verdict.state, stage=None)
        if job is not None:
            case = case_of(verdict, at_once=canceled_at_once(contract, job))
        children = await self._jobs.children(job, owner)
        return reply(contract, case, exchange.context(job=job, jobs=children, stage=verdict.stage))

    async def _job(self, verdict: Verdict, case: Case, owner: str) -> Snapshot[Any] | None:
        """Return the job if the answer shows it, after waiting as the contract says."""
        policies = self._contract.policies
        if policies.settle_s and verdict.outcome in _UNDER_WAY:
            return await self._service.wait(verdict.job_id, owner=owner, timeout_s=policies.settle_s)
        if not self._shows_job[case] and not policies.canceled_at_once:
            return None
        job = await self._service.get(verdict.job_id, owner=owner)
        if policies.via_canceling and case is Case.PENDING_CANCELED:
            # In the vendor's words a pending job is canceling before it is canceled; the next poll tells the rest.
            return attrs.evolve(job, state=JobState.CANCELING, settled_at=None)
        return job


class Get:
    """Shows one job; where the route has it, holds the answer until the job has settled or the time is up."""

    safe = True

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service, self._contract, self._jobs = service, contract, Jobs(service, contract)

    async def __call__(self, exchange: Exchange) -> Reply:
        """Answer a request for a job."""
        route, owner = exchange.route, exchange.owner
        job_id = exchange.wanted(self._contract)
        job = await self._jobs.get(job_id, exchange)
        asked = exchange.request.query_params
        if route.wait_parameter is not None and asked.get(route.wait_parameter, "").lower() in _TRUE:
            job = await self._service.wait(job_id, owner=owner, timeout_s=route.wait_s)
        children = await self._jobs.children(job, owner)
        return answer(self._contract, route, exchange.context(job=job, jobs=children))


class List:
    """Lists the caller's jobs, newest first, in pages."""

    safe = True

    def __init__(self, service: JobService, contract: Contract) -> None:
        self._service, self._contract = service, contract

    async def __call__(self, exchange: Exchange) -> Reply:
        """Answer a request for jobs."""
        contract, asked = self._contract, exchange.request.query_params
        labels = {label: exchange.parameters[name] for name, label in contract.tenancy.labels.items()}
        cursor, limit = asked.get("cursor"), _limit(asked)
        try:
            page = await self._service.find(owner=exchange.owner, labels=labels, cursor=cursor, limit=limit)
        except ValueError:
            if cursor is None:
                raise  # not the client's fault
            message = "cursor: pass the one that the earlier page carries"
            raise Turned("invalid_request", ("query", "cursor"), message) from None
        return answer(contract, exchange.route, exchange.context(jobs=page.jobs, cursor=page.cursor))


class Health:
    """Says that the service answers."""

    safe = True

    def __init__(self, _: JobService, contract: Contract) -> None:
        self._contract = contract

    async def __call__(self, exchange: Exchange) -> Reply:
        """Answer."""
        return answer(self._contract, exchange.route, exchange.context())


OPERATIONS: Final[Mapping[str, Callable[[JobService, Contract], Operation]]] = {
    "cancel": Cancel,
    "get": Get,
    "list": List,
    "health": Health,
}


def _limit(asked: Mapping[str, str]) -> int:
    """Return how many jobs a page may have.

    Raises:
        Turned: The client's number is none of those allowed.
    """
    limit = asked.get("limit", str(LARGEST_PAGE))
    if re.fullmatch(r"[0-9]{1,3}", limit) is None or not 1 <= int(limit) <= LARGEST_PAGE:
        raise Turned("invalid_request", ("query", "limit"), f"limit: a number from 1 to {LARGEST_PAGE}")
    return int(limit)
