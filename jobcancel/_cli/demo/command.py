"""`jobcancel demo` and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from jobcancel._cli.bad_input import BadInputError, report_bad_input
from jobcancel._cli.terminal import on_terminal
from jobcancel._core.arguments import Range

from .ingest import project_ingest_github
from .live_view import LiveView
from .resume import Journal, workspace_of
from .run import Options, exit_code, run
from .views import JsonView, PlainView, View
from .workspace import new_workspace

STAGES = ", ".join(project_ingest_github.stages)
_STAGE_SECONDS: Final = Range(float, 0, 3600, "a number from 0 to 3600")


def _check_stage_seconds(seconds: float) -> float:  # typer's own limits let nan pass in its lowest versions
    try:
        return _STAGE_SECONDS.check(seconds, "SECONDS")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Repo = Annotated[
    str | None,
    typer.Option(
        metavar="PATH_OR_URL",
        help="The repository to clone. Default: the current folder's, or a small one that is made for the run.",
    ),
]
CancelAt = Annotated[str | None, typer.Option(metavar="STAGE", help=f"Request a cancel in this stage: {STAGES}.")]
StageSeconds = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        callback=_check_stage_seconds,
        help="Each stage lasts at least this long, so that there is time to press Ctrl-C in it.",
    ),
]
Workdir = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="The folder for the clone and for host.git, which stands for the host and is not removed. "
        "Default: a temporary folder, removed at the end; with --db, the folder FILE-work, which is not removed.",
    ),
]
Database = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="FILE",
        help="A journal for the job. If a run is killed, the next run with the same journal resumes its job.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print only the final snapshot, as JSON.")]


def demo(
    repo: Repo = None,
    cancel_at: CancelAt = None,
    stage_seconds: StageSeconds = 3,
    workdir: Workdir = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Clone a repository, analyze it, and open a pull request with the report. Press Ctrl-C in any stage to cancel.

    What a cancel meets depends on the stage:

    - `cloning` and `analyzing` are interrupted at once, and everything is undone.
    - `opening_pr` refuses the cancel: half a pull request is of no use. The job continues.
    - `finalizing` defers the cancel to its end. It is the point of no return, so the job then succeeds.

    A second Ctrl-C forces the cancel in every stage.

    The pull request is opened in a local repository that stands for the host; nothing is sent anywhere.

    With --db the job survives its process: after a kill or a SIGTERM, the next run resumes it with the same repository
    and folder, or undoes its work if its cancel was accepted.

    Exit code: 0 if the job succeeded or --cancel-at canceled it, 1 if it failed, 2 if the input was wrong,
    130 if Ctrl-C canceled it, 143 if SIGTERM did.
    """
    with report_bad_input("demo"):
        if cancel_at is not None and cancel_at not in project_ingest_github.stages:
            raise BadInputError(f"there is no stage {cancel_at!r} to cancel at; --cancel-at takes one of {STAGES}")
        journal = None if db is None else Journal.at(db)
        if journal is not None and journal.unfinished is not None:
            preparing = workspace_of(journal.unfinished, journal.path)
        else:
            preparing = new_workspace(repo, workdir, db)
        with preparing as workspace:
            snapshot = run(workspace, choose_view(as_json=as_json), Options(cancel_at, stage_seconds), journal)
    raise typer.Exit(exit_code(snapshot))


def choose_view(*, as_json: bool) -> View:
    """Return the view that standard output can show."""
    if as_json:
        return JsonView()
    if on_terminal():
        return LiveView(Console(), project_ingest_github.stages.values())
    return PlainView()
