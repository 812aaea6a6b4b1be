"""The idempotency key that a request carries, for a host's own submit route."""

from __future__ import annotations

from starlette.requests import Request

from jobcancel.contracts import Contract


def idempotency_key(request: Request, contract: Contract) -> str | None:
    """Return the key, for ``submit(key=...)``, or None if the request has none or the contract knows no keys.

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
