"""The first lines of `jobcancel serve`, written out: what a cancel meets in each stage, and the commands to try it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import jobcancel.contracts
from jobcancel._cli.demonstration import demonstration
from jobcancel._cli.hints import hints
from jobcancel.contracts import load

AT = "http://127.0.0.1:8000"


def lines(name: str, *variants: str, address: str = AT, kept: bool = False) -> list[str]:
    return list(hints(demonstration(load(name, variants=variants), name), address, "secret", kept=kept))


def own(folder: Path, text: str, *, without: str = "") -> list[str]:
    """The lines for a contract of somebody's own: TensorPool's, changed."""
    data = (Path(jobcancel.contracts.__file__).parent / "tensorpool.toml").read_text(encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(data.replace(without, "") + text, encoding="utf-8")
    return list(hints(demonstration(load(str(path))), AT, "secret", kept=False))


def test_all_lines_of_a_contract_that_defers() -> None:
    headers = "-H 'authorization: Bearer secret'"
    submit = f"curl -X POST {AT}/demo/jobs {headers} -H 'Content-Type: application/json' -d"
    every = '{"provisioning": 30, "uploading": 30, "training": 30, "saving_outputs": 30}'
    one = '{"saving_outputs": 30}'
    assert lines("tensorpool") == [
        f"TensorPool on {AT} (Ctrl-C ends it)",
        "token: secret",
        "",
        "kind training: provisioning, uploading, training, saving_outputs (defers)",
        "(defers): a cancel is accepted in this stage and takes effect at its end.",
        "In any other stage a cancel stops the job at once.",
        "",
        f"""submit: {submit} '{{"kind": "training", "stages": {every}}}'""",
        f"""submit a job whose cancel is deferred: {submit} '{{"kind": "training", "stages": {one}}}'""",
        f"poll: curl {AT}/job/info/JOB_ID {headers}",
        f"cancel: curl -X POST {AT}/job/cancel/JOB_ID {headers}",
        "JOB_ID is the id that submit answers; curl -i shows an answer's status too.",
        "",
        "Ctrl-C cancels all jobs and waits until they have ended.",
        "It waits for stages that refuse or defer; a second Ctrl-C interrupts them too.",
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("layers", "kind content_generate: planning, generating, finalizing (refuses)"),
        ("layers", "kind project_ingest_github: cloning, analyzing, opening_pr (refuses), finalizing (refuses)"),
        ("layers", "(refuses): a cancel is refused in this stage."),
        ("dafty", "kind image.generate: queueing, generating, publishing (defers)"),
        ("dafty", "A cancel is answered when the job has ended, or after 10 s."),
        ("dex", "kind research: searching, reading, writing"),
        ("dex", "kind vector_store: chunking, embedding, storing (defers)"),
        ("sutro", "kind batch_inference: starting, running, writing_results (defers)"),
        (
            "dex",
            f"poll: curl {AT}/v1/projects/demo/jobs/JOB_ID -H 'x-api-key: secret' -H 'x-selected-account-id: demo'",
        ),
    ],
)
def test_a_stage_is_marked_with_what_a_cancel_meets_there(name: str, line: str) -> None:
    assert line in lines(name)


def test_a_mark_that_no_stage_has_is_not_explained() -> None:
    assert not [line for line in lines("layers") if "(defers)" in line]


@pytest.mark.parametrize(
    ("name", "answer", "order"),
    [
        ("layers", "refused", """'{"kind": "content_generate", "stages": {"finalizing": 30}}'"""),
        ("dafty", "deferred", """'{"kind": "image.generate", "stages": {"publishing": 30}}'"""),
        ("dex", "deferred", """'{"kind": "parse", "stages": {"storing": 30}}'"""),
        ("sutro", "deferred", """'{"kind": "batch_inference", "stages": {"writing_results": 30}}'"""),
    ],
)
def test_one_command_submits_a_job_that_is_at_once_in_a_stage_that_shields_it(
    name: str, answer: str, order: str
) -> None:
    (line,) = [line for line in lines(name) if line.startswith("submit a job whose ")]
    assert line.startswith(f"submit a job whose cancel is {answer}: curl -X POST {AT}/demo/jobs ")
    assert line.endswith(f" -d {order}")


def test_a_variant_is_named_and_its_routes_are_used() -> None:
    shown = lines("sutro", "sdk")
    assert shown[0] == f"Sutro with sdk on {AT} (Ctrl-C ends it)"
    assert f"poll: curl {AT}/job-status/JOB_ID -H 'authorization: Key secret'" in shown


def test_a_journal_changes_what_ctrl_c_does() -> None:
    assert lines("sutro", kept=True)[-2:] == [
        "Ctrl-C interrupts all jobs; they resume at the next start with the same --db.",
        "It waits for stages that refuse or defer; kill -9 does not, and loses nothing that was answered.",
    ]


def test_an_address_that_a_shell_would_read_as_a_pattern_is_quoted() -> None:
    shown = lines("sutro", address="http://[::1]:8000")
    urls = [part for line in shown for part in line.split() if "[::1]" in part and part.startswith("'")]
    assert urls == [
        f"'http://[::1]:8000/{path}'" for path in ("demo/jobs", "demo/jobs", "job-status/JOB_ID", "job-cancel/JOB_ID")
    ]


def test_kinds_of_one_s_own_are_marked_between_stages_too_and_may_have_none(tmp_path: Path) -> None:
    shown = own(
        tmp_path,
        """
[kinds.copy]
stages = [{ name = "reading" }, { name = "writing", on_cancel = "interrupt" }]
on_cancel = "defer"

[kinds.ping]
""",
    )
    assert "kind copy: reading, writing; between stages (defers)" in shown
    assert "kind ping: no stages" in shown
    assert not [line for line in shown if line.startswith("submit a job whose ")]


def test_kinds_that_shield_nothing_have_no_command_for_it(tmp_path: Path) -> None:
    shown = own(
        tmp_path,
        """
[kinds.copy]
stages = [{ name = "reading" }]
""",
    )
    assert "In every stage a cancel stops the job at once." in shown
    assert not [line for line in shown if line.startswith("submit a job whose ")]


def test_a_contract_that_shows_no_job_has_no_command_to_poll_one(tmp_path: Path) -> None:
    data: Any = (Path(jobcancel.contracts.__file__).parent / "tensorpool.toml").read_text(encoding="utf-8")
    start = data.index('[[routes]]\nop = "get"')
    route = data[start : data.index("[[routes]]", start + 1)]
    shown = own(tmp_path, "", without=route)
    assert not [line for line in shown if line.startswith("poll: ")]
    assert [line for line in shown if line.startswith("cancel: ")]
