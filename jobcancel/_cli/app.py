"""The commands and their options."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobcancel import mermaid

from .demo import exit_code, run
from .ingest import project_ingest_github
from .live import LiveView
from .preflight import BadInputError, prepared
from .view import JsonView, PlainView, View

app = typer.Typer(
    help="Cancellation of long-running jobs: a demonstration on a real repository, and the state machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Repo = Annotated[
    str | None,
    typer.Option(
        metavar="PATH_OR_URL",
        help="The repository to clone. Default: the one the current folder is in, else a small one made for the run.",
    ),
]
CancelAt = Annotated[
    str | None,
    typer.Option(metavar="STAGE", help=f"Ask for a cancel in this stage: {', '.join(project_ingest_github.stages)}."),
]
Workdir = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Where the clone goes, and host.git, which stands in for the host and stays. "
        "Default: a temporary folder that is removed.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the final snapshot alone, as JSON.")]


@app.command()
def demo(repo: Repo = None, cancel_at: CancelAt = None, workdir: Workdir = None, as_json: AsJson = False) -> None:
    """Clone a repository, analyze it, open a pull request with the report; cancel it anywhere with Ctrl-C.

    Exit code: 0 if it succeeded or the cancel of --cancel-at ended it, 1 if it failed, 2 if the input was wrong,
    130 if Ctrl-C ended it.
    """
    try:
        code = _demo(repo, cancel_at, workdir, choose_view(as_json=as_json))
    except BadInputError as error:
        typer.echo(f"jobcancel demo: {error}", err=True)
        code = 2
    raise typer.Exit(code)


@app.command()
def diagram() -> None:
    """Print the state machine as a Mermaid diagram."""
    typer.echo(mermaid(), nl=False)


def _demo(repo: str | None, cancel_at: str | None, workdir: Path | None, view: View) -> int:
    """Check the input, run the demo, and return the exit code."""
    if cancel_at is not None and cancel_at not in project_ingest_github.stages:
        stages = ", ".join(project_ingest_github.stages)
        raise BadInputError(f"there is no stage {cancel_at!r} to cancel at; --cancel-at takes one of {stages}")
    with prepared(repo, workdir) as place:
        return exit_code(run(place, view, cancel_at))


def choose_view(*, as_json: bool) -> View:
    """Return the view that standard output can show."""
    if as_json:
        return JsonView()
    if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return LiveView(Console(), project_ingest_github.stages.values())
    return PlainView()
