"""``python -m tests.soak [--jobs N] [--seed S] [--backend NAME]``: random jobs under load, and what is wrong then.

One process. Time is the tests' clock, moved by a driver as fast as the loop turns; what is real are the loop, the
threads and a few subprocesses. A job's plan follows from the seed and its number alone; the interleaving does not,
since threads and processes take the time that they take.
"""

from __future__ import annotations

import os
import sys
import traceback
from argparse import ArgumentParser
from functools import partial
from importlib.util import find_spec
from secrets import randbelow
from typing import Any, Final, NoReturn

import anyio

from . import alarms
from .driver import Soak
from .report import summarize

BACKENDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "asyncio": ("asyncio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and return the exit code: 1 if anything is wrong, or something that should happen did not."""
    parser = ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000, help="jobs to accept (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=randbelow(10**6), help="of the plans (default: a random one)")
    parser.add_argument("--backend", choices=BACKENDS, default="uvloop" if find_spec("uvloop") else "asyncio")
    options = parser.parse_args(arguments)
    print(f"soak: {options.jobs} jobs, seed {options.seed}, {options.backend}", flush=True)
    soak = Soak(options.jobs, options.seed, give_up)
    alarms.arm(soak.ledger)
    backend, backend_options = BACKENDS[options.backend]
    anyio.run(partial(guarded, soak), backend=backend, backend_options=backend_options)
    return summarize(soak)


async def guarded(soak: Soak) -> None:
    """Run; what comes out of it is a finding."""
    try:
        await soak.run()
    except BaseException as error:
        soak.findings.add("the run ended early", "".join(traceback.format_exception(error)))
        give_up(soak)


def give_up(soak: Soak) -> NoReturn:
    """Print and end the process at once: left in order, a scheduler waits for its jobs, whatever comes."""
    summarize(soak)
    sys.stdout.flush()
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
