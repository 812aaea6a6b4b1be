"""Vendors' HTTP cancel APIs as data: load one, and say in its words what became of a cancel request.

One record type, one data file a vendor, and pure rendering: nothing here knows a loop, a clock or a socket.
"""

from .cases import Case, case_of
from .contract import Contract, Route, Row, Source
from .loading import load, names
from .reply import Context, RateLimit, Reply, answer, document, refuse, reply
from .settings import Auth, Failures, Ids, Keys, Policies, Tenancy, Timestamps
from .words import canceled_at_once

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
    "answer",
    "canceled_at_once",
    "case_of",
    "document",
    "load",
    "names",
    "refuse",
    "reply",
)
