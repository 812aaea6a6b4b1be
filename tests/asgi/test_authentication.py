"""The caller of a request: the token table, and the results of a host's own ``authenticate`` function."""

from __future__ import annotations

import hmac
import logging
import pickle
from typing import Any

import attrs
import pytest
from starlette.requests import Request

from jobcancel.asgi import Authenticate, Caller, RateLimited, TokenTable, Unauthenticated

from .bench import ANN, CALLERS, serving, vendor

ULID = "job_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def request(*headers: tuple[str, str]) -> Request:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": raw})


BEARER, KEY = ("Authorization", "Bearer lp_ann"), ("x-api-key", "lp_ann")
ACCOUNT = ("x-selected-account-id", "acc_1")


@pytest.mark.parametrize(
    ("name", "headers", "found"),
    [
        ("layers", [BEARER], True),
        ("layers", [("AUTHORIZATION", "bearer lp_ann")], True),
        ("layers", [], False),
        ("layers", [("Authorization", "lp_ann")], False),
        ("layers", [("Authorization", "Bearer ")], False),
        ("layers", [("Authorization", "Bearer")], False),
        ("layers", [("Authorization", "Bearer lp_ann ")], False),
        ("layers", [("Authorization", "Bearer  lp_ann")], False),
        ("layers", [("Authorization", "Bearer lp_an")], False),
        ("layers", [("Authorization", "Bearer lp_annn")], False),
        ("layers", [("Authorization", "Bearer lp_\xe4nn")], False),
        ("layers", [("Authorization", "Bearer xx_ann")], False),
        ("layers", [BEARER, BEARER], False),
        ("layers", [BEARER, ("Authorization", "Bearer lp_bob")], False),
        ("layers", [KEY], False),
        ("dafty", [BEARER], True),
        ("dafty", [KEY], True),
        ("dafty", [("x-api-key", "wrong"), BEARER], False),
        ("dex", [KEY, ACCOUNT], True),
        ("dex", [KEY], False),
        ("dex", [ACCOUNT], False),
        ("dex", [KEY, ("x-selected-account-id", "")], False),
        ("dex", [KEY, ACCOUNT, ACCOUNT], False),
        ("sutro", [("Authorization", "Key lp_ann")], True),
        ("sutro", [BEARER], False),
    ],
)
async def test_a_caller_is_found_by_the_contracts_headers_only(
    name: str, headers: list[tuple[str, str]], found: bool
) -> None:
    table = TokenTable(vendor(name), CALLERS)
    assert await table(request(*headers)) == (CALLERS[ANN] if found else None)


async def test_every_token_of_the_table_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def count(a: bytes, b: bytes) -> bool:
        compared.append(len(a) - len(b))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", count)
    table = TokenTable(vendor("tensorpool"), {f"token-{n}" * (n + 1): Caller(f"o{n}") for n in range(5)})
    for token, owner in (("token-0", "o0"), ("token-4" * 5, "o4"), ("nobody's", None)):
        found = await table(request(("Authorization", f"Bearer {token}")))
        assert (found and found.owner) == owner
        assert compared == [0] * 5
        compared.clear()


@pytest.mark.parametrize(
    ("name", "token", "form"),
    [("layers", "sk_1", "of the form lp_"), ("layers", "", "of the form lp_"), ("tensorpool", "", "not empty")],
)
def test_a_token_of_another_form_is_refused_and_not_shown(name: str, token: str, form: str) -> None:
    with pytest.raises(ValueError, match=f"number 2 cannot be sent; a token of {name} is {form}") as refused:
        TokenTable(vendor(name), {"lp_good": Caller("ann"), token: Caller("bob")})
    assert not token or token not in str(refused.value)


@pytest.mark.parametrize(
    ("owner", "error", "message"),
    [
        ("", ValueError, "owner must be a string that is not empty, not ''"),
        (None, TypeError, "owner must be a string, not NoneType"),
        (7, TypeError, "owner must be a string, not int"),
    ],
)
def test_a_caller_without_an_owner_is_refused(owner: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refused:
        Caller(owner)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (
            {"lp_secret_1": Caller("ann"), "lp_secret_2": "bob"},
            "tokens: number 2 must lead to a Caller, as in Caller('ann'), not str",
        ),
        ({"lp_secret_1": None}, "tokens: number 1 must lead to a Caller, as in Caller('ann'), not NoneType"),
        ({b"lp_secret_1": Caller("ann")}, "tokens: number 1 must be a string, not bytes"),
        (["lp_secret_1"], "tokens must be a mapping of tokens to Callers, not list"),
    ],
)
def test_a_token_table_without_callers_is_refused_and_shows_no_token(tokens: Any, message: str) -> None:
    with pytest.raises(TypeError) as refused:
        TokenTable(vendor("layers"), tokens)
    assert str(refused.value) == message


def test_a_scope_given_as_a_string_is_one_scope() -> None:
    assert Caller("ann", "jobs:cancel").scopes == {"jobs:cancel"}
    assert Caller("ann", ["a", "b"]).scopes == {"a", "b"}


def test_a_rate_limit_has_sensible_numbers_and_survives_pickling() -> None:
    with pytest.raises(ValueError, match="limit"):
        RateLimited(-1, 0, 1, 1)
    again = pickle.loads(pickle.dumps(RateLimited(10, 0, 30.5, 2)))  # noqa: S301 - our own bytes
    assert attrs.astuple(again.rate) == (10, 0, 30.5, 2)


async def async_none(_: Request) -> Caller | None:
    return None


def plain_none(_: Request) -> Caller | None:
    return None


def plain_raise(_: Request) -> Caller | None:
    raise Unauthenticated


async def async_raise(_: Request) -> Caller | None:
    raise Unauthenticated


@pytest.mark.parametrize("authenticate", [async_none, plain_none, plain_raise, async_raise])
@pytest.mark.parametrize("path", [f"/v1/jobs/{ULID}/cancel", "/v1/jobs/malformed/cancel"])
async def test_an_unknown_caller_is_refused_before_the_request_is_checked(
    authenticate: Authenticate, path: str
) -> None:
    async with serving("layers", authenticate=authenticate) as bench:
        answer = await bench.client.post(path)

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_authenticate_may_be_a_plain_function() -> None:
    async with serving("layers", authenticate=lambda _: Caller("ann", {"jobs:cancel"})) as bench:
        job_id = await bench.running()
        assert (await bench.client.post(f"/v1/jobs/{job_id}/cancel")).status_code == 202


async def test_a_rate_limit_is_answered_before_the_id_is_checked() -> None:
    async def limited(_: Request) -> Caller:
        raise RateLimited(10, 0, 29.2, 29.2)

    async with serving("dafty", authenticate=limited) as bench:
        answer = await bench.client.post("/api/v1/jobs/malformed/cancel")

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "RATE_LIMIT_ERROR")
    limits = {"retry-after": "30", "x-ratelimit-limit": "10", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}
    assert {name: answer.headers[name] for name in limits} == limits


class Lookalike:
    owner = None
    scopes = frozenset({"jobs:cancel"})


@pytest.mark.parametrize("given", [Lookalike(), {"owner": "ann"}, "ann", True])
async def test_an_authenticate_result_that_is_no_caller_is_an_error(
    given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving("layers", authenticate=lambda _: given) as bench:
        job_id = await bench.running()
        with caplog.at_level(logging.ERROR, "jobcancel"):
            answer = await bench.client.get(f"/v1/jobs/{job_id}")

    assert answer.status_code == 500
    assert "authenticate must return a Caller or None" in caplog.text
