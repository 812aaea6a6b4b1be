"""``python -m tests.mutation [FILE ...]``: mutate the core, the contracts and the runtime, and let their tests judge.

Every mutant (see ``mutants``) has to be killed by the tests of its package, or stand in ``explained.toml`` with the
reason why no test can tell it from the original. Without FILEs: all of ``jobcancel/_core``, ``jobcancel/contracts``
and ``jobcancel/_runtime``. Exit code 0 only if nothing survived unexplained and no explanation is stale.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from tests.edited_copy import TOP, copy_tree
from tests.mutation.explained import Explanations
from tests.mutation.mutants import mutants_of
from tests.mutation.trial import JUDGES, Result, surveyed, tried


def main(arguments: list[str] | None = None) -> int:
    """Tries all the mutants and prints what became of them; answers the exit code."""
    parser = ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="as jobcancel/_core/decision.py (default: all)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try one mutant of N (default: all)")
    parser.add_argument("--asyncio", action="store_true", help="leave out the tests on other loops, for a quick look")
    parser.add_argument("--bodies", action="store_true", help="leave out what runs at import: each costs a whole run")
    options = parser.parse_args(arguments)
    files: list[str] = options.files or every_file()
    unknown = [file for file in files if file not in every_file()]
    if unknown:
        parser.error(f"not among what is mutated: {', '.join(unknown)}")
    begun = perf_counter()
    explanations = Explanations.read()
    with tempfile.TemporaryDirectory(prefix="jobcancel-mutation-") as temporary:
        copy = copy_tree(Path(temporary).resolve())
        results = tried_all(files, copy, options)
    code = report(files, results, explanations, whole=options.every == 1 and not options.bodies)
    print(f"{perf_counter() - begun:.0f} s")
    return code


def every_file() -> list[str]:
    """Returns what is mutated, as paths from the top of the tree."""
    return [str(path.relative_to(TOP)) for folder in JUDGES for path in sorted((TOP / folder).glob("*.py"))]


def tried_all(files: Sequence[str], copy: Path, options: Namespace) -> list[Result]:
    """Tries the mutants of the files that the options choose, in the order of the files."""
    results: list[Result] = []
    for package, folders in JUDGES.items():
        found = [mutant for file in files if Path(file).parent == Path(package) for mutant in mutants_of(file, copy)]
        chosen = [mutant for mutant in found if mutant.function or not options.bodies][:: options.every]
        if chosen:
            print(f"{package}: {len(chosen)} of {len(found)} mutants", flush=True)
            suite = surveyed(["--asyncio", *folders] if options.asyncio else folders, copy)
            results += tried(chosen, suite, copy, reload=not options.bodies)
    return results


def report(files: Sequence[str], results: Sequence[Result], explanations: Explanations, *, whole: bool) -> int:
    """Prints the table, the unexplained survivors and, of a whole run, the explanations that explain nothing."""
    survivors = [result.mutant for result in results if result.became == "survived"]
    explained = [mutant for mutant in survivors if explanations.cover(mutant)]
    columns = ("mutants", "killed", "timed out", "survived", "explained")
    width = max(map(len, files))
    print(f"{'':{width}}", *columns, sep="  ")
    rows = [(file, {file}) for file in files] + [("all", set(files))]
    for title, among in rows:
        became = Counter(result.became for result in results if result.mutant.file in among)
        counts = (
            became.total(),
            became["killed"],
            became["timed out"],
            became["survived"],
            sum(mutant.file in among for mutant in explained),
        )
        print(
            f"{title:{width}}",
            *(f"{count:>{len(name)}}" for count, name in zip(counts, columns, strict=True)),
            sep="  ",
        )
    unexplained = [mutant for mutant in survivors if mutant not in explained]
    mistakes = [result.mutant for result in results if result.became == "mistake"]
    stale = explanations.stale(files) if whole else []
    _list("survived without an explanation", [mutant.shown for mutant in unexplained])
    _list("could not be judged", [mutant.shown for mutant in mistakes])
    _list("explained, but no such mutant survives: take it out of the list", stale)
    return 1 if unexplained or mistakes or stale else 0


def _list(title: str, entries: Sequence[str]) -> None:
    lines = sorted(entries)
    if lines:
        print(f"\n{len(lines)} {title}:\n")
        print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
