"""The demo's kind of job, as a host would write one: four stages, what a cancel meets in each, and how each is undone.

Cloning and analyzing stop at once. Opening a pull request refuses a cancel, for half a pull request helps nobody; what
it did is undone if the job fails, or is forced to end. Finalizing is the point of no return.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from jobcancel import JobContext, Registry, Stage

from .analysis import Report, analyze, markdown
from .git import Git, without_credentials

registry = Registry()

STEPS_OF_A_PULL_REQUEST = 3
# `Receiving objects:  42% (5/12)`: what git itself prints while it works.
GIT_PROGRESS = re.compile(r"(?:remote: )?([A-Z][a-z]+ [a-z]+): +\d+% \((\d+)/(\d+)\)")


class Ingested(TypedDict):
    """What the job returns."""

    pull_request: int
    branch: str
    commit: str
    report: Report


@registry.kind(
    "project_ingest_github",
    stages=[
        Stage("cloning"),
        Stage("analyzing"),
        Stage("opening_pr", on_cancel="refuse"),
        Stage("finalizing", on_cancel="refuse", commits=True),
    ],
    grace_s=30,
)
async def project_ingest_github(job: JobContext, repo: str, host: str, workdir: str) -> Ingested:
    """Clone a repository, analyze it, and open a pull request that adds the report.

    Args:
        job: The job; its ``app`` is the ``Git`` to use.
        repo: A path or URL that ``git clone`` takes.
        host: The bare repository that stands in for the host.
        workdir: The folder for the clone, which is removed however the job ends.
    """
    git: Git = job.app
    async with job.stage("cloning"):
        clone = tempfile.mkdtemp(prefix="clone-", dir=workdir)
        job.add_compensation(remove_tree, clone)  # before it is filled: a torn clone is removed too
        job.progress(0, 1, "starting git clone")
        await git.run(
            job, "clone", "--progress", "--no-local", "--template=", "--", repo, clone, on_line=git_progress(job)
        )

    async with job.stage("analyzing"):
        job.progress(0, 1, "reading the log")
        log = await git.run(job, "log", "--format=%H%x09%aN", "HEAD", "--", cwd=clone)
        report = await job.run_sync(analyze, job, without_credentials(repo), clone, log)

    async with job.stage("opening_pr"):
        job.progress(0, STEPS_OF_A_PULL_REQUEST, "committing the report")
        branch = f"report-{job.id}"
        commit = await commit_report(job, clone, branch, report)

        job.progress(1, STEPS_OF_A_PULL_REQUEST, "pushing the branch")
        # Registered before the effect, so that no end of the job comes between them; it deletes what is ours alone.
        job.add_compensation(git.delete_ref, host, f"refs/heads/{branch}", commit)
        await git.run(job, "push", "--quiet", "--", host, f"{commit}:refs/heads/{branch}", cwd=clone)

        job.progress(2, STEPS_OF_A_PULL_REQUEST, "opening the pull request")
        number = await next_number(job, host)
        job.add_compensation(git.delete_ref, host, f"refs/pull/{number}/head", commit)
        await git.run(job, "update-ref", f"refs/pull/{number}/head", commit, "", cwd=host)  # "": it must be new

        await job.run_sync(remove_tree, clone)  # it has served, and the next stage drops the compensations
        job.progress(STEPS_OF_A_PULL_REQUEST, STEPS_OF_A_PULL_REQUEST, f"pull request {number} is open")

    async with job.stage("finalizing"):
        job.progress(0, 1, "marking the pull request ready")
        await git.run(job, "update-ref", f"refs/pull/{number}/ready", commit, cwd=host)
        job.note("pull_request_ready", number=number, branch=branch)
        job.progress(1, 1, f"pull request {number} is ready")
    return {"pull_request": number, "branch": branch, "commit": commit, "report": report}


async def commit_report(job: JobContext, clone: str, branch: str, report: Report) -> str:
    """Commit the report on a new branch and return the commit.

    It goes through the index alone: in a repository of somebody else's, a file's name may be a link that leads out.
    """
    git: Git = job.app
    await git.run(job, "checkout", "--quiet", "-b", branch, cwd=clone)
    for name, text in (
        ("jobcancel-report.json", json.dumps(report, indent=2) + "\n"),
        ("jobcancel-report.md", markdown(report)),
    ):
        blob = await git.run(job, "hash-object", "-w", "--stdin", cwd=clone, input=text.encode())
        await git.run(
            job, "update-index", "--add", "--replace", "--cacheinfo", f"100644,{blob.strip()},{name}", cwd=clone
        )
    await git.run(job, "commit", "--quiet", "--no-verify", "-m", f"Add the report of {job.id}", cwd=clone)
    return (await git.run(job, "rev-parse", "HEAD", cwd=clone)).strip()


async def next_number(job: JobContext, host: str) -> int:
    """Return the number after the last pull request's."""
    git: Git = job.app
    refs = await git.run(job, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/pull", cwd=host)
    return 1 + max((int(ref.partition("/")[0]) for ref in refs.split()), default=0)


def git_progress(job: JobContext) -> Callable[[str], None]:
    """Return what turns git's own progress into the job's."""

    def on_line(line: str) -> None:
        match = GIT_PROGRESS.match(line)
        if match is not None:
            job.progress(int(match[2]), int(match[3]), match[1].lower())

    return on_line


def remove_tree(path: str) -> None:
    """Remove a folder; one that is gone already is no error."""
    if Path(path).exists():
        shutil.rmtree(path)
