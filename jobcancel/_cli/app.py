"""The commands and their options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobcancel import mermaid

from .demo import Kept, exit_code, run
from .ingest import project_ingest_github
from .jobs import jobs
from .live import LiveView
from .outcomes import draw, plain_lines, selected
from .preflight import BadInputError, input_checked, prepared
from .terminal import on_terminal
from .unfinished import place_of, unfinished
from .view import JsonView, PlainView, View

app = typer.Typer(
    help="Cancellation of long-running jobs: demonstrations, vendors' cancel APIs, journals, and the state machine.",
    add_completion=False,
    rich_markup_mode="markdown",  # it fills the paragraphs of a docstring to the terminal's width
    pretty_exceptions_enable=False,
)

app.add_typer(jobs, name="jobs")

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
        "Default: a temporary folder that is removed (after a kill -9 it is left); with --db, FILE-work, which stays.",
    ),
]
Database = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="FILE",
        help="A journal: a run that was killed resumes when the demo is started with the same one.",
    ),
]
ServedFrom = Annotated[
    Path | None,
    typer.Option("--db", metavar="FILE", help="A journal that keeps the jobs; those that it has are served again."),
]
Contract = Annotated[
    str,
    typer.Option(
        metavar="NAME_OR_FILE", help="A shipped contract (`jobcancel contracts` lists them), or your TOML file."
    ),
]
Variants = Annotated[
    list[str] | None, typer.Option("--variant", metavar="NAME", help="A variant to lay over it; may be repeated.")
]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")]
Port = Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="The port; 0 takes any that is free.")]
MaxRunning = Annotated[
    int | None,
    typer.Option(
        metavar="COUNT", min=1, max=1_000_000, help="How many jobs run at once; others are pending. Default: no limit."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(metavar="TOKEN", help="What clients send. Default: one that is made, another at each start."),
]
Shown = Annotated[str | None, typer.Argument(metavar="NAME", help="A shipped contract, or a TOML file of yours.")]
SERVER = {"starlette", "uvicorn"}
AsJson = Annotated[bool, typer.Option("--json", help="Print the final snapshot alone, as JSON.")]


@app.callback(invoke_without_command=True)
def listing(context: typer.Context) -> None:
    """List the commands when none is named."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(
    repo: Repo = None,
    cancel_at: CancelAt = None,
    workdir: Workdir = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Clone a repository, analyze it, open a pull request with the report; cancel it anywhere with Ctrl-C.

    With --db the job outlasts the process: one that was killed, or interrupted by SIGTERM, resumes with the repository
    and the folder that it began with, and one whose cancel was accepted is undone.

    Exit code: 0 if it succeeded or the cancel of --cancel-at ended it, 1 if it failed, 2 if the input was wrong,
    130 if Ctrl-C ended it, 143 if SIGTERM did.
    """
    with input_checked("demo"):
        raise typer.Exit(_demo(repo, cancel_at, workdir, db, choose_view(as_json=as_json)))


@app.command()
def diagram() -> None:
    """Print the state machine as a Mermaid diagram."""
    typer.echo(mermaid(), nl=False)


@app.command()
def contracts(name: Shown = None) -> None:
    """Show what the vendors' contracts answer to a cancel, side by side, and their variants."""
    with input_checked("contracts"):
        shown = selected(name)
    if on_terminal():
        draw(shown, Console())
    else:
        for line in plain_lines(shown):
            typer.echo(line)


@app.command()
def serve(
    contract: Contract,
    variant: Variants = None,
    port: Port = 8000,
    host: Host = "127.0.0.1",
    token: Token = None,
    max_running: MaxRunning = None,
    db: ServedFrom = None,
) -> None:
    """Serve a vendor's cancel API over jobs that do nothing for as long as you want, to try a client against it.

    The first lines that it prints name the kinds of job and their stages, and give commands to submit a job, to poll
    it and to cancel it.

    `POST /demo/jobs` submits a job. Its body is a JSON object:

    - `kind`: one of the kinds; required.
    - `stages`: how many seconds each stage lasts, as in `{"generating": 30}`, each from 0 to 86400; a stage that is not
      named ends at once.
    - `fails_in`: the stage that fails at its end. Default: none.
    - `owner`: the owner of the job. Default: `demo`, the owner of the token, to which another's jobs are unknown.
    - `labels`: the labels of the job, as in `{"project_id": "other"}`.

    With the header `Idempotency-Key`, where the contract has one, a repeated submit answers the first job.

    `GET /demo/credits` shows the credits that the jobs have reserved, and those reversed because a job was canceled.

    With --db the jobs, their keys and verdicts outlast the service, also a kill -9: jobs that ran are run again
    without their finished stages. Their credits are counted as long as the jobs are kept.

    Exit code: 0 when SIGINT or SIGTERM has ended it, 2 if the input was wrong.
    """
    with input_checked("serve"):
        _server()(contract, variant or (), host, port, token, max_running, db)


def _server() -> Callable[[str, Iterable[str], str, int, str | None, int | None, Path | None], None]:
    """Return what serves.

    Raises:
        BadInputError: What it needs is not installed.
    """
    try:
        from .serve import serve as run_server  # noqa: PLC0415  # a missing extra is answered here
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in SERVER:
            raise
        raise BadInputError(f"it needs {missing}: pip install 'jobcancel[cli,asgi]'") from None
    return run_server


def _demo(repo: str | None, cancel_at: str | None, workdir: Path | None, db: Path | None, view: View) -> int:
    """Check the input, run the demo, and return the exit code."""
    if cancel_at is not None and cancel_at not in project_ingest_github.stages:
        stages = ", ".join(project_ingest_github.stages)
        raise BadInputError(f"there is no stage {cancel_at!r} to cancel at; --cancel-at takes one of {stages}")
    kept = None if db is None else Kept(db, unfinished(db))
    if kept is not None and kept.job is not None:
        places = place_of(kept.job, kept.journal)
    else:
        places = prepared(repo, workdir, db)
    with places as place:
        return exit_code(run(place, view, cancel_at, kept))


def choose_view(*, as_json: bool) -> View:
    """Return the view that standard output can show."""
    if as_json:
        return JsonView()
    if on_terminal():
        return LiveView(Console(), project_ingest_github.stages.values())
    return PlainView()
