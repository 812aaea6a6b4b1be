"""Explore the demo's kind of job completely, on every backend: ``python -m tests.explored [BACKEND ...]``.

The job has about 150 points, since it runs git many times: this takes about a minute for each backend. Exit code 0
means that there was no finding and nearly every point was covered. Not every point can be: git's output arrives in
chunks of any size, so that a run may leave the recorded path.
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
from jobcancel._cli.demo.git import Git
from jobcancel._cli.demo.ingest import project_ingest_github
from jobcancel._cli.demo.workspace import Workspace, new_workspace
from jobcancel.testing import Report, Run, Submission, explore
from tests.conftest import BACKENDS

COVERED_SHARE = 0.95  # of the points


@frozen
class Checkout:
    """The app of a run: its git, with the workspace for the check.

    Attributes:
        git: The git that the handler uses.
        workspace: The workspace of the run.
    """

    git: Git
    workspace: Workspace

    def __getattr__(self, name: str) -> Any:
        return getattr(self.git, name)


def submissions(repo: Path) -> Callable[[], Any]:
    @asynccontextmanager
    async def make() -> AsyncGenerator[Submission]:
        with TemporaryDirectory() as work, new_workspace(str(repo), Path(work)) as workspace:
            call = project_ingest_github(workspace.repo, workspace.host, workspace.workdir)
            yield Submission(call, app=Checkout(workspace.git, workspace))

    return make


def check(run: Run[Any]) -> None:
    """Check that a job that did not succeed left nothing: no clone, no branch, no pull request."""
    workspace: Workspace = run.app.workspace
    left = [path.name for path in Path(workspace.workdir).iterdir() if not path.name.startswith("jobcancel-demo-")]
    refs = workspace.git.call("for-each-ref", "--format=%(refname)", cwd=workspace.host).split()
    assert left == ["host.git"], left
    assert len(refs) == (3 if run.snapshot.state is JobState.SUCCEEDED else 0), refs


@contextmanager
def sample() -> Generator[Path]:
    """Make a small repository and remove it afterwards."""
    with TemporaryDirectory() as folder:
        git = Git.isolated(str(shutil.which("git")), Path(folder), ["*"])
        path = Path(folder) / "sample"
        git.call("init", "--quiet", "--", str(path))
        (path / "hello.py").write_text("print('hello')\n", encoding="utf-8")
        git.call("add", "--", "hello.py", cwd=str(path))
        git.call("commit", "--quiet", "-m", "Say hello", cwd=str(path))
        yield path


async def explored(repo: Path, budget: int | None) -> Report:
    return await explore(submissions(repo), check=check, budget=budget)


def main(backends: list[str]) -> int:
    """Explore on each backend, print the reports and return the exit code."""
    logging.disable()  # asyncio's debug mode logs every slow step
    passed = True
    for name in backends or BACKENDS:
        backend, options = BACKENDS[name]
        begun = time.monotonic()
        with sample() as repo:
            report = anyio.run(explored, repo, None, backend=backend, backend_options=options)
        print(f"{name}, {time.monotonic() - begun:.0f} s: {report}", flush=True)
        passed = (
            passed and not report.findings and not report.skipped and report.covered >= COVERED_SHARE * report.points
        )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
