"""The ``jobcancel`` command. What it needs beyond the library comes with the extra ``cli``."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Any, Final, cast

_EXTRA: Final = {"rich", "typer"}


def main() -> None:
    """Run the command line. Wrong usage and a missing extra are one line on standard error and exit code 2."""
    try:
        from typer import BadParameter  # noqa: PLC0415  # a missing extra is reported below, not at import

        from .app import app  # noqa: PLC0415  # as above
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(f"jobcancel: the command needs {error.name}: pip install 'jobcancel[cli]'", file=sys.stderr)
        raise SystemExit(2) from None
    # A name that the terminal's encoding lacks must not end a run.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="replace")
    # The base class of all usage errors. typer exports it under no name: it is click's class, or lately typer's own.
    usage_error: Any = BadParameter.__base__
    try:
        code = app(prog_name="jobcancel", standalone_mode=False)
    except usage_error as error:
        command = error.ctx.command_path if error.ctx else "jobcancel"
        message = " ".join(error.format_message().split()).removesuffix(".")
        print(f"{command}: {message}; see {command} --help", file=sys.stderr)
        raise SystemExit(2) from None
    raise SystemExit(code or 0)
