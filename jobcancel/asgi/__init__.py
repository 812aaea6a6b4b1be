"""A contract over HTTP: Starlette routes that answer as the vendor does, for any ``JobService`` (extra ``asgi``)."""

from .authentication import Authenticate, Caller, RateLimited, TokenTable, Unauthenticated
from .ids import id_factory
from .openapi import openapi
from .requests import idempotency_key
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
