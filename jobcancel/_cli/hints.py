"""What `jobcancel serve` prints first: the address, the token, the kinds, and commands to try it with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping

from jobcancel import OnCancel
from jobcancel.contracts import Contract, Route

from .demonstration import OWNER, Demonstration

STAGE_S = 30  # time enough to copy the next line
REFUSES, DEFERS = "refuses", "defers"
MEANINGS = {
    REFUSES: "(refuses): a cancel is refused in this stage.",
    DEFERS: "(defers): a cancel is accepted in this stage and takes effect at its end.",
}
ENDING = (
    "Ctrl-C cancels all jobs and waits until they have ended.",
    "It waits for stages that refuse or defer; a second Ctrl-C interrupts them too.",
)
ENDING_KEPT = (
    "Ctrl-C interrupts all jobs; they resume at the next start with the same --db.",
    "It waits for stages that refuse or defer; kill -9 does not, and loses nothing that was answered.",
)


def hints(shown: Demonstration, address: str, token: str, *, kept: bool) -> Iterator[str]:
    """Give the lines.

    Args:
        shown: The contract and its kinds.
        address: Where it is served, as ``http://host:port``.
        token: What clients have to send.
        kept: Whether a journal keeps the jobs.
    """
    contract = shown.contract
    applied = f" with {', '.join(contract.applied)}" if contract.applied else ""
    yield f"{contract.title}{applied} on {address} (Ctrl-C ends it)"
    yield f"token: {token}"
    yield ""
    yield from _kinds(shown)
    yield ""
    yield from _commands(shown, address, token)
    yield ""
    yield from ENDING_KEPT if kept else ENDING


def _kinds(shown: Demonstration) -> Iterator[str]:
    """Give a line for each kind, then what the marks mean."""
    contract, used = shown.contract, set[str]()
    for kind in shown.registry:
        marks = {name: _mark(contract, stage.on_cancel) for name, stage in kind.stages.items()}
        between = _mark(contract, kind.spec.on_cancel)
        stages = ", ".join(_marked(name, mark) for name, mark in marks.items()) or "no stages"
        beside = f"; {_marked('between stages', between)}" if between else ""
        yield f"kind {_word(contract, kind.name)}: {stages}{beside}"
        used |= {mark for mark in (*marks.values(), between) if mark}
    yield from (meaning for mark, meaning in MEANINGS.items() if mark in used)
    yield f"{'In any other stage' if used else 'In every stage'} a cancel stops the job at once."
    if contract.policies.settle_s:
        yield f"A cancel is answered when the job has ended, or after {contract.policies.settle_s:g} s."


def _marked(name: str, mark: str | None) -> str:
    return f"{name} ({mark})" if mark else name


def _mark(contract: Contract, on_cancel: OnCancel) -> str | None:
    """Return what a stage does with a cancel that comes through this contract; None if it is interrupted."""
    if on_cancel is OnCancel.REFUSE and contract.policies.on_shielded_stage == "refuse":
        return REFUSES
    return None if on_cancel is OnCancel.INTERRUPT else DEFERS


def _commands(shown: Demonstration, address: str, token: str) -> Iterator[str]:
    """Give commands to submit a job, to poll it and to cancel it; ``JOB_ID`` is left to fill in."""
    contract = shown.contract
    headers = "".join(f" -H {shlex.quote(header)}" for header in _headers(contract, token))
    submit = f"curl -X POST {shlex.quote(f'{address}/demo/jobs')}{headers} -H 'Content-Type: application/json' -d "
    kind = next(iter(shown.registry))
    yield f"submit: {submit}{_order(contract, kind.name, dict.fromkeys(kind.stages, STAGE_S))}"
    shielded = _shielded(shown)
    if shielded is not None:
        answer, name, stage = shielded
        yield f"submit a job whose cancel is {answer}: {submit}{_order(contract, name, {stage: STAGE_S})}"
    for op, label in (("get", "poll"), ("cancel", "cancel")):
        route = next((route for route in contract.routes if route.op == op), None)
        if route is not None:
            yield f"{label}: curl{_method(route)} {shlex.quote(address + _path(contract, route.path))}{headers}"
    yield "JOB_ID is the id that submit answers; curl -i shows an answer's status too."


def _shielded(shown: Demonstration) -> tuple[str, str, str] | None:
    """Return what a cancel meets, the kind and the stage where it does; a stage that refuses if there is any."""
    for mark, answer in ((REFUSES, "refused"), (DEFERS, "deferred")):
        for kind in shown.registry:
            for name, stage in kind.stages.items():
                if _mark(shown.contract, stage.on_cancel) == mark:
                    return answer, kind.name, name
    return None


def _headers(contract: Contract, token: str) -> Iterator[str]:
    """Give the headers of the first way to say who one is; the first of them carries the token."""
    for number, (name, prefix) in enumerate(contract.auth.ways[0].items()):
        yield f"{name}: {prefix}{OWNER if number else token}"


def _order(contract: Contract, kind: str, seconds: Mapping[str, float]) -> str:
    """Return an order of a kind as an argument for a shell; a stage that it does not name ends at once."""
    return shlex.quote(json.dumps({"kind": _word(contract, kind), "stages": seconds}))


def _word(contract: Contract, kind: str) -> str:
    return contract.kind_words.get(kind, kind)


def _method(route: Route) -> str:
    return "" if route.methods[0] == "GET" else f" -X {route.methods[0]}"


def _path(contract: Contract, path: str) -> str:
    """Return the route's path for a job of the order."""
    for parameter in contract.tenancy.labels:
        path = path.replace(f"{{{parameter}}}", OWNER)
    return path.replace("{job_id}", "JOB_ID")
