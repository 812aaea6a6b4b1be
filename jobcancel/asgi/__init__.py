"""A contract over HTTP: Starlette routes that answer in a vendor's words for any ``JobService`` (extra ``asgi``)."""

from .callers import Authenticate, Caller, RateLimited, TokenTable, Unauthenticated
from .ids import id_factory
from .keys import idempotency_key
from .openapi import openapi
from .routing import app, routes

__all__ = (
    "Authenticate",
    "Caller",
    "RateLimited",
    "TokenTable",
    "Unauthenticated",
    "app",
    "id_factory",
    "idempotency_key",
    "openapi",
    "routes",
)
