"""``python -m benchmarks``: what a job costs, against raw tasks, anyio and aiojobs, and whether that is good enough.

Exit codes: 0 when it has measured, also if a target is missed, which the table says; 2 when it could not.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What a job costs, and if that will do.")
    parser.add_argument("--quick", action="store_true", help="few jobs, few rounds, no verdict: does it run?")
    parser.add_argument(
        "--runs", type=_count, default=1, help="run it all so often, one after the other; the worst counts"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--http", action="store_true", help="measure a cancel over HTTP in place of the scheduler")
    parser.add_argument("--explorer", action="store_true", help="measure the test kit's explorer in its place")
    parser.add_argument("--durable", action="store_true", help="measure the journal in its place")
    options = parser.parse_args()
    if options.durable:
        from . import durable  # noqa: PLC0415

        for line in durable.report(quick=options.quick):
            print(line, flush=True)
        return 0
    if options.explorer:
        from . import explored  # noqa: PLC0415

        print(*explored.report(quick=options.quick), sep="\n")
        return 0
    if options.http:
        from . import http  # noqa: PLC0415  # it needs the extra asgi and uvicorn, the others do not

        print(*http.report(quick=options.quick), sep="\n")
        return 0
    if find_spec("aiojobs") is None:
        print(
            "aiojobs, which is compared with, is missing: pip install --group bench (pip 25.1 or later)",
            file=sys.stderr,
        )
        return 2

    from . import report  # noqa: PLC0415  # it imports what was just looked for

    runs = [report.run(quick=options.quick) for _ in range(options.runs)]
    if options.json:
        print(report.as_json(runs, quick=options.quick))
    else:
        print(*report.as_text(runs, quick=options.quick), sep="\n")
    return 0


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
