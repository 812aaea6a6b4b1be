"""One request under way, and the ways in which it can be turned down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from starlette.requests import Request

from jobcancel.contracts import Case, Context, Contract, Route

from .callers import Caller

LONGEST_ID: Final = 256
"""A longer id is malformed in any contract, whatever its pattern lets through."""


class Turned(Exception):  # noqa: N818 - an answer, not a fault
    """The request ends here.

    Attributes:
        answer: An outcome, or the name of one of the contract's other documents.
        location: Where in the request something was wrong: ``("query", "limit")``; empty if that is not the point.
        message: What was wrong, in words for the client, or None for the contract's own.
    """

    def __init__(self, answer: Case | str, location: Sequence[str] = (), message: str | None = None) -> None:
        super().__init__(answer, location, message)
        self.answer: Case | str = answer
        self.location: Sequence[str] = location
        self.message: str | None = message


@frozen
class Exchange:
    """A request that an operation answers.

    Attributes:
        request: The request; nobody reads its body.
        route: The contract's route that it came by.
        request_id: Its id.
        owner: Whose jobs it may see; empty where nobody has to say who they are.
        scopes: What its caller may do.
    """

    request: Request
    route: Route
    request_id: str
    owner: str = ""
    scopes: frozenset[str] = frozenset()

    @property
    def parameters(self) -> Mapping[str, str]:
        """What stands in the path for the route's parameters."""
        return self.request.path_params

    @property
    def job_id(self) -> str:
        """The id that was asked for, as far as it may be repeated to the client; empty where there is none."""
        return self.parameters.get("job_id", "")[:LONGEST_ID]

    def by(self, caller: Caller) -> Exchange:
        """Return the same request with its caller."""
        return Exchange(self.request, self.route, self.request_id, caller.owner, caller.scopes)

    def wanted(self, contract: Contract) -> str:
        """Return the id of the job that was asked for.

        Raises:
            Turned: It is none of the contract's form.
        """
        job_id, ids = self.parameters["job_id"], contract.ids
        if len(job_id) > LONGEST_ID or ids.pattern.fullmatch(job_id) is None:
            raise Turned(Case.MALFORMED_ID)
        return job_id.lower() if ids.ignore_case else job_id

    def context(self, **facts: Any) -> Context:
        """Return what a reply to this request is rendered from, ``facts`` added."""
        return Context(job_id=self.job_id, request_id=self.request_id, parameters=self.parameters, **facts)
