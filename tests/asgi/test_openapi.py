"""The OpenAPI document that is made from a contract."""

from __future__ import annotations

import json
import re
from typing import Any

import attrs
import pytest

from jobcancel.asgi import openapi
from jobcancel.asgi.schemas import SchemaInference

from .bench import vendor

VENDORS = [("layers",), ("tensorpool",), ("dafty",), ("dex",), ("sutro",), ("sutro", "sdk"), ("dex", "empty_202")]
JOB = {"$ref": "#/components/schemas/Job"}


def test_the_document_says_where_it_comes_from_and_which_variants_it_has() -> None:
    document = openapi(vendor("layers", "prose_subcode"))

    assert document["openapi"] == "3.1.0"
    assert set(document["info"]) == {"title", "version", "description"}
    assert document["info"]["title"] == "Layers"
    assert document["info"]["description"].startswith("After Layers' public API document")
    assert "Variant `prose_subcode`: A refusal's subcode is" in document["info"]["description"]


def test_paths_methods_and_parameters_are_those_of_the_routes() -> None:
    paths = openapi(vendor("dafty"))["paths"]

    assert {path: sorted(set(item) - {"parameters"}) for path, item in paths.items()} == {
        "/api/v1/jobs/{job_id}/cancel": ["post"],
        "/api/v1/jobs/{job_id}": ["get"],
        "/api/v1/jobs": ["get"],
    }
    (job_id,) = paths["/api/v1/jobs/{job_id}"]["parameters"]
    assert (job_id["name"], job_id["in"], job_id["required"]) == ("job_id", "path", True)
    assert job_id["schema"]["maxLength"] == 256
    assert re.search(job_id["schema"]["pattern"], "00000000-0000-4000-8000-000000000001")
    assert not re.search(job_id["schema"]["pattern"], "x00000000-0000-4000-8000-000000000001")
    assert paths["/api/v1/jobs"]["parameters"] == []
    (wait,) = paths["/api/v1/jobs/{job_id}"]["get"]["parameters"]
    assert (wait["name"], wait["in"], wait["required"]) == ("wait", "query", False)
    assert "at most 55 s" in wait["description"]
    (limit,) = paths["/api/v1/jobs"]["get"]["parameters"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 100}


def test_an_id_has_no_pattern_if_the_vendor_refuses_no_malformed_id() -> None:
    (job_id,) = openapi(vendor("sutro"))["paths"]["/job-cancel/{job_id}"]["parameters"]
    assert job_id["schema"] == {"type": "string", "minLength": 1}


BEARER = {"type": "http", "scheme": "bearer"}
KEYED = {"description": "The value begins with `Key `."}


def header(name: str) -> dict[str, str]:
    return {"type": "apiKey", "in": "header", "name": name}


WAYS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("layers", {"bearer": BEARER}, [{"bearer": ["jobs:cancel"]}]),
    ("dafty", {"x-api-key": header("x-api-key"), "bearer": BEARER}, [{"x-api-key": []}, {"bearer": []}]),
    (
        "dex",
        {"x-api-key": header("x-api-key"), "x-selected-account-id": header("x-selected-account-id")},
        [{"x-api-key": [], "x-selected-account-id": []}],
    ),
    ("sutro", {"authorization": {**header("authorization"), **KEYED}}, [{"authorization": []}]),
]


@pytest.mark.parametrize(("name", "schemes", "cancel"), WAYS)
def test_the_ways_to_authenticate_are_security_schemes(
    name: str, schemes: dict[str, Any], cancel: list[dict[str, list[str]]]
) -> None:
    document = openapi(vendor(name))
    assert document["components"]["securitySchemes"] == schemes
    (operation,) = (item["post"] for item in document["paths"].values() if "post" in item)
    assert operation["security"] == cancel


def test_security_requirements_have_scopes_and_public_routes_have_none() -> None:
    assert openapi(vendor("layers"))["paths"]["/v1/jobs/{job_id}"]["get"]["security"] == [{"bearer": []}]
    healthz = openapi(vendor("tensorpool"))["paths"]["/healthz"]["get"]
    assert healthz["security"] == []
    assert set(healthz["responses"]) == {"200", "404", "405", "500", "503"}


