"""Vendors' HTTP cancel APIs as data: load a contract, and render its reply to a cancel request.

One record type, one data file for each vendor, and pure rendering without a loop, a clock or a socket.
"""

from .cases import Case, case_of
from .contract import Auth, Contract, Failures, Ids, Keys, Policies, Route, Row, Source, Tenancy, Timestamps
from .loading import load, names
from .rendering import Context, RateLimit, Reply, error_reply, job_document, outcome_reply, success_reply
from .vendor_job import canceled_at_once

__all__ = (
    "Auth",
    "Case",
    "Context",
    "Contract",
    "Failures",
    "Ids",
    "Keys",
    "Policies",
    "RateLimit",
    "Reply",
    "Route",
    "Row",
    "Source",
    "Tenancy",
    "Timestamps",
    "canceled_at_once",
    "case_of",
    "error_reply",
    "job_document",
    "load",
    "names",
    "outcome_reply",
    "success_reply",
)
