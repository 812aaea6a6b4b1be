"""The ``jobcancel`` command; what it needs beyond the library comes with the extra ``cli``."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Any, cast

EXTRA = {"rich", "typer"}


def main() -> None:
    """Run the command line; what it cannot do as it is told, or without its extra, is one line and exit code 2."""
    try:
        from typer import BadParameter  # noqa: PLC0415  # a missing extra is answered below, not at import

        from .app import app  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        print(f"jobcancel: the command needs {error.name}: pip install 'jobcancel[cli]'", file=sys.stderr)
        raise SystemExit(2) from None
    # A name that the terminal's encoding lacks must not end a run.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="replace")
    # Wrong usage of any sort: typer gives no name to it, which is click's class or, lately, one of its own.
    usage_error: Any = BadParameter.__base__
    try:
        code = app(prog_name="jobcancel", standalone_mode=False)
    except usage_error as error:
        command = error.ctx.command_path if error.ctx else "jobcancel"
        says = " ".join(error.format_message().split()).removesuffix(".")
        print(f"{command}: {says}; see {command} --help", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(code or 0)
