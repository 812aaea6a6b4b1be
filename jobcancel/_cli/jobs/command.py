"""`jobcancel jobs` and its commands and options."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jobcancel import JobState
from jobcancel._cli.bad_input import BadInputError, report_bad_input
from jobcancel._cli.terminal import draw_table, on_terminal, print_rows
from jobcancel.stores.sqlite import SqliteStore
from jobcancel.stores.sqlite_reading import JournalFile, reading

from .check import FORGOTTEN, REPLAY_ERRORS, Check
from .stored import find_job, job_filter, newest_jobs
from .tables import COLUMNS, TIMELINE, document, draw_list, facts, row_of, timeline_of

jobs = typer.Typer(help="Read the journal of a service, running or not. Only `compact` writes to it.")

# Not required here: `jobcancel jobs list --help` has no journal.
Journal = Annotated[
    Path | None, typer.Option("--db", metavar="FILE", help="The journal: the file of an SqliteStore. Required.")
]
State = Annotated[JobState | None, typer.Option("--state", help="Only jobs in this state.")]
OfKind = Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only jobs of this kind.")]
Owner = Annotated[str | None, typer.Option("--owner", metavar="OWNER", help="Only this owner's jobs.")]
Limit = Annotated[int, typer.Option(metavar="COUNT", min=1, help="The largest number of jobs to list.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or a unique beginning of it.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print one snapshot a line, as JSON.")]
JsonDocument = Annotated[
    bool, typer.Option("--json", help="Print the job and what is left to do as one JSON document.")
]


@jobs.callback(invoke_without_command=True)
def choose_journal(context: typer.Context, db: Journal = None) -> None:
    """Pass the journal to the command; list the commands when none is named."""
    context.obj = db
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@jobs.command("list")
def list_jobs(
    context: typer.Context,
    state: State = None,
    kind: OfKind = None,
    owner: Owner = None,
    limit: Limit = 50,
    as_json: JsonLines = False,
) -> None:
    """List jobs, newest first.

    On a terminal, columns that do not fit its width are left out; ids are always whole. Elsewhere all columns are
    printed, separated by tabs.
    """
    with _reading(context, "list") as file:
        found, count = newest_jobs(file, job_filter(state, kind, owner), limit)
    now = datetime.now(UTC)
    if as_json:
        for job in found:
            typer.echo(json.dumps(job.snapshot.to_dict()))
    elif on_terminal():
        draw_list([row_of(job.snapshot, now) for job in found], Console())
    else:
        print_rows(COLUMNS, [[*row_of(job.snapshot, now).values()] for job in found])
    if count > len(found):
        typer.echo(f"{len(found)} of {count} jobs; --limit shows more", err=True)


@jobs.command()
def show(context: typer.Context, job_id: JobId, as_json: JsonDocument = False) -> None:
    """Show a job: its facts, its timeline, and what a restart of the service would do with it."""
    with _reading(context, "show") as file:
        job = find_job(file, job_id)
    if as_json:
        typer.echo(json.dumps(document(job), indent=2))
        return
    _print_table(("fact", "value"), facts(job))
    typer.echo()
    _print_table(TIMELINE, timeline_of(job.snapshot))


@jobs.command()
def check(context: typer.Context) -> None:
    """Check that the file is sound, that every job can be replayed, and that its history leads to its state.

    Exit code: 0 if there is no problem, 1 if there is one, 2 if the journal cannot be read.
    """
    with _reading(context, "check") as file:
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
    """Free the space that jobs no longer need. Refused while a service has the journal open."""
    with _reading(context, "compact") as file:
        before = file.size
    with report_bad_input("jobs compact"):
        store = SqliteStore(context.obj)
        store.open()
        try:
            store.compact()
        finally:
            store.close()
    with _reading(context, "compact") as file:
        typer.echo(f"before: {before} bytes; after: {file.size} bytes")


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    if on_terminal():
        draw_table(columns, rows, Console())
    else:
        print_rows(columns, rows)


@contextmanager
def _reading(context: typer.Context, command: str) -> Generator[JournalFile]:
    """Open the journal for reading; report bad input, and a job that cannot be replayed, in one line."""
    with report_bad_input(f"jobs {command}"):
        if context.obj is None:
            raise BadInputError(f"the journal is missing; write: jobcancel jobs --db FILE {command}")
        with reading(context.obj) as file, _report_broken_jobs(context.obj):
            yield file


@contextmanager
def _report_broken_jobs(journal: Path) -> Generator[None]:
    """Report a job that cannot be replayed as bad input."""
    try:
        yield
    except REPLAY_ERRORS as error:
        raise BadInputError(
            f"a job of the journal {journal} cannot be replayed ({error!r}); "
            f"`jobcancel jobs --db {journal} check` names it"
        ) from None
