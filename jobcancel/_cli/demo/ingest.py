"""The demo's kind of job, as a host would write one: four stages, the cancel policy of each, and the compensations.

A cancel stops cloning and analyzing at once. It is refused while the pull request is being opened: half a pull request
is of no use. What that stage did is undone if the job fails or the cancel is forced. Finalizing is the point of no
return, and defers a cancel to its end. The compensations are registered by name, so that the next run can undo the work
of a run that was killed.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypedDict, TypeVar

import anyio

from jobcancel import CompensationContext, JobContext, Registry, Stage

from .analysis import Report, analyze, markdown
from .git import Git, without_credentials

registry = Registry()

PULL_REQUEST_STEPS: Final = 3
# `Receiving objects:  42% (5/12)`: git's own progress.
GIT_PROGRESS: Final = re.compile(r"(?:remote: )?([A-Z][a-z]+ [a-z]+): +\d+% \((\d+)/(\d+)\)")
P = ParamSpec("P")
T = TypeVar("T")


class PullRequest(TypedDict):
    """A pull request on the host."""

    pull_request: int
    branch: str
    commit: str


class Ingested(PullRequest):
    """The job's result."""

    report: Report


@registry.compensation("remove_clones")
def remove_clones(context: CompensationContext, workdir: str) -> None:
    """Remove the clones of all attempts."""
    remove_clones_of(context.job_id, workdir)


@registry.compensation("delete_ref")
def delete_ref(context: CompensationContext, repository: str, ref: str, commit: str) -> None:
    """Delete a ref if it exists and still points to the job's commit."""
    context.app.delete_ref(repository, ref, commit)


@registry.kind(
    "project_ingest_github",
    stages=[
        Stage("cloning"),
        Stage("analyzing"),
        Stage("opening_pr", on_cancel="refuse"),
        Stage("finalizing", on_cancel="defer", commits=True),
    ],
    grace_s=30,
    on_restart="rerun",
)
async def project_ingest_github(job: JobContext, repo: str, host: str, workdir: str, stage_s: float = 0) -> Ingested:
    """Clone a repository, analyze it, and open a pull request that adds the report.

    With a journal, a run that was killed continues in another attempt, which reuses the results of finished stages. The
    stage that was open is run again: each stage finds what an earlier attempt left, and does not add it twice.

    Args:
        job: The job; its ``app`` is the ``Git`` to use.
        repo: A path or URL that ``git clone`` accepts.
        host: The bare repository that stands for the host.
        workdir: The folder for the clone, which is removed however the job ends.
        stage_s: The least duration of each stage in seconds, so that a person has time to press Ctrl-C in it.
    """
    clone = await job.run_stage("cloning", clone_repository, job, stage_s, repo, workdir)
    report = await job.run_stage("analyzing", analyze_clone, job, stage_s, repo, clone)
    pull_request = await job.run_stage("opening_pr", open_pull_request, job, stage_s, host, clone, report)
    # The clone is no longer needed, and the next stage drops the compensations.
    await job.run_sync(remove_clones_of, job.id, workdir)
    await job.run_stage("finalizing", mark_ready, job, stage_s, host, pull_request)
    return {**pull_request, "report": report}


def lasting(
    stage: Callable[Concatenate[JobContext, P], Awaitable[T]],
) -> Callable[Concatenate[JobContext, float, P], Awaitable[T]]:
    """Return a stage that takes the seconds that it lasts at least, after the job; its progress counts them."""

    @wraps(stage)
    async def run(job: JobContext, stage_s: float, /, *args: P.args, **kwargs: P.kwargs) -> T:
        begun, total = anyio.current_time(), math.ceil(stage_s)
        result = await stage(job, *args, **kwargs)
        while (left_s := begun + stage_s - anyio.current_time()) > 0:
            job.progress(total - math.ceil(left_s), total, "seconds: time to press Ctrl-C")
            await anyio.sleep(min(left_s, 1))
        return result

    return run


