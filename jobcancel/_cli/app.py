"""The command line: its commands, `--version`, and the two commands that only print."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

from jobcancel import mermaid

from .bad_input import report_bad_input
from .contracts import draw, plain_lines, selected
from .demo.command import demo
from .jobs.command import jobs
from .serve.command import serve
from .terminal import on_terminal

app = typer.Typer(
    help="Cancellation of long-running jobs: a demo, vendors' cancel APIs, journals, and the state machine.",
    add_completion=False,
    rich_markup_mode="markdown",  # it fills the paragraphs of a docstring to the terminal's width
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"jobcancel {version('jobcancel')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]
ContractName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A shipped contract, or your TOML file. Default: all shipped ones.")
]


@app.callback(invoke_without_command=True)
def list_commands(context: typer.Context, *, print_version: Version = False) -> None:
    """List the commands when none is named."""
    del print_version  # typer has handled it before
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command()(demo)
app.command()(serve)
app.add_typer(jobs, name="jobs")


@app.command()
def contracts(name: ContractName = None) -> None:
    """Show what each vendor's contract answers to a cancel, side by side, and the contract's variants."""
    with report_bad_input("contracts"):
        chosen = selected(name)
    if on_terminal():
        draw(chosen, Console())
    else:
        for line in plain_lines(chosen):
            typer.echo(line)


@app.command()
def diagram() -> None:
    """Print the state machine of a job as a Mermaid diagram."""
    typer.echo(mermaid(), nl=False)
