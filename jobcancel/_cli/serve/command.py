"""`jobcancel serve` and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import typer

from jobcancel._cli.bad_input import BadInputError, report_bad_input

_EXTRA = {"starlette", "uvicorn"}

ContractSource = Annotated[
    str,
    typer.Option(
        "--contract",
        metavar="NAME_OR_FILE",
        help="A shipped contract (`jobcancel contracts` lists them), or your TOML file.",
    ),
]
Variants = Annotated[
    list[str] | None, typer.Option("--variant", metavar="NAME", help="A variant of the contract; may be repeated.")
]
Host = Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen on.")]
Port = Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="The port; 0 for any free one.")]
Token = Annotated[
    str | None, typer.Option(metavar="TOKEN", help="The token that clients send. Default: a new one at each start.")
]
MaxRunning = Annotated[
    int | None,
    typer.Option(
        metavar="COUNT", min=1, max=1_000_000, help="How many jobs run at once; others are pending. Default: no limit."
    ),
]
Database = Annotated[
    Path | None,
    typer.Option(
        "--db", metavar="FILE", help="A journal for the jobs. The next start with the same journal resumes them."
    ),
]


def serve(
    contract: ContractSource,
    variant: Variants = None,
    port: Port = 8000,
    host: Host = "127.0.0.1",
    token: Token = None,
    max_running: MaxRunning = None,
    db: Database = None,
) -> None:
    """Serve a vendor's cancel API, to try a client against it. Its jobs do nothing but wait as long as you want.

    It first prints the kinds of job and their stages, and commands to submit a job, to poll it and to cancel it.

    `POST /demo/jobs` submits a job. Its body is a JSON object:

    - `kind`: one of the kinds; required.
    - `stages`: the seconds that each stage lasts, as in `{"generating": 30}`, each from 0 to 86400; a stage that is not
      named ends at once.
    - `fails_in`: the stage that fails at its end. Default: none.
    - `owner`: the owner of the job. Default: `demo`, the token's owner. The token's client cannot see others' jobs.
    - `labels`: the labels of the job, as in `{"project_id": "other"}`.

    A repeated submit with the same `Idempotency-Key` header returns the first job, if the contract has such keys.

    `GET /demo/credits` shows the credits that were reserved for the jobs, and the credits that were reversed because a
    job was canceled.

    With --db the jobs, their keys and their verdicts survive the service, also a kill -9: jobs that were running are
    run again without their finished stages. Credits are counted as long as the jobs are stored.

    Exit code: 0 if SIGINT or SIGTERM ended it, 2 if the input was wrong.
    """
    with report_bad_input("serve"):
        _load_server()(contract, variant or (), host, port, token, max_running, db)


def _load_server() -> Callable[[str, Iterable[str], str, int, str | None, int | None, Path | None], None]:
    """Import the server and return its function.

    Raises:
        BadInputError: A package that it needs is not installed.
    """
    try:
        from .server import serve_contract  # noqa: PLC0415  # a missing extra is reported here
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        raise BadInputError(f"it needs {missing}: pip install 'jobcancel[cli,asgi]'") from None
    return serve_contract
