"""schemathesis against the OpenAPI documents that `jobcancel serve` serves: every answer is one that they describe.

The requests are random; half of them name jobs that exist, in every state that a job can be in. The seed is printed;
JOBCANCEL_SEED takes one to try again.
"""

from __future__ import annotations

import os
import secrets
import sys
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from jobcancel._cli.serve.demonstration import OWNER

from .served import LONG_S, Served, serving

Config: Any = schemathesis.Config  # partly untyped

# Per operation; all of them together take about a minute.
EXAMPLES = 30

# By contract and variants: a kind, a stage of it that may be canceled, and one that shields the job.
SERVED = {
    "layers": ("content_generate", "generating", "finalizing"),
    "layers+prose_subcode": ("content_generate", "generating", "finalizing"),
    "tensorpool": ("training", "training", "saving_outputs"),
    "dafty": ("image.generate", "generating", "publishing"),
    "dex": ("parse", "parsing", "storing"),
    "sutro": ("batch_inference", "running", "writing_results"),
    "sutro+sdk": ("batch_inference", "running", "writing_results"),
}

# What the vendors' documents say against what schemathesis expects of any API: these answer 400 to the valid request to
# cancel a job that has ended.
ENDED = {"positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", 400, 401, 403, 404, 409, 429]}}
CHECKS = {"tensorpool": ENDED, "dex": ENDED}


def jobs(served: Served, kind: str, stage: str, shielded: str) -> list[str]:
    """One job in each state and another owner's; several of what a cancel changes."""
    canceled = served.submit(kind, {stage: LONG_S})
    assert served.cancel(canceled).is_success
    return [
        canceled,
        served.submit(kind),
        served.submit(kind, fails_in=stage),
        served.submit(kind, {stage: LONG_S}, owner="somebody else"),
        *(served.submit(kind, {stage: LONG_S}) for _ in range(5)),
        *(served.submit(kind, {shielded: 2}) for _ in range(3)),
    ]


@pytest.mark.parametrize("name", list(SERVED))
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
def test_every_answer_is_one_that_the_document_describes(
    name: str, mode: GenerationMode, capsys: pytest.CaptureFixture[str]
) -> None:
    number = int(os.environ.get("JOBCANCEL_SEED", secrets.randbits(32)))
    with capsys.disabled():
        sys.stdout.write(f"\nschemathesis {name} {mode.value}: JOBCANCEL_SEED={number} ")
    contract, *variants = name.split("+")
    options = [option for variant in variants for option in ("--variant", variant)]
    with serving(contract, *options) as served:
        known = jobs(served, *SERVED[name])
        document = served.client.get("/openapi.json").json()
        config = Config.from_dict({"checks": CHECKS.get(contract, {})})
        schema: Any = schemathesis.openapi.from_dict(document, config=config)
        schema.config.update(base_url=served.address)
        headers = credentials(document, served)
        operations = [result.ok() for result in schema.get_all_operations()]
        tried = [attempt(requests(operation, mode, known, headers), headers, number) for operation in operations]
        assert any(tried) if mode is GenerationMode.NEGATIVE else all(tried)
        assert served.client.get("/openapi.json").json() == document
        assert served.process.poll() is None


def credentials(document: Any, served: Served) -> dict[str, str]:
    """The headers that say who asks, spelled as the document does: schemathesis knows them by that spelling alone."""
    schemes = document["components"]["securitySchemes"].values()
    names = {scheme.get("name", "Authorization").lower(): scheme.get("name", "Authorization") for scheme in schemes}
    return {names[name]: value for name, value in served.headers.items()}


def requests(operation: Any, mode: GenerationMode, known: list[str], headers: dict[str, str]) -> st.SearchStrategy[Any]:
    """Random requests; where the path names a job and the request is to be valid, half of them for one that exists."""
    anything: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=mode, headers=headers)
    names = {parameter.name for parameter in operation.path_parameters}
    if mode is GenerationMode.NEGATIVE or "job_id" not in names:
        return anything
    places = [{**dict.fromkeys(names, OWNER), "job_id": job_id} for job_id in known]
    strategies = [operation.as_strategy(path_parameters=place, headers=headers) for place in places]
    return anything | st.one_of(strategies)


def attempt(cases: st.SearchStrategy[Any], headers: dict[str, str], number: int) -> bool:
    """Send many requests and check every answer."""

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=cases)
    def call(case: Any) -> None:
        case.call_and_validate(headers=headers)

    try:
        call()
    except Unsatisfiable:  # it takes nothing that could be wrong: no parameter, or any text
        return False
    return True
