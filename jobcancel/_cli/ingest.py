"""The demo's kind of job, as a host would write one: four stages, what a cancel meets in each, and how each is undone.

Cloning and analyzing stop at once. Opening a pull request refuses a cancel, for half a pull request helps nobody; what
it did is undone if the job fails, or is forced to end. Finalizing is the point of no return. What undoes it has a name,
so that a run that was killed is undone by the next one.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from jobcancel import CompensationContext, JobContext, Registry, Stage

from .analysis import Report, analyze, markdown
from .git import Git, without_credentials

registry = Registry()

STEPS_OF_A_PULL_REQUEST = 3
# `Receiving objects:  42% (5/12)`: what git itself prints while it works.
GIT_PROGRESS = re.compile(r"(?:remote: )?([A-Z][a-z]+ [a-z]+): +\d+% \((\d+)/(\d+)\)")


class PullRequest(TypedDict):
    """A pull request on the host."""

    pull_request: int
    branch: str
    commit: str


class Ingested(PullRequest):
    """What the job returns."""

    report: Report


@registry.compensation("remove_clones")
def remove_clones(context: CompensationContext, workdir: str) -> None:
    """Remove the clones of all attempts."""
    remove_clones_of(context.job_id, workdir)


@registry.compensation("delete_ref")
def delete_ref(context: CompensationContext, repository: str, ref: str, commit: str) -> None:
    """Delete a ref if it is there and still ours."""
    context.app.delete_ref(repository, ref, commit)


@registry.kind(
    "project_ingest_github",
    stages=[
        Stage("cloning"),
        Stage("analyzing"),
        Stage("opening_pr", on_cancel="refuse"),
        Stage("finalizing", on_cancel="refuse", commits=True),
    ],
    grace_s=30,
    on_restart="rerun",
)
async def project_ingest_github(job: JobContext, repo: str, host: str, workdir: str) -> Ingested:
    """Clone a repository, analyze it, and open a pull request that adds the report.

    With a journal a killed run goes on in another attempt, which takes the results of the finished stages. A stage that
    was open is run again, so that each finds what an earlier try of it left, and adds nothing to that.

    Args:
        job: The job; its ``app`` is the ``Git`` to use.
        repo: A path or URL that ``git clone`` takes.
        host: The bare repository that stands in for the host.
        workdir: The folder for the clone, which is removed however the job ends.
    """
    clone = await job.run_stage("cloning", cloned, job, repo, workdir)
    report = await job.run_stage("analyzing", analyzed, job, repo, clone)
    pull_request = await job.run_stage("opening_pr", opened, job, host, clone, report)
    # It has served, and the next stage drops the compensations.
    await job.run_sync(remove_clones_of, job.id, workdir)
    await job.run_stage("finalizing", marked_ready, job, host, pull_request)
    return {**pull_request, "report": report}


async def cloned(job: JobContext, repo: str, workdir: str) -> str:
    """Clone the repository and return the folder.

    Each attempt has its own: the git of a killed run may still write to its one, or clear it away.
    """
    git: Git = job.app
    job.add_compensation(remove_clones(workdir))  # before it is filled: a torn clone is removed too
    clone = new_folder(Path(workdir, f"clone-{job.id}-{job.attempt}"))
    job.progress(0, 1, "starting git clone")
    options = ("--progress", "--no-local", "--template=")
    await git.run(job, "clone", *options, "--", repo, clone, on_line=git_progress(job))
    return clone


async def analyzed(job: JobContext, repo: str, clone: str) -> Report:
    """Return what is in the clone."""
    git: Git = job.app
    job.progress(0, 1, "reading the log")
    log = await git.run(job, "log", "--format=%H%x09%aN", "HEAD", "--", cwd=clone)
    return await job.run_sync(analyze, job, without_credentials(repo), clone, log)


async def opened(job: JobContext, host: str, clone: str, report: Report) -> PullRequest:
    """Open the pull request, or find the one that an earlier try opened."""
    git: Git = job.app
    job.progress(0, STEPS_OF_A_PULL_REQUEST, "committing the report")
    branch = f"report-{job.id}"
    commit = await commit_report(job, clone, report)

    job.progress(1, STEPS_OF_A_PULL_REQUEST, "pushing the branch")
    # Registered before the effect, so that no end of the job comes between them; it deletes what is ours alone.
    job.add_compensation(delete_ref(host, f"refs/heads/{branch}", commit))
    await git.run(job, "push", "--quiet", "--", host, f"{commit}:refs/heads/{branch}", cwd=clone)

    job.progress(2, STEPS_OF_A_PULL_REQUEST, "opening the pull request")
    number, is_there = await numbered(job, host, commit)
    job.add_compensation(delete_ref(host, f"refs/pull/{number}/head", commit))
    if not is_there:
        await git.run(job, "update-ref", f"refs/pull/{number}/head", commit, "", cwd=host)  # "": it must be new
    job.progress(STEPS_OF_A_PULL_REQUEST, STEPS_OF_A_PULL_REQUEST, f"pull request {number} is open")
    return {"pull_request": number, "branch": branch, "commit": commit}


async def marked_ready(job: JobContext, host: str, pull_request: PullRequest) -> None:
    """Mark the pull request ready: the point of no return."""
    git: Git = job.app
    number = pull_request["pull_request"]
    job.progress(0, 1, "marking the pull request ready")
    await git.run(job, "update-ref", f"refs/pull/{number}/ready", pull_request["commit"], cwd=host)
    job.note("pull_request_ready", number=number, branch=pull_request["branch"])
    job.progress(1, 1, f"pull request {number} is ready")


async def commit_report(job: JobContext, clone: str, report: Report) -> str:
    """Make the commit that adds the report and return it; it is the same each time, with the date of its parent.

    It goes through the index alone: in a repository of somebody else's, a file's name may be a link that leads out.
    """
    git: Git = job.app
    parent = report["commit"]
    await git.run(job, "read-tree", parent, cwd=clone)
    for name, text in (
        ("jobcancel-report.json", json.dumps(report, indent=2) + "\n"),
        ("jobcancel-report.md", markdown(report)),
    ):
        blob = await git.run(job, "hash-object", "-w", "--stdin", cwd=clone, input=text.encode())
        await git.run(
            job, "update-index", "--add", "--replace", "--cacheinfo", f"100644,{blob.strip()},{name}", cwd=clone
        )
    tree = (await git.run(job, "write-tree", cwd=clone)).strip()
    seconds = (await git.run(job, "log", "-1", "--format=%ct", parent, "--", cwd=clone)).strip()
    dated = git.dated(f"@{seconds} +0000")
    commit = await dated.run(job, "commit-tree", tree, "-p", parent, "-m", f"Add the report of {job.id}", cwd=clone)
    return commit.strip()


async def numbered(job: JobContext, host: str, commit: str) -> tuple[int, bool]:
    """Return the number of the commit's pull request, or of the next one, and whether it is there already."""
    git: Git = job.app
    refs = await git.run(job, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/pull", cwd=host)
    last = 0
    for ref in refs.splitlines():
        name, found = ref.split()
        number = int(name.partition("/")[0])
        if found == commit and name.endswith("/head"):
            return number, True
        last = max(last, number)
    return last + 1, False


def git_progress(job: JobContext) -> Callable[[str], None]:
    """Return what turns git's own progress into the job's."""

    def on_line(line: str) -> None:
        match = GIT_PROGRESS.match(line)
        if match is not None:
            job.progress(int(match[2]), int(match[3]), match[1].lower())

    return on_line


def new_folder(path: Path) -> str:
    """Make a folder for this user alone."""
    path.mkdir(mode=0o700)
    return str(path)


def remove_clones_of(job_id: str, workdir: str) -> None:
    """Remove the clones of all attempts of a job; that there is none is no error."""
    for clone in Path(workdir).glob(f"clone-{job_id}-*"):
        shutil.rmtree(clone)
