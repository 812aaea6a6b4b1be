"""What `jobcancel serve` prints first: where it listens, the token, and the lines to try it with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from jobcancel.contracts import Contract

from .demonstration import OWNER, Demonstration

STAGE_S = 30  # time enough to copy the next line


def hints(shown: Demonstration, address: str, token: str) -> Iterator[str]:
    """Give the lines.

    Args:
        shown: The contract and its kinds.
        address: Where it is served, as ``http://host:port``.
        token: What clients have to send.
    """
    contract = shown.contract
    applied = f" with {', '.join(contract.applied)}" if contract.applied else ""
    yield f"{contract.title}{applied} on {address} (Ctrl-C ends it)"
    yield f"token: {token}"
    for kind, act in shown.acts.items():
        yield f"kind {contract.kind_words.get(kind, kind)}: {', '.join(act.stages)}"
    headers = "".join(f" -H {shlex.quote(header)}" for header in _headers(contract, token))
    order = json.dumps(_order(shown))
    typed = " -H 'Content-Type: application/json'"
    yield f"submit: curl -X POST {address}/demo/jobs{headers}{typed} -d {shlex.quote(order)}"
    cancel = next(route for route in contract.routes if route.op == "cancel")
    path = _path(contract, cancel.path)
    yield f"cancel: curl -X {cancel.methods[0]} {shlex.quote(address + path)}{headers}"


def _headers(contract: Contract, token: str) -> Iterator[str]:
    """Give the headers of the first way to say who one is; the first of them carries the token."""
    for number, (name, prefix) in enumerate(contract.auth.ways[0].items()):
        yield f"{name}: {prefix}{OWNER if number else token}"


def _order(shown: Demonstration) -> dict[str, object]:
    """Return an order of the first kind, whose stages last long enough to be canceled."""
    kind, act = next(iter(shown.acts.items()))
    return {"kind": shown.contract.kind_words.get(kind, kind), "stages": dict.fromkeys(act.stages, STAGE_S)}


def _path(contract: Contract, path: str) -> str:
    """Return the route's path for a job of the order; ``JOB_ID`` is left to fill in."""
    for parameter in contract.tenancy.labels:
        path = path.replace(f"{{{parameter}}}", OWNER)
    return path.replace("{job_id}", "JOB_ID")
