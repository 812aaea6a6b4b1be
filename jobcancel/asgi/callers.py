"""Who calls: what a host's authentication says of a request, and a table of tokens for hosts that have none."""

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
    """Whoever a request comes from.

    Attributes:
        owner: Whose jobs it may touch, never empty: a scheduler reads no owner as everybody's.
        scopes: What it may do, where the contract asks for a scope.
    """

    owner: str = field(converter=_owner)
    scopes: frozenset[str] = field(default=frozenset(), converter=_scopes)


class Unauthenticated(Exception):  # noqa: N818 - it is an answer, not a fault, as Starlette's HTTPException is
    """The request does not prove who sends it. An ``authenticate`` function raises this or returns None."""


class RateLimited(Exception):  # noqa: N818 - see above
    """The caller asks too often. An ``authenticate`` function raises it; the contract renders it.

    Args:
        limit: Requests allowed in a window.
        remaining: Requests left in this one.
        reset_s: Seconds until the window resets.
        retry_after_s: Seconds after which to ask again.

    Attributes:
        rate: The four, as the contract takes them.
    """

    def __init__(self, limit: int, remaining: int, reset_s: float, retry_after_s: float) -> None:
        super().__init__(limit, remaining, reset_s, retry_after_s)
        self.rate: RateLimit = RateLimit(limit, remaining, reset_s, retry_after_s)


Authenticate: TypeAlias = Callable[[Request], "Awaitable[Caller | None] | Caller | None"]
"""A host's function: who sends this request? None, or ``Unauthenticated``, for nobody we know."""


class TokenTable:
    """An ``Authenticate`` over a fixed set of tokens, for demonstrations, tests and services with few clients.

    The credentials are taken from where the contract says. How long a look-up takes does not depend on how much of
    a token was right.

    Args:
        contract: Says in which headers the credentials come, and what a token looks like.
        tokens: Who uses which token.

    Raises:
        TypeError: A token that is no string, or leads to no ``Caller``.
        ValueError: A token that the contract's clients cannot send.
    """

    def __init__(self, contract: Contract, tokens: Mapping[str, Caller]) -> None:
        require_contract(contract)
        if not isinstance(cast("object", tokens), Mapping):
            raise TypeError(f"tokens must be a mapping of tokens to Callers, not {type_name(tokens)}")
        self._ways = contract.auth.ways
        self._pattern = contract.auth.token_pattern
        for number, (token, caller) in enumerate(tokens.items(), 1):
            # No message names a token: it may end in a log.
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
        """Return whose token the request carries, or None."""
        for way in self._ways:
            values = [_credential(request, name, prefix) for name, prefix in way.items()]
            token = values[0]
            if token and all(values):
                return self._caller(token)
        return None

    def _caller(self, token: str) -> Caller | None:
        if self._pattern is not None and self._pattern.fullmatch(token) is None:
            return None
        # Digests have one length, and all entries are compared: neither length nor place shows in the time.
        sent, found = _digest(token), None
        for digest, caller in self._callers:
            if hmac.compare_digest(sent, digest):
                found = caller
        return found


def require_contract(contract: object) -> None:
    """Refuse what is no contract: its name, above all."""
    if not isinstance(contract, Contract):
        allowed = "a Contract, as jobcancel.contracts.load(name) gives one"
        raise TypeError(refusal("contract", allowed, contract))


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _credential(request: Request, name: str, prefix: str) -> str | None:
    """Return what a header says after its prefix; a header sent twice says nothing that can be trusted."""
    sent = request.headers.getlist(name)
    if len(sent) != 1 or sent[0][: len(prefix)].casefold() != prefix.casefold():
        return None
    return sent[0][len(prefix) :]
