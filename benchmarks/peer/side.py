"""The side of a peer, in its own process: its rounds alternate with ours, and what was found is printed as JSON."""

from __future__ import annotations

import json
import sys

from benchmarks import work
from benchmarks.rounds import Contender, measure


def tell(settle: Contender | str, cancel: Contender | str, jobs: int) -> None:
    """Measure the scenarios that the peer has; of the others print why it has them not."""
    backend, quick = sys.argv[1], sys.argv[2] == "quick"
    scenarios = {
        "submit to settled": (settle, work.settling(work.noop)),
        "cancel all by id": (cancel, work.cancel_by_id),
    }
    found: dict[str, object] = {}
    for scenario, (theirs, ours) in scenarios.items():
        if isinstance(theirs, str):
            found[scenario] = theirs
        elif backend != "asyncio":
            found[scenario] = "runs on asyncio alone"
        else:
            contenders = {"ours": ours, "theirs": theirs}
            rounds = measure(contenders, 50 if quick else jobs, 2 if quick else 9, backend)
            found[scenario] = {f"{side}_us": [each[side].cpu_s * 1e6 for each in rounds] for side in contenders}
    print(json.dumps(found))
