"""What a terminal can show, and the signals that end a command."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Sequence
from typing import Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

END_SIGNALS: Final = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}
"""The signals that end a command, by the names that people know."""


def on_terminal() -> bool:
    """Return whether standard output is a terminal that can draw."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def printable(text: str) -> str:
    """Return a text without the characters that a terminal would act on: a repository or a job may contain any."""
    return "".join(char if char.isprintable() else "?" for char in text)


def draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]], console: Console) -> None:
    """Draw a table with its heading. Long cells are wrapped."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for other programs: one row a line, fields separated by tabs."""
    for row in (columns, *rows):
        typer.echo("\t".join(row))
