"""The ``--help`` texts: every option, the fields of a submit request, and paragraphs that fill the line."""

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
def test_the_help_of_serve_has_every_option_and_field(helped: Command, name: str) -> None:
    assert name in helped("serve").stdout


def test_the_help_of_serve_has_the_limits_of_a_stage(helped: Command) -> None:
    assert "each from 0 to 86400" in helped("serve").stdout


@pytest.mark.parametrize(
    ("args", "paragraph"),
    [
        (("serve",), "jobs that were running are run again without their finished stages."),
        (
            ("demo",),
            "the next run resumes it with the same repository and folder, or undoes its work if its",
        ),
        (("demo",), "2 if the input was wrong, 130 if Ctrl-C canceled it"),
    ],
)
def test_a_paragraph_has_no_line_breaks_of_the_source(helped: Command, args: tuple[str, ...], paragraph: str) -> None:
    assert paragraph in helped(*args).stdout


def test_paragraphs_and_fields_start_on_lines_of_their_own(helped: Command) -> None:
    lines = [line.strip() for line in helped("serve").stdout.splitlines()]
    begins = ("It first prints ", "POST /demo/jobs submits", "GET /demo/credits shows", "With --db", "Exit code: ")
    for text in (*begins, *(f"\u2022 {name}: " for name in ("kind", "stages", "fails_in", "owner", "labels"))):
        assert [line for line in lines if line.startswith(text)], text


def test_an_optional_argument_has_one_pair_of_brackets(helped: Command) -> None:
    assert "[[NAME]]" not in helped("contracts").stdout


@pytest.mark.parametrize(
    "name",
    [
        *("--repo", "--cancel-at", "--stage-seconds", "--workdir", "--db", "--json"),
        *("cloning and analyzing are interrupted", "opening_pr refuses", "finalizing defers", "A second Ctrl-C forces"),
    ],
)
def test_the_help_of_demo_has_every_option_and_what_a_cancel_meets(helped: Command, name: str) -> None:
    assert name in helped("demo").stdout


@pytest.mark.parametrize(
    ("args", "name"), [(("jobs", "list"), "--limit"), (("jobs", "show"), "--json"), (("jobs", "check"), "Exit code")]
)
def test_a_command_of_jobs_has_help_without_a_journal(helped: Command, args: tuple[str, ...], name: str) -> None:
    assert name in helped(*args).stdout