@pytest.mark.parametrize(
    ("name", "path", "method", "statuses"),
    [
        ("layers", "/v1/jobs/{job_id}/cancel", "post", "200 202 401 403 404 405 409 429 500 503"),
        ("layers", "/v1/jobs/{job_id}", "get", "200 304 401 403 404 405 429 500 503"),
        ("tensorpool", "/job/cancel/{job_id}", "post", "200 202 400 403 404 405 429 500 503"),
        ("tensorpool", "/job/list", "get", "200 403 404 405 422 429 500 503"),
        ("dafty", "/api/v1/jobs/{job_id}/cancel", "post", "200 400 401 404 405 429 500 503"),
        ("dex", "/v1/projects/{project_id}/jobs/{job_id}/cancel", "post", "200 202 400 401 404 405 409 429 500 503"),
        ("sutro", "/job-cancel/{job_id}", "post", "200 401 404 405 429 500 503"),
    ],
)
def test_every_status_that_is_answered_is_documented(name: str, path: str, method: str, statuses: str) -> None:
    responses = openapi(vendor(name))["paths"][path][method]["responses"]
    assert sorted(responses) == statuses.split()


def test_a_reads_own_reply_for_an_unknown_job_is_documented_for_reads_only() -> None:
    paths = openapi(vendor("sutro", "sdk"))["paths"]
    read, cancel = paths["/job-status/{job_id}"]["get"], paths["/job-cancel/{job_id}"]["get"]
    assert "not_found (silent)" in read["responses"]["404"]["description"]
    assert "not_found" not in read["responses"]["200"]["description"]
    assert "not_found (explicit)" in cancel["responses"]["200"]["description"]


def test_a_response_description_names_its_outcomes_and_their_sources() -> None:
    responses = openapi(vendor("layers"))["paths"]["/v1/jobs/{job_id}/cancel"]["post"]["responses"]

    assert responses["202"]["description"].split("\n") == [
        "pending_canceled (implied)",
        "canceling (explicit)",
        "already_canceling (silent)",
    ]
    assert responses["202"]["content"] == {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"jobId": {"type": "string"}, "accepted": {"const": True}},
                "required": ["jobId", "accepted"],
                "additionalProperties": False,
            }
        }
    }
    reasons = responses["200"]["content"]["application/json"]["schema"]["anyOf"]
    assert [schema["properties"]["reason"] for schema in reasons] == [
        {"const": "ALREADY_CANCELED"},
        {"const": "ALREADY_COMPLETED"},
        {"const": "ALREADY_FAILED"},
    ]
    assert "method_not_allowed (silent; not a status that the vendor lists)" in responses["405"]["description"]
    assert responses["405"]["headers"]["Allow"] == {"schema": {"type": "string"}}
    assert responses["429"]["headers"]["Retry-After"] == {"schema": {"type": "integer", "minimum": 0}}
    assert all("X-Request-Id" in response["headers"] for response in responses.values())


def test_an_unchanged_job_is_documented_without_a_body() -> None:
    responses = openapi(vendor("layers"))["paths"]["/v1/jobs/{job_id}"]["get"]["responses"]
    assert "content" not in responses["304"]
    assert set(responses["304"]["headers"]) == set(responses["200"]["headers"]) == {"X-Request-Id", "ETag"}
    (if_none_match,) = openapi(vendor("layers"))["paths"]["/v1/jobs/{job_id}"]["get"]["parameters"]
    assert (if_none_match["name"], if_none_match["in"], if_none_match["required"]) == ("If-None-Match", "header", False)


def test_a_job_is_described_once() -> None:
    document = openapi(vendor("dex"))
    read = document["paths"]["/v1/projects/{project_id}/jobs/{job_id}"]["get"]["responses"]["200"]
    assert read["content"]["application/json"]["schema"] == JOB
    job = document["components"]["schemas"]["Job"]
    assert {"id", "project_id", "operation", "status", "created_at", "object"} <= set(job["required"])
    assert job["properties"]["status"]["enum"] == [
        "cancelled",
        "failed",
        "partially_succeeded",
        "pending",
        "running",
        "succeeded",
    ]


