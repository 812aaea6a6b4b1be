"""``python -m tests.mutation [FILE ...]``: mutate the pure packages, let their tests judge, explain what survives.

Every mutant (see ``mutants``) has to be killed by the tests of its package, or stand in ``explained.toml`` with the
reason why no test can tell it from the original. Without FILEs: all of ``jobcancel/_core`` and
``jobcancel/contracts``. Exit code 0 only if nothing survived unexplained and no explanation is stale.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from tests.edited_copy import TOP, copy_tree
from tests.mutation.explained import Explanations
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.trial import JUDGES, Result, surveyed, tried


def main(arguments: list[str] | None = None) -> int:
    """Tries all the mutants and prints what became of them; answers the exit code."""
    parser = ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="as jobcancel/_core/decision.py (default: all)")
    options = parser.parse_args(arguments)
    files: list[str] = options.files or every_file()
    unknown = [file for file in files if file not in every_file()]
    if unknown:
        parser.error(f"not among what is mutated: {', '.join(unknown)}")
    begun = perf_counter()
    explanations = Explanations.read()
    with tempfile.TemporaryDirectory(prefix="jobcancel-mutation-") as temporary:
        results = tried_all(files, copy_tree(Path(temporary).resolve()))
    code = report(files, results, explanations)
    print(f"{perf_counter() - begun:.0f} s")
    return code


def every_file() -> list[str]:
    """Returns what is mutated, as paths from the top of the tree."""
    return [str(path.relative_to(TOP)) for folder in JUDGES for path in sorted((TOP / folder).glob("*.py"))]


def tried_all(files: Sequence[str], copy: Path) -> list[Result]:
    results: list[Result] = []
    for package, folder in JUDGES.items():
        mutants = [mutant for file in files if Path(file).parent == Path(package) for mutant in mutants_of(file, copy)]
        if mutants:
            results += tried(mutants, surveyed(folder, copy), copy)
    return results


def report(files: Sequence[str], results: Sequence[Result], explanations: Explanations) -> int:
    """Prints the table, the survivors without an explanation and the explanations without a survivor."""
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
    stale = explanations.stale(files)
    _list("survived without an explanation", map(shown, unexplained))
    _list("could not be judged", map(shown, mistakes))
    _list("explained, but no such mutant survives: take it out of the list", stale)
    return 1 if unexplained or mistakes or stale else 0


def shown(mutant: Mutant) -> str:
    """Returns where a mutant is, and its lines."""
    lines = [f"    - {line}" for line in mutant.old.splitlines()] + [
        f"    + {line}" for line in mutant.new.splitlines()
    ]
    return "\n".join([f"{mutant.file}:{mutant.line} {mutant.function}".rstrip(), *lines])


def _list(title: str, entries: Sequence[str] | map[str] | list[str]) -> None:
    lines = sorted(entries)
    if lines:
        print(f"\n{len(lines)} {title}:\n")
        print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