@lasting
async def clone_repository(job: JobContext, repo: str, workdir: str) -> str:
    """Clone the repository and return the folder.

    Each attempt has a folder of its own: the git of a killed run may still write to its folder, or remove it.
    """
    git: Git = job.app
    job.add_compensation(remove_clones(workdir))  # before git writes: a partial clone is removed too
    clone = new_folder(Path(workdir, f"clone-{job.id}-{job.attempt}"))
    job.progress(0, 1, "starting git clone")
    options = ("--progress", "--no-local", "--template=")
    await git.run(job, "clone", *options, "--", repo, clone, on_line=report_git_progress(job))
    return clone


@lasting
async def analyze_clone(job: JobContext, repo: str, clone: str) -> Report:
    """Return the report on the clone."""
    git: Git = job.app
    job.progress(0, 1, "reading the log")
    log = await git.run(job, "log", "--format=%H%x09%aN", "HEAD", "--", cwd=clone)
    return await job.run_sync(analyze, job, without_credentials(repo), clone, log)


@lasting
async def open_pull_request(job: JobContext, host: str, clone: str, report: Report) -> PullRequest:
    """Open the pull request, or find the one that an earlier attempt opened."""
    git: Git = job.app
    job.progress(0, PULL_REQUEST_STEPS, "committing the report")
    branch = f"report-{job.id}"
    commit = await commit_report(job, clone, report)

    job.progress(1, PULL_REQUEST_STEPS, "pushing the branch")
    # Registered before the effect, so that the job cannot end between the two. It deletes nothing of others.
    job.add_compensation(delete_ref(host, f"refs/heads/{branch}", commit))
    await git.run(job, "push", "--quiet", "--", host, f"{commit}:refs/heads/{branch}", cwd=clone)

    job.progress(2, PULL_REQUEST_STEPS, "opening the pull request")
    number, exists = await pull_request_number(job, host, commit)
    job.add_compensation(delete_ref(host, f"refs/pull/{number}/head", commit))
    if not exists:
        await git.run(job, "update-ref", f"refs/pull/{number}/head", commit, "", cwd=host)  # "": it must be new
    job.progress(PULL_REQUEST_STEPS, PULL_REQUEST_STEPS, f"pull request {number} is open")
    return {"pull_request": number, "branch": branch, "commit": commit}


@lasting
async def mark_ready(job: JobContext, host: str, pull_request: PullRequest) -> None:
    """Mark the pull request as ready: the point of no return."""
    git: Git = job.app
    number = pull_request["pull_request"]
    job.progress(0, 1, "marking the pull request as ready")
    await git.run(job, "update-ref", f"refs/pull/{number}/ready", pull_request["commit"], cwd=host)
    job.note("pull_request_ready", number=number, branch=pull_request["branch"])
    job.progress(1, 1, f"pull request {number} is ready")


async def commit_report(job: JobContext, clone: str, report: Report) -> str:
    """Commit the report and return the commit; with its parent's date it is the same in each attempt.

    The files are added through the index alone: in a foreign repository, a file's name may be a link to outside.
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


async def pull_request_number(job: JobContext, host: str, commit: str) -> tuple[int, bool]:
    """Return the number of the commit's pull request, or the next free number, and whether it exists."""
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


def report_git_progress(job: JobContext) -> Callable[[str], None]:
    """Return a function that reports git's own progress lines as the job's progress."""

    def on_line(line: str) -> None:
        match = GIT_PROGRESS.match(line)
        if match is not None:
            job.progress(int(match[2]), int(match[3]), match[1].lower())

    return on_line


def new_folder(path: Path) -> str:
    """Make a folder that only this user can read."""
    path.mkdir(mode=0o700)
    return str(path)


def remove_clones_of(job_id: str, workdir: str) -> None:
    """Remove the clones of all attempts of a job, if there are any."""
    for clone in Path(workdir).glob(f"clone-{job_id}-*"):
        shutil.rmtree(clone)
