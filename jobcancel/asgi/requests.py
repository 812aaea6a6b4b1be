"""A request on one of a contract's routes: its caller, its job id, its idempotency key, and why it may be refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from starlette.requests import Request

from jobcancel.contracts import Case, Context, Contract, Route

from .authentication import Caller

LONGEST_ID: Final = 256
"""A longer id is malformed in every contract, even where the contract's pattern accepts it."""


class RequestRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The request is refused. The contract renders the reason.

    Attributes:
        reason: The case that the request came to, or the name of one of the contract's errors.
        location: The part of the request that is wrong, as in ``("query", "limit")``; empty if no part is.
        message: What is wrong, for the client; None for the contract's own message.
    """

    def __init__(self, reason: Case | str, location: Sequence[str] = (), message: str | None = None) -> None:
        super().__init__(reason, location, message)
        self.reason: Case | str = reason
        self.location: Sequence[str] = location
        self.message: str | None = message


@frozen
class ContractRequest:
    """A request that an operation answers.

    Attributes:
        request: The HTTP request. Its body is never read.
        route: The contract's route that matched.
        request_id: The request's id.
        owner: The caller's owner; empty on a route without authentication.
        scopes: What the caller may do.
    """

    request: Request
    route: Route
    request_id: str
    owner: str = ""
    scopes: frozenset[str] = frozenset()

    @property
    def parameters(self) -> Mapping[str, str]:
        """The values of the route's parameters in the path."""
        return self.request.path_params

    @property
    def job_id(self) -> str:
        """The job id in the path, cut to the length that a reply may repeat; empty if the route has none."""
        return self.parameters.get("job_id", "")[:LONGEST_ID]

    def with_caller(self, caller: Caller) -> ContractRequest:
        """Return the same request with its caller."""
        return ContractRequest(self.request, self.route, self.request_id, caller.owner, caller.scopes)

    def require_job_id(self, contract: Contract) -> str:
        """Return the job id in the path, in the form in which jobs are stored.

        Raises:
            RequestRefused: The id does not have the contract's form.
        """
        job_id, ids = self.parameters["job_id"], contract.ids
        if len(job_id) > LONGEST_ID or ids.pattern.fullmatch(job_id) is None:
            raise RequestRefused(Case.MALFORMED_ID)
        return job_id.lower() if ids.ignore_case else job_id

    def context(self, **facts: Any) -> Context:
        """Return the context from which the reply to this request is rendered, with ``facts`` added."""
        return Context(job_id=self.job_id, request_id=self.request_id, parameters=self.parameters, **facts)


def idempotency_key(request: Request, contract: Contract) -> str | None:
    """Return the request's idempotency key, for ``submit(key=...)`` in a host's own submit route.

    None if the request has no key, or if the contract has no idempotency keys.

    Raises:
        ValueError: The header is empty, longer than the contract allows, or sent twice with different keys.
    """
    if contract.keys is None:
        return None
    name, longest = contract.keys.header, contract.keys.max_length
    sent = set(request.headers.getlist(name))
    if not sent:
        return None
    if len(sent) > 1:
        raise ValueError(f"{name} was sent {len(sent)} times with different keys; send one")
    (key,) = sent
    if not key:
        raise ValueError(f"{name} is empty; send 1 to {longest} characters, or no such header")
    if len(key) > longest:
        raise ValueError(f"{name} has {len(key)} characters; at most {longest} are allowed")
    return key
