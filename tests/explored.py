"""The explorer on the demo's own kind of job, whole, on every backend: ``python -m tests.explored [BACKEND ...]``.

Some hundred and fifty moments of a job that runs git again and again: a minute or so for each backend. Exit code 0 says
that nothing was found and nearly every moment was covered: what git writes comes in pieces as it likes, so that a run
may leave the path that was recorded.
"""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from attrs import frozen

from jobcancel import JobState
from jobcancel._cli.git import Git
from jobcancel._cli.ingest import project_ingest_github
from jobcancel._cli.preflight import Place, prepared
from jobcancel.testing import Report, Run, Submission, explore
from tests.conftest import BACKENDS

SHARE = 0.95  # of the moments, to be covered


@frozen
class Checkout:
    """What a run works on, for its check.

    Attributes:
        git: What the handler uses.
        place: Where.
    """

    git: Git
    place: Place

    def __getattr__(self, name: str) -> Any:
        return getattr(self.git, name)


def making(repo: Path) -> Callable[[], Any]:
    @asynccontextmanager
    async def make() -> AsyncGenerator[Submission]:
        with TemporaryDirectory() as work, prepared(str(repo), Path(work)) as place:
            call = project_ingest_github(place.repo, place.host, place.workdir)
            yield Submission(call, app=Checkout(place.git, place))

    return make


def check(run: Run[Any]) -> None:
    """Nothing is left of a job that did not succeed: no clone, no branch, no pull request."""
    place: Place = run.app.place
    left = [path.name for path in Path(place.workdir).iterdir() if not path.name.startswith("jobcancel-demo-")]
    refs = place.git.call("for-each-ref", "--format=%(refname)", cwd=place.host).split()
    assert left == ["host.git"], left
    assert len(refs) == (3 if run.snapshot.state is JobState.SUCCEEDED else 0), refs


@contextmanager
def sample() -> Generator[Path]:
    """Give a small repository."""
    with TemporaryDirectory() as folder:
        git = Git.isolated(str(shutil.which("git")), Path(folder), ["*"])
        path = Path(folder) / "sample"
        git.call("init", "--quiet", "--", str(path))
        (path / "hello.py").write_text("print('hello')\n", encoding="utf-8")
        git.call("add", "--", "hello.py", cwd=str(path))
        git.call("commit", "--quiet", "-m", "Say hello", cwd=str(path))
        yield path


async def explored(repo: Path, budget: int | None) -> Report:
    return await explore(making(repo), check=check, budget=budget)


def main(backends: list[str]) -> int:
    """Explore on each backend and print the reports; answer the exit code."""
    logging.disable()  # asyncio's debug mode tells of every slow step
    good = True
    for name in backends or BACKENDS:
        backend, options = BACKENDS[name]
        begun = time.monotonic()
        with sample() as repo:
            report = anyio.run(explored, repo, None, backend=backend, backend_options=options)
        print(f"{name}, {time.monotonic() - begun:.0f} s: {report}", flush=True)
        good = good and not report.findings and not report.skipped and report.covered >= SHARE * report.points
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
