"""What `jobcancel serve` prints first: the address, the token, the kinds, and commands to try them with."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from jobcancel import OnCancel
from jobcancel.contracts import Contract, Route

from .demonstration import OWNER, Demonstration

STAGE_S: Final = 30  # enough time to copy the next line
REFUSES: Final = "refuses"
DEFERS: Final = "defers"
MEANINGS: Final = {
    REFUSES: "(refuses): a cancel is refused in this stage.",
    DEFERS: "(defers): a cancel is accepted in this stage and takes effect at its end.",
}
CTRL_C: Final = (
    "Ctrl-C cancels all jobs and waits until they have ended.",
    "It waits for stages that refuse or defer; a second Ctrl-C interrupts them too.",
)
CTRL_C_WITH_JOURNAL: Final = (
    "Ctrl-C interrupts all jobs; they resume at the next start with the same --db.",
    "It waits for stages that refuse or defer; kill -9 does not wait, and loses no answered request.",
)


def banner(served: Demonstration, address: str, token: str, *, durable: bool) -> Iterator[str]:
    """Yield the lines.

    Args:
        served: The contract and its kinds.
        address: The server's URL, as ``http://host:port``.
        token: The token that clients send.
        durable: Whether the jobs are in a journal.
    """
    contract = served.contract
    applied = f" with {', '.join(contract.applied)}" if contract.applied else ""
    yield f"{contract.title}{applied} on {address} (Ctrl-C ends it)"
    yield f"token: {token}"
    yield ""
    yield from _kinds(served)
    yield ""
    yield from _commands(served, address, token)
    yield ""
    yield from CTRL_C_WITH_JOURNAL if durable else CTRL_C


def _kinds(served: Demonstration) -> Iterator[str]:
    """Yield a line for each kind, then the meaning of the marks."""
    contract, used = served.contract, set[str]()
    for kind in served.registry:
        marks = {name: _mark(contract, stage.on_cancel) for name, stage in kind.stages.items()}
        between = _mark(contract, kind.spec.on_cancel)
        stages = ", ".join(_marked(name, mark) for name, mark in marks.items()) or "no stages"
        rest = f"; {_marked('between stages', between)}" if between else ""
        yield f"kind {_word(contract, kind.name)}: {stages}{rest}"
        used |= {mark for mark in (*marks.values(), between) if mark}
    yield from (meaning for mark, meaning in MEANINGS.items() if mark in used)
    yield f"{'In any other stage' if used else 'In every stage'} a cancel stops the job at once."
    if contract.policies.settle_s:
        yield f"A cancel is answered when the job has ended, or after {contract.policies.settle_s:g} s."


def _marked(name: str, mark: str | None) -> str:
    return f"{name} ({mark})" if mark else name


def _mark(contract: Contract, on_cancel: OnCancel) -> str | None:
    """Return the mark of a stage for cancels that come through this contract; None if it is interrupted."""
    if on_cancel is OnCancel.REFUSE and contract.policies.on_shielded_stage == "refuse":
        return REFUSES
    return None if on_cancel is OnCancel.INTERRUPT else DEFERS


def _commands(served: Demonstration, address: str, token: str) -> Iterator[str]:
    """Yield commands to submit a job, to poll it and to cancel it; the user replaces ``JOB_ID``."""
    contract = served.contract
    headers = "".join(f" -H {shlex.quote(header)}" for header in _headers(contract, token))
    submit = f"curl -X POST {shlex.quote(f'{address}/demo/jobs')}{headers} -H 'Content-Type: application/json' -d "
    kind = next(iter(served.registry))
    yield f"submit: {submit}{_submit_body(contract, kind.name, dict.fromkeys(kind.stages, STAGE_S))}"
    shielded = _shielded_stage(served)
    if shielded is not None:
        answer, name, stage = shielded
        yield f"submit a job whose cancel is {answer}: {submit}{_submit_body(contract, name, {stage: STAGE_S})}"
    for op, label in (("get", "poll"), ("cancel", "cancel")):
        route = next((route for route in contract.routes if route.op == op), None)
        if route is not None:
            yield f"{label}: curl{_method(route)} {shlex.quote(address + _path(contract, route.path))}{headers}"
    yield "JOB_ID is the id in the answer to submit; curl -i also shows the status of an answer."


def _shielded_stage(served: Demonstration) -> tuple[str, str, str] | None:
    """Return a stage that shields its job, preferably one that refuses: the answer to a cancel, the kind, the stage."""
    for mark, answer in ((REFUSES, "refused"), (DEFERS, "deferred")):
        for kind in served.registry:
            for name, stage in kind.stages.items():
                if _mark(served.contract, stage.on_cancel) == mark:
                    return answer, kind.name, name
    return None


def _headers(contract: Contract, token: str) -> Iterator[str]:
    """Yield the headers of the contract's first way to authenticate; the first header has the token."""
    for number, (name, prefix) in enumerate(contract.auth.ways[0].items()):
        yield f"{name}: {prefix}{OWNER if number else token}"


def _submit_body(contract: Contract, kind: str, seconds: Mapping[str, float]) -> str:
    """Return the body of a submit request, quoted for a shell; a stage that it does not name ends at once."""
    return shlex.quote(json.dumps({"kind": _word(contract, kind), "stages": seconds}))


def _word(contract: Contract, kind: str) -> str:
    return contract.kind_words.get(kind, kind)


def _method(route: Route) -> str:
    return "" if route.methods[0] == "GET" else f" -X {route.methods[0]}"


def _path(contract: Contract, path: str) -> str:
    """Return the route's path for a job of the demonstration's owner."""
    for parameter in contract.tenancy.labels:
        path = path.replace(f"{{{parameter}}}", OWNER)
    return path.replace("{job_id}", "JOB_ID")
