"""Contracts made in code: what each record takes for granted, and that none can be changed or misread."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

import pytest
from attrs import evolve

import jobcancel.contracts
from jobcancel import FailureCode, JobState
from jobcancel.contracts import (
    Auth,
    Case,
    Context,
    Contract,
    Failures,
    Ids,
    Keys,
    Policies,
    RateLimit,
    Reply,
    Route,
    Row,
    Tenancy,
    Timestamps,
    error_reply,
    job_document,
    load,
    outcome_reply,
    success_reply,
)
from jobcancel.errors import ContractDataError

from .bare import bare, changed
from .jobs import job

BARE = load(bare())
SMALLEST = Contract(
    name="bare",
    title="Bare",
    source="nobody's",
    auth=Auth(ways=({"x-key": ""},)),
    tenancy=Tenancy(foreign="not_found"),
    ids=Ids(pattern=re.compile("[a-z0-9_]+"), mint="{ulid}", request="{uuid}"),
    timestamps=Timestamps(digits=0, zone="+00:00"),
    statuses=BARE.statuses,
    policies=Policies(on_shielded_stage="defer"),
    routes=BARE.routes,
    outcomes=BARE.outcomes,
    errors=BARE.errors,
    document={"id": "$job.id"},
)


def test_the_package_offers_these_names() -> None:
    assert jobcancel.contracts.__all__ == (
        "Auth", "Case", "Context", "Contract", "Failures", "Ids", "Keys", "Policies", "RateLimit", "Reply", "Route",
        "Row", "Source", "Tenancy", "Timestamps", "canceled_at_once", "case_of", "error_reply", "job_document", "load",
        "names", "outcome_reply", "success_reply",
    )  # fmt: skip
    assert [name for name in jobcancel.contracts.__all__ if not hasattr(jobcancel.contracts, name)] == []


def test_a_contract_in_code_has_the_defaults_of_one_from_data() -> None:
    assert SMALLEST == BARE


def test_a_contracts_optional_fields_have_empty_defaults() -> None:
    for contract in (SMALLEST, BARE):
        assert (contract.failure_statuses, contract.failures, contract.keys) == ({}, Failures(), None)
        assert (contract.kinds, contract.kind_words, contract.variants, contract.applied) == ({}, {}, {}, ())
        assert (contract.auth.token_pattern, contract.auth.cancel_scope) == (None, None)
        assert (contract.tenancy.labels, contract.failures.codes, contract.failures.canceled) == ({}, {}, None)
        assert (contract.policies.via_canceling, contract.policies.settle_s) == (False, 0.0)
        assert type(contract.policies.via_canceling) is bool
        assert type(contract.policies.settle_s) is float


def test_a_rows_optional_fields_have_empty_defaults() -> None:
    for row in (Row(status=200, source="silent"), BARE.outcomes[Case.REFUSED]):
        assert (row.status, row.source, row.headers, row.body) == (200, "silent", {}, None)
        assert (row.message, row.unlisted, row.note) == ("", False, "")


def test_a_route_needs_a_caller_and_has_no_etag_unless_it_says_otherwise() -> None:
    made = Route(op="cancel", methods=("POST",), path="/jobs/{job_id}/cancel")
    assert made == BARE.routes[0]
    assert (made.body, made.etag, made.wait_parameter, made.wait_s, made.authenticated) == (
        None,
        False,
        None,
        0.0,
        True,
    )
    assert type(made.wait_s) is float
    assert [route.authenticated for route in BARE.routes] == [True, True, True, False]


def test_a_fact_missing_from_the_context_is_null_in_the_reply() -> None:
    context = Context()
    assert (context.job, context.jobs, context.cursor, context.job_id) == (None, (), None, "")
    assert (context.stage, context.request_id, context.rate, context.parameters) == (None, "", None, {})
    assert (context.message, context.details, context.location, context.allow) == (None, None, (), "")


RECORDS: dict[Any, int] = {
    Auth: 3, Tenancy: 2, Ids: 3, Timestamps: 2, Failures: 2, Policies: 3, Keys: 2, Route: 8, Row: 7, Context: 11,
}  # fmt: skip


@pytest.mark.parametrize("record", RECORDS)
def test_a_records_fields_are_keyword_only(record: Any) -> None:
    for count in range(1, RECORDS[record] + 1):
        with pytest.raises(TypeError, match="positional argument"):
            record(*[{}] * count)


def test_no_table_of_a_contract_can_be_changed() -> None:
    data = changed("tenancy.labels", {"project": "team"})
    data["failure_statuses"], data["failures"] = {"TIMED_OUT": "late"}, {"codes": {"default": "X"}}
    data["kinds"], data["kind_words"] = {"parse": {}}, {"parse": "p"}
    data["variants"] = {"a": {"changes": "the title", "lays": {"title": "A"}}}
    contract = load(data)
    row = contract.outcomes[Case.REFUSED]
    tables: list[Any] = [
        *(contract.statuses, contract.failure_statuses, contract.outcomes, contract.errors, contract.document),
        *(contract.kinds, contract.kind_words, contract.variants, contract.tenancy.labels, contract.failures.codes),
        *(row.headers, *contract.auth.ways),
    ]
    assert [type(table) for table in tables] == [MappingProxyType] * 12
    assert contract.failure_statuses == {FailureCode.TIMED_OUT: "late"}


def test_a_record_shows_its_data_and_not_what_was_compiled_of_it() -> None:
    for record in (BARE, BARE.routes[0], BARE.outcomes[Case.REFUSED]):
        assert "render_" not in repr(record)


@pytest.mark.parametrize(
    "limits",
    [(1.5, 0, 0, 0), (1, 0.5, 0, 0), (1, 1, "1", 0), (1, 1, 1j, 0), (1, 1, 0, None), ("1", 1, 0, 0)],
)
def test_a_rate_limit_is_whole_requests_and_seconds(limits: Any) -> None:
    with pytest.raises(TypeError, match=r"must be a (whole number|number of seconds) from 0"):
        RateLimit(*limits)


def test_a_rate_limit_may_be_used_up() -> None:
    spent = RateLimit(0, 0, 0, 0)
    assert (spent.limit, spent.remaining, spent.reset_s, spent.retry_after_s) == (0, 0, 0, 0)
    assert RateLimit(1, 1, 0.5, 0.25).reset_s == 0.5


def test_a_body_that_json_cannot_encode_raises() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        _ = Reply(200, {}, {"a": float("nan")}).content


def test_an_unknown_placeholder_is_refused_in_every_template() -> None:
    with pytest.raises(ContractDataError) as in_headers:
        Row(status=200, source="silent", headers={"X-Id": "{nobody}"})
    with pytest.raises(ContractDataError) as in_message:
        Row(status=200, source="silent", message="{nobody}")
    with pytest.raises(ContractDataError) as in_route:
        Route(op="get", methods=("GET",), path="/{job_id}", body={"id": "$nobody"})
    with pytest.raises(ContractDataError) as in_document:
        load(changed("document.id", "$nobody"))
    errors = [caught.value for caught in (in_headers, in_message, in_route, in_document)]
    assert [(error.path, error.value) for error in errors] == [
        ("headers.X-Id", "{nobody}"),
        ("message", "{nobody}"),
        ("body.id", "$nobody"),
        ("document.id", "$nobody"),
    ]


def test_a_changed_copy_compiles_its_templates_again() -> None:
    row = Row(status=200, source="silent", body={"a": 1}, message="before", headers={"X-Id": "before"})
    row = evolve(row, body={"m": "$message"}, message="after", headers={"X-Id": "after"})
    contract = evolve(BARE, outcomes={Case.REFUSED: row}, document={"self": "$job.id"})
    assert outcome_reply(contract, "refused") == Reply(200, {"X-Id": "after"}, {"m": "after"})
    assert job_document(contract, job()) == {"self": "job_1"}
    assert success_reply(contract, evolve(BARE.routes[1], body={"now": "$job_id"}), Context(job_id="7")).body == {
        "now": "7"
    }


def test_a_rows_source_and_note_are_read() -> None:
    row = load(changed("outcomes.refused.note", "our reading")).outcomes[Case.REFUSED]
    assert row.note == "our reading"


def test_a_path_may_have_every_character_that_needs_no_escape() -> None:
    path = "/V1/a-z_A.Z~09/{job_id}"
    assert load(changed("routes.1.path", path)).routes[1].path == path


def test_a_document_may_have_a_field_that_is_always_null() -> None:
    assert job_document(load(changed("document.nothing", "$null")), job()) == {"id": "job_1", "nothing": None}


def test_an_error_shows_a_job_in_the_contracts_words() -> None:
    row = Row(status=503, source="silent", body={"was": "$job.status"})
    contract = evolve(BARE, errors={"closed": row}, statuses={**BARE.statuses, JobState.RUNNING: "busy"})
    assert error_reply(contract, "closed", Context(job=job("running"))).body == {"was": "busy"}


def test_a_route_has_no_message_of_its_own() -> None:
    route = evolve(BARE.routes[1], body={"said": "$message"})
    assert success_reply(BARE, route).body == {"said": ""}
    assert success_reply(BARE, route, Context(message="done")).body == {"said": "done"}


def test_an_id_may_have_every_character_that_needs_no_escape() -> None:
    form = "Job-1_.~{ulid}.Z9a"
    assert load(changed("ids.mint", form)).ids.mint == form
    assert load(changed("ids.request", form)).ids.request == form
