"""The caller of a request: the host's ``authenticate`` function, its results, and a table of tokens as a simple one."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hashlib import sha256
from typing import TypeAlias, cast

from attrs import field, frozen
from starlette.requests import Request

from jobcancel._core.arguments import refusal, type_name
from jobcancel._core.plain import string
from jobcancel.contracts import Contract, RateLimit


def _owner(value: str) -> str:
    owner = string(value, "owner")
    if not owner:
        raise ValueError(refusal("owner", "a string that is not empty", owner, typed=False))
    return owner


def _scopes(value: Iterable[str]) -> frozenset[str]:
    return frozenset((value,) if isinstance(value, str) else value)


@frozen
class Caller:
    """The sender of a request.

    Attributes:
        owner: The owner whose jobs the caller may see and cancel. Never empty: to a scheduler, no owner means all jobs.
        scopes: What the caller may do, if the contract requires a scope.
    """

    owner: str = field(converter=_owner)
    scopes: frozenset[str] = field(default=frozenset(), converter=_scopes)


class Unauthenticated(Exception):  # noqa: N818 - it is an answer, not a fault, as Starlette's HTTPException is
    """The request has no valid credentials. An ``authenticate`` function raises this or returns None."""


class RateLimited(Exception):  # noqa: N818 - see above
    """The caller sends too many requests. An ``authenticate`` function raises this; the contract renders it.

    Args:
        limit: Requests allowed in a window.
        remaining: Requests left in this window.
        reset_s: Seconds until the window resets.
        retry_after_s: Seconds until the client should try again.

    Attributes:
        rate: The four arguments, as the contract renders them.
    """

    def __init__(self, limit: int, remaining: int, reset_s: float, retry_after_s: float) -> None:
        super().__init__(limit, remaining, reset_s, retry_after_s)
        self.rate: RateLimit = RateLimit(limit, remaining, reset_s, retry_after_s)


Authenticate: TypeAlias = Callable[[Request], Awaitable[Caller | None] | Caller | None]
"""A host's function that returns a request's caller. It returns None or raises ``Unauthenticated`` if there is none."""


class TokenTable:
    """An ``Authenticate`` over a fixed set of tokens, for demonstrations, tests and services with few clients.

    The credentials are read from the headers that the contract names. The time of a look-up does not depend on how
    much of a token is right.

    Args:
        contract: Names the headers of the credentials and the form of a token.
        tokens: The caller for each token.

    Raises:
        TypeError: A token is no string, or its value is no ``Caller``.
        ValueError: The contract's clients cannot send a token.
    """

    def __init__(self, contract: Contract, tokens: Mapping[str, Caller]) -> None:
        require_contract(contract)
        if not isinstance(cast("object", tokens), Mapping):
            raise TypeError(f"tokens must be a mapping of tokens to Callers, not {type_name(tokens)}")
        self._ways = contract.auth.ways
        self._pattern = contract.auth.token_pattern
        for number, (token, caller) in enumerate(tokens.items(), 1):
            # No message contains a token: messages are logged.
            if not isinstance(cast("object", token), str):
                raise TypeError(f"tokens: number {number} must be a string, not {type_name(token)}")
            if not isinstance(cast("object", caller), Caller):
                raise TypeError(
                    f"tokens: number {number} must lead to a Caller, as in Caller('ann'), not {type_name(caller)}"
                )
            if not token or (self._pattern is not None and self._pattern.fullmatch(token) is None):
                form = "not empty" if self._pattern is None else f"of the form {self._pattern.pattern}"
                raise ValueError(f"tokens: number {number} cannot be sent; a token of {contract.name} is {form}")
        self._callers = [(_digest(token), caller) for token, caller in tokens.items()]

    async def __call__(self, request: Request) -> Caller | None:
        """Return the caller whose token the request carries, or None."""
        for way in self._ways:
            values = [_credential(request, name, prefix) for name, prefix in way.items()]
            token = values[0]
            if token and all(values):
                return self._caller(token)
        return None

    def _caller(self, token: str) -> Caller | None:
        if self._pattern is not None and self._pattern.fullmatch(token) is None:
            return None
        # All digests have the same length and all are compared, so the time reveals neither length nor position.
        sent, found = _digest(token), None
        for digest, caller in self._callers:
            if hmac.compare_digest(sent, digest):
                found = caller
        return found


def require_contract(contract: object) -> None:
    """Refuse anything but a contract; a contract's name above all."""
    if not isinstance(contract, Contract):
        allowed = "a Contract, as jobcancel.contracts.load(name) gives one"
        raise TypeError(refusal("contract", allowed, contract))


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _credential(request: Request, name: str, prefix: str) -> str | None:
    """Return a header's value after its prefix; None if it is missing, has another prefix, or was sent twice."""
    sent = request.headers.getlist(name)
    if len(sent) != 1 or sent[0][: len(prefix)].casefold() != prefix.casefold():
        return None
    return sent[0][len(prefix) :]