def test_an_answer_without_a_body_has_no_content() -> None:
    document = openapi(vendor("dex", "empty_202"))
    responses = document["paths"]["/v1/projects/{project_id}/jobs/{job_id}/cancel"]["post"]["responses"]
    assert "content" not in responses["202"]
    assert "content" in responses["200"]


@pytest.mark.parametrize("wanted", VENDORS)
def test_names_of_operations_are_unique_references_lead_somewhere_and_all_is_plain(wanted: tuple[str, ...]) -> None:
    document = openapi(vendor(*wanted))
    text = json.dumps(document, allow_nan=False)
    assert set(re.findall(r'"\$ref": "([^"]+)"', text)) <= {"#/components/schemas/Job"}
    operations = [op for item in document["paths"].values() for name, op in item.items() if name != "parameters"]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids)) == sum(len(route.methods) for route in vendor(*wanted).routes)
    assert "cancel" in ids


def test_operation_ids_differ_by_path_and_then_by_method() -> None:
    contract = vendor("tensorpool")
    health = next(route for route in contract.routes if route.path == "/health")
    routes = (health, attrs.evolve(health, path="/other", methods=("GET", "POST", "GET")))
    paths = openapi(attrs.evolve(contract, routes=routes))["paths"]
    assert paths["/health"]["post"]["operationId"] == "health"
    assert paths["/other"]["get"]["operationId"] == "health_other"
    assert paths["/other"]["post"]["operationId"] == "health_other_post"


def table(required: list[str], others: Any = False, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": others}


def array(items: dict[str, Any], **length: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **length}


TEXT, TEXT_OR_NULL, NULL = {"type": "string"}, {"type": ["string", "null"]}, {"type": "null"}
STATUS = {"type": "string", "enum": ["canceled", "completed", "failed", "running"]}
INFERRED: list[tuple[Any, dict[str, Any]]] = [
    ("literal", {"const": "literal"}),
    (True, {"const": True}),
    (7, {"const": 7}),
    (None, {"const": None}),
    ("$$5", TEXT),
    ("Job {job_id}", TEXT),
    ("a }} b", TEXT),
    ("$job_id", TEXT),
    ("$job.stage", TEXT_OR_NULL),
    ("$job.labels.source", {}),
    ("$job.labels.a|job.id", {}),
    ("$null", NULL),
    ("$job", JOB),
    ("$jobs", array(JOB)),
    (["a", "$job_id"], array({"anyOf": [{"const": "a"}, TEXT]}, minItems=2, maxItems=2)),
    ([], array({}, minItems=0, maxItems=0)),
    ({"$each": "$jobs", "as": {"id": "$item.id"}}, array(table(["id"], id={}))),
    ({"$each": "$jobs", "as": "{item.id}", "join": ", "}, TEXT),
    ({"$with": "$job.failure", "as": "{item.code}"}, {"anyOf": [TEXT, NULL]}),
    ({"{job_id}": "$job.status"}, table([], STATUS)),
    ({"{job_id}": "$job.status", "{stage}": 1}, table([], {"anyOf": [STATUS, {"const": 1}]})),
    ({"a": "$cursor?", "b": "$cursor"}, table(["b"], a=TEXT_OR_NULL, b=TEXT_OR_NULL)),
    ({"a": {"$with": "$job.failure?", "as": "x"}}, table([], a={"anyOf": [{"const": "x"}, NULL]})),
    ({"a": {"$each": "$job.history", "as": "x"}}, table(["a"], a=array({"const": "x"}))),
    ({"a": {"$each": "$job.history?", "as": "x"}}, table([], a=array({"const": "x"}))),
    (
        {"a": {"b": 1}, "why?": "why?"},
        table(["a", "why?"], **{"a": table(["b"], b={"const": 1}), "why?": {"const": "why?"}}),
    ),
]


@pytest.mark.parametrize(("template", "schema"), INFERRED)
def test_a_schema_is_inferred_from_a_template(template: Any, schema: dict[str, Any]) -> None:
    assert SchemaInference(vendor("layers")).of(template) == schema
