"""What a job costs over the minimum: a raw task, the one scope that a cancel needs, and anyio's way.

The targets are those of section 11 of the design; they are for asyncio and uvloop. On trio the raw task is a nursery's
and is cancelled by a scope of trio's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from . import work
from .figures import Figure
from .rounds import Contender, costs, measure, ratio

RAW, SCOPED, GROUP, OURS, STAGED = "raw task", "task and scope", "anyio group and scope", "jobcancel", "10 stages"
SETTLE, CANCEL, STAGE = "submit to settled", "cancel all by id", "one stage"
TARGETS: Final = {
    (SETTLE, RAW): (4.5, 3.0),
    (SETTLE, GROUP): (0.5, 0.35),
    (STAGE, RAW): (1.0, 0.5),
    (CANCEL, RAW): (2.5, 1.5),
}


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Measure the floor and what stands on it."""
    native = work.native(backend)
    jobs, live, rounds = (200, 200, 2) if quick else (5_000, 10_000, 9)
    contenders: dict[str, Contender] = {
        RAW: native.settle_raw,
        SCOPED: native.settle_scoped,
        GROUP: work.anyio_group,
        OURS: work.settling(work.noop),
        STAGED: work.settling(work.staged),
    }
    settled = measure(contenders, jobs, rounds, backend)
    yield from costs(settled, SETTLE)
    for other in (RAW, SCOPED, GROUP):
        yield ratio(settled, SETTLE, OURS, other, *_target(SETTLE, other, backend))
    stages = tuple(
        (each[STAGED].cpu_s - each[OURS].cpu_s) / work.STAGES / each[RAW].cpu_s for each in settled
    )  # fmt: skip
    yield Figure(f"{STAGE} / {RAW}", "ratio", stages, *_target(STAGE, RAW, backend))
    yield ratio(settled, "floor: a task and a scope", SCOPED, RAW, note="what anyio's public means allow at best")
    contenders = {
        RAW: native.cancel_raw,
        SCOPED: native.cancel_scoped,
        GROUP: work.cancel_scopes,
        OURS: work.cancel_by_id,
    }
    canceled = measure(contenders, live, rounds, backend)
    yield from costs(canceled, CANCEL)
    for other in (RAW, SCOPED, GROUP):
        yield ratio(canceled, CANCEL, OURS, other, *_target(CANCEL, other, backend))
    yield ratio(canceled, "floor: a task and a scope, canceled", SCOPED, RAW)


def _target(row: str, other: str, backend: str) -> tuple[float | None, float | None]:
    return (None, None) if backend == "trio" else TARGETS.get((row, other), (None, None))
