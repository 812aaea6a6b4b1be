"""The first lines of `jobcancel serve`: what a cancel meets in each stage, and the commands to try it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import jobcancel.contracts
from jobcancel._cli.serve.banner import banner
from jobcancel._cli.serve.demonstration import demonstration
from jobcancel.contracts import load

AT = "http://127.0.0.1:8000"


def lines(name: str, *variants: str, address: str = AT, durable: bool = False) -> list[str]:
    return list(banner(demonstration(load(name, variants=variants), name), address, "secret", durable=durable))


def own(folder: Path, text: str, *, without: str = "") -> list[str]:
    """The lines for a user's own contract: TensorPool's, changed."""
    data = (Path(jobcancel.contracts.__file__).parent / "tensorpool.toml").read_text(encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(data.replace(without, "") + text, encoding="utf-8")
    return list(banner(demonstration(load(str(path))), AT, "secret", durable=False))


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
        "JOB_ID is the id in the answer to submit; curl -i also shows the status of an answer.",
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


def test_an_unused_mark_is_not_explained() -> None:
    assert not [line for line in lines("layers") if "(defers)" in line]


@pytest.mark.parametrize(
    ("name", "answer", "body"),
    [
        ("layers", "refused", """'{"kind": "content_generate", "stages": {"finalizing": 30}}'"""),
        ("dafty", "deferred", """'{"kind": "image.generate", "stages": {"publishing": 30}}'"""),
        ("dex", "deferred", """'{"kind": "parse", "stages": {"storing": 30}}'"""),
        ("sutro", "deferred", """'{"kind": "batch_inference", "stages": {"writing_results": 30}}'"""),
    ],
)
def test_one_command_submits_a_job_that_starts_in_a_shielding_stage(name: str, answer: str, body: str) -> None:
    (line,) = [line for line in lines(name) if line.startswith("submit a job whose ")]
    assert line.startswith(f"submit a job whose cancel is {answer}: curl -X POST {AT}/demo/jobs ")
    assert line.endswith(f" -d {body}")


def test_a_variant_is_named_and_its_routes_are_printed() -> None:
    printed = lines("sutro", "sdk")
    assert printed[0] == f"Sutro with sdk on {AT} (Ctrl-C ends it)"
    assert f"poll: curl {AT}/job-status/JOB_ID -H 'authorization: Key secret'" in printed


def test_a_journal_changes_what_ctrl_c_does() -> None:
    assert lines("sutro", durable=True)[-2:] == [
        "Ctrl-C interrupts all jobs; they resume at the next start with the same --db.",
        "It waits for stages that refuse or defer; kill -9 does not wait, and loses no answered request.",
    ]


def test_an_address_that_a_shell_would_read_as_a_pattern_is_quoted() -> None:
    printed = lines("sutro", address="http://[::1]:8000")
    urls = [part for line in printed for part in line.split() if "[::1]" in part and part.startswith("'")]
    assert urls == [
        f"'http://[::1]:8000/{path}'" for path in ("demo/jobs", "demo/jobs", "job-status/JOB_ID", "job-cancel/JOB_ID")
    ]


def test_a_user_s_own_kinds_may_shield_between_stages_or_have_none(tmp_path: Path) -> None:
    printed = own(
        tmp_path,
        """
[kinds.copy]
stages = [{ name = "reading" }, { name = "writing", on_cancel = "interrupt" }]
on_cancel = "defer"

[kinds.ping]
""",
    )
    assert "kind copy: reading, writing; between stages (defers)" in printed
    assert "kind ping: no stages" in printed
    assert not [line for line in printed if line.startswith("submit a job whose ")]


def test_kinds_without_a_shielding_stage_have_no_command_for_it(tmp_path: Path) -> None:
    printed = own(
        tmp_path,
        """
[kinds.copy]
stages = [{ name = "reading" }]
""",
    )
    assert "In every stage a cancel stops the job at once." in printed
    assert not [line for line in printed if line.startswith("submit a job whose ")]


def test_a_contract_without_a_route_to_a_job_has_no_poll_command(tmp_path: Path) -> None:
    data: Any = (Path(jobcancel.contracts.__file__).parent / "tensorpool.toml").read_text(encoding="utf-8")
    start = data.index('[[routes]]\nop = "get"')
    route = data[start : data.index("[[routes]]", start + 1)]
    printed = own(tmp_path, "", without=route)
    assert not [line for line in printed if line.startswith("poll: ")]
    assert [line for line in printed if line.startswith("cancel: ")]
