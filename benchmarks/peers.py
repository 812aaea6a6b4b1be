"""What a job costs against others who run jobs in one process: aiojobs, APScheduler 4 and taskiq's in-memory broker.

Each peer is measured in a process and an environment of its own, where its rounds alternate with ours. Their
environments: ``python -m benchmarks.peers FOLDER``; then ``JOBCANCEL_PEERS=FOLDER python -m benchmarks peers``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .figures import Figure

PEERS: Final = {"aiojobs": "aiojobs==1.4.0", "apscheduler": "apscheduler==4.0.0a6", "taskiq": "taskiq==0.13.0"}
TARGETS: Final = {("submit to settled", "aiojobs"): (1.5, 1.0), ("cancel all by id", "aiojobs"): (0.8, 0.5)}
TOP: Final = Path(__file__).resolve().parent.parent


def figures(*, quick: bool, backend: str) -> Iterator[Figure]:
    """Measure each peer that is installed; asyncio, which all of them run on."""
    folder = os.environ.get("JOBCANCEL_PEERS")
    for peer in PEERS:
        for scenario, found in _found(peer, folder, quick=quick, backend=backend).items():
            row = f"{scenario} / {peer}"
            if isinstance(found, str):
                yield Figure(row, "ratio", note=found)
            else:
                ours, theirs = found["ours_us"], found["theirs_us"]
                yield Figure(f"{scenario}: {peer}", "us", tuple(theirs))
                ratios = tuple(one / other for one, other in zip(ours, theirs, strict=True))
                yield Figure(row, "ratio", ratios, *TARGETS.get((scenario, peer), (None, None)))


def _found(peer: str, folder: str | None, *, quick: bool, backend: str) -> dict[str, Any]:
    if folder is None:
        return dict.fromkeys(
            ("submit to settled", "cancel all by id"), "not installed: python -m benchmarks.peers FOLDER"
        )
    python = Path(folder, peer, "bin", "python")
    command: list[str | Path] = [python, "-m", f"benchmarks.peer.{peer}", backend, "quick" if quick else "whole"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=TOP).stdout
    found: dict[str, Any] = json.loads(output)
    return found


def install(folder: Path) -> None:
    """Make each peer's environment, with this package in it."""
    for peer, requirement in PEERS.items():
        place = folder / peer
        venv.create(place, with_pip=True)
        command: list[str | Path] = [
            place / "bin" / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            requirement,
            "-e",
            str(TOP),
        ]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
