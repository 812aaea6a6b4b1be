"""The ``jobcancel`` command; what it needs beyond the library comes with the extra ``cli``."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import cast

EXTRA = {"rich", "typer"}


def main() -> None:
    """Run the command line; without its extra installed, say what to install and exit with code 2."""
    try:
        from .app import app  # noqa: PLC0415  # a missing extra is answered below, not at import
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        print(f"jobcancel: the command needs {error.name}: pip install 'jobcancel[cli]'", file=sys.stderr)
        raise SystemExit(2) from None
    # A name that the terminal's encoding lacks must not end a run.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="replace")
    app()
