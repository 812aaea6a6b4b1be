"""Input that a command cannot use: one line on standard error and exit code 2. Every command needs it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer

from jobcancel.errors import StoreError


class BadInputError(Exception):
    """A command cannot use its input. The message says what is wrong and what is allowed."""


@contextmanager
def report_bad_input(command: str) -> Generator[None]:
    """End ``jobcancel COMMAND`` with one line and exit code 2 if its input or its journal cannot be used."""
    try:
        yield
    except (BadInputError, StoreError) as error:
        typer.echo(f"jobcancel {command}: {error}", err=True)
        raise typer.Exit(2) from None
