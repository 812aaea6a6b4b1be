"""`jobcancel jobs`: what a journal says of its jobs, also while a service has it open and writes."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from jobcancel import JobState
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.stores.sqlite_reading import JournalFile, reading

from .job_checks import FORGOTTEN, Check
from .job_tables import COLUMNS, TIMELINE, document, draw, facts, row_of, timeline_of
from .preflight import BadInputError, input_checked
from .stored import newest, passes, the_job
from .terminal import on_terminal

jobs = typer.Typer(help="Read the journal of a service, running or not; nothing is written but by compact.")

Journal = Annotated[Path, typer.Option("--db", metavar="FILE", help="The journal: the file of an SqliteStore.")]
State = Annotated[JobState | None, typer.Option("--state", help="Only jobs in this state.")]
OfKind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only jobs of this kind.")]
Owner = Annotated[str | None, typer.Option("--owner", metavar="OWNER", help="Only this owner's jobs.")]
Limit = Annotated[int, typer.Option(metavar="COUNT", min=1, help="How many jobs at most.")]
Wanted = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or as much of its beginning as is unique.")]
Lines = Annotated[bool, typer.Option("--json", help="Print one snapshot a line, as JSON.")]
Document = Annotated[bool, typer.Option("--json", help="Print the job and what is left to do as one JSON document.")]


@jobs.callback(invoke_without_command=True)
def journal(context: typer.Context, db: Journal) -> None:
    """Take the journal; list the commands when none is named."""
    context.obj = db
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@jobs.command("list")
def show_list(
    context: typer.Context,
    state: State = None,
    kind: OfKind = None,
    owner: Owner = None,
    limit: Limit = 50,
    as_json: Lines = False,
) -> None:
    """List jobs, newest first."""
    with _opened(context, "list") as file:
        found, count = newest(file, passes(state, kind, owner), limit)
    if as_json:
        for job in found:
            typer.echo(json.dumps(job.snapshot.to_dict()))
    else:
        now = datetime.now(UTC)
        draw(COLUMNS, [row_of(job.snapshot, now) for job in found], terminal=on_terminal())
    if count > len(found):
        typer.echo(f"{len(found)} of {count} jobs; --limit shows more", err=True)


@jobs.command()
def show(context: typer.Context, wanted: Wanted, as_json: Document = False) -> None:
    """Show a job: what is known of it, its timeline, and what a restart would do with it."""
    with _opened(context, "show") as file:
        job = the_job(file, wanted)
    if as_json:
        typer.echo(json.dumps(document(job), indent=2))
        return
    draw(("fact", "value"), list(facts(job)), terminal=on_terminal())
    typer.echo()
    draw(TIMELINE, list(timeline_of(job.snapshot)), terminal=on_terminal())


@jobs.command()
def check(context: typer.Context) -> None:
    """Check that the file is whole, that every job replays, and that each could have become what it is.

    Exit code: 0 if nothing is wrong, 1 if something is, 2 if the journal cannot be looked at.
    """
    with _opened(context, "check") as file:
        checked = Check().file(file)
    for name in (*JobState, FORGOTTEN):
        if checked.states[name]:
            typer.echo(f"{checked.states[name]:>9}  {name}")
    typer.echo(f"{checked.entries:>9}  entries read")
    for problem in checked.problems:
        typer.echo(f"problem: {' '.join(problem.split())}")
    typer.echo(f"problems: {len(checked.problems)}" if checked.problems else "no problems")
    raise typer.Exit(int(bool(checked.problems)))


@jobs.command()
def compact(context: typer.Context) -> None:
    """Give the room back that jobs no longer need; not while a service has the journal."""
    with _opened(context, "compact") as file:
        before = file.size
    with input_checked("jobs compact"):
        store = SqliteStore(context.obj)  # it refuses while a service has it
        store.open()
        try:
            store.compact()
        finally:
            store.close()
    with _opened(context, "compact") as file:
        typer.echo(f"before: {before} bytes; after: {file.size} bytes")


@contextmanager
def _opened(context: typer.Context, command: str) -> Generator[JournalFile]:
    """Open the journal to be read; end with one line and exit code 2 if it cannot be, or the input was wrong."""
    with input_checked(f"jobs {command}"), reading(context.obj) as file:
        try:
            yield file
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            problem = f"a job of the journal {context.obj} does not replay ({error!r})"
            raise BadInputError(f"{problem}; `jobcancel jobs --db {context.obj} check` says which") from None
