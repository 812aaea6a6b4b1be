"""What ``--help`` says: every option, what a demonstration job takes, and paragraphs that fill the line."""

from __future__ import annotations

import pytest

from .conftest import Command, Result


@pytest.fixture
def helped(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Ask for help on a terminal that is wide enough for every paragraph."""
    monkeypatch.setenv("COLUMNS", "600")
    monkeypatch.setenv("TERM", "dumb")

    def run(*args: str) -> Result:
        result = command(*args, "--help")
        assert (result.exit_code, result.stderr) == (0, "")
        return result

    return run


@pytest.mark.parametrize(
    "name",
    [
        *("--contract", "--variant", "--port", "--host", "--token", "--max-running", "--db"),
        *("POST /demo/jobs", "kind", "stages", "fails_in", "owner", "labels", "Idempotency-Key", "GET /demo/credits"),
    ],
)
def test_every_option_of_a_demonstration_is_named(helped: Command, name: str) -> None:
    assert name in helped("serve").stdout


def test_the_limits_of_a_stage_are_said(helped: Command) -> None:
    assert "each from 0 to 86400" in helped("serve").stdout


@pytest.mark.parametrize(
    ("args", "paragraph"),
    [
        (("serve",), "jobs that ran are run again without their finished stages."),
        (("demo",), "resumes with the repository and the folder that it began with, and one whose cancel was accepted"),
        (("demo",), "2 if the input was wrong, 130 if Ctrl-C ended it"),
    ],
)
def test_a_paragraph_is_not_broken_where_the_source_is(helped: Command, args: tuple[str, ...], paragraph: str) -> None:
    assert paragraph in helped(*args).stdout


def test_paragraphs_and_the_fields_of_a_demonstration_job_stand_on_lines_of_their_own(helped: Command) -> None:
    lines = [line.strip() for line in helped("serve").stdout.splitlines()]
    begins = ("The first lines that", "POST /demo/jobs submits", "GET /demo/credits shows", "With --db", "Exit code: ")
    for text in (*begins, *(f"\u2022 {name}: " for name in ("kind", "stages", "fails_in", "owner", "labels"))):
        assert [line for line in lines if line.startswith(text)], text


def test_an_argument_that_may_be_left_out_is_bracketed_once(helped: Command) -> None:
    assert "[[NAME]]" not in helped("contracts").stdout
