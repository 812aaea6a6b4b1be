"""The smallest contract there can be, as data that a test may change."""

from __future__ import annotations

from typing import Any

CASES = (
    "pending_canceled",
    "canceling",
    "already_canceling",
    "already_canceled",
    "already_completed",
    "already_failed",
    "refused",
    "not_found",
    "forbidden",
    "malformed_id",
    "unauthenticated",
    "rate_limited",
    "internal_error",
)
ERRORS = ("unknown_route", "method_not_allowed", "invalid_request", "idempotency_conflict", "closed")
STATES = ("pending", "running", "canceling", "succeeded", "partially_succeeded", "failed", "canceled")


def bare() -> dict[str, Any]:
    """Return a new copy."""
    return {
        "name": "bare",
        "title": "Bare",
        "source": "nobody's",
        "auth": {"ways": [{"x-key": ""}]},
        "tenancy": {"foreign": "not_found"},
        "ids": {"pattern": "[a-z0-9_]+", "mint": "{ulid}", "request": "{uuid}"},
        "timestamps": {"digits": 0, "zone": "+00:00"},
        "statuses": {state: state for state in STATES},
        "policies": {"on_shielded_stage": "defer"},
        "routes": [
            {"op": "cancel", "methods": ["POST"], "path": "/jobs/{job_id}/cancel"},
            {"op": "get", "methods": ["GET"], "path": "/jobs/{job_id}"},
            {"op": "list", "methods": ["GET"], "path": "/jobs"},
            {"op": "health", "methods": ["GET"], "path": "/healthz", "authenticated": False},
        ],
        "outcomes": {case: {"status": 200, "source": "silent"} for case in CASES},
        "errors": {error: {"status": 400, "source": "silent"} for error in ERRORS},
        "document": {"id": "$job.id"},
    }


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the bare contract with ``value`` at ``path``; ``...`` takes away what is there."""
    data = bare()
    *way, last = (int(name) if name.isdigit() else name for name in path.split("."))
    at: Any = data
    for name in way:
        at = at[name] if isinstance(name, int) else at.setdefault(name, {})
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return data
