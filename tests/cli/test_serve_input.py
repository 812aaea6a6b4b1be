"""What `jobcancel serve` cannot work with: one clear line, exit code 2; and what its own route refuses."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from jobcancel import Scheduler
from jobcancel._cli.demonstration import Demonstration, demonstration
from jobcancel._cli.orders import Orders, body_of
from jobcancel.asgi import Caller, TokenTable, id_factory
from jobcancel.contracts import load

from .conftest import Command

Refused = Callable[..., str]


@pytest.fixture
def refused(command: Command) -> Refused:
    """The one line that is said."""

    def run(*args: str) -> str:
        result = command(*args)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        return result.stderr

    return run


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((), "jobcancel serve: Missing option '--contract'"),
        (("--contract", "layers", "--bogus"), "jobcancel serve: No such option"),
    ],
)
def test_wrong_usage(refused: Refused, args: tuple[str, ...], says: str) -> None:
    line = refused("serve", *args)  # in typer's words, which differ from version to version
    assert line.startswith(says)
    assert line.endswith("; see jobcancel serve --help\n")


@pytest.mark.parametrize("port", ["-1", "65536", "http", "nan", "inf", "8e3", "80.5", "", "9" * 5000])
def test_a_port_that_is_none(refused: Refused, port: str) -> None:
    line = refused("serve", "--contract", "layers", "--port", port)
    assert line.startswith("jobcancel serve: Invalid value for '--port': ")
    assert line.endswith("; see jobcancel serve --help\n")


def test_an_unknown_command(refused: Refused) -> None:
    assert refused("server").startswith("jobcancel: No such command 'server'")


def test_an_unknown_contract_is_answered_with_those_there_are(refused: Refused) -> None:
    line = refused("serve", "--contract", "layer")
    assert line.startswith("jobcancel serve: ")
    assert "'layer'" in line
    for name in ("dafty", "dex", "layers", "sutro", "tensorpool"):
        assert name in line


def test_an_unknown_variant_is_answered_with_those_there_are(refused: Refused) -> None:
    line = refused("serve", "--contract", "layers", "--variant", "prose")
    assert "'prose'" in line
    assert "prose_subcode" in line


def test_a_file_that_is_not_there(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    line = refused("serve", "--contract", str(path))
    assert line.startswith(f"jobcancel serve: {path}: ")
    assert "No such file or directory" in line


@pytest.mark.parametrize("text", ["=", "name = 1", ""])
def test_a_file_that_is_no_contract(refused: Refused, tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert refused("serve", "--contract", str(path)).startswith("jobcancel serve: ")


def test_a_token_that_the_vendor_s_clients_could_not_send(refused: Refused) -> None:
    line = refused("serve", "--contract", "layers", "--port", "0", "--token", "secret")
    assert line.startswith("jobcancel serve: ")
    assert "--token takes one of the form " in line


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "t\u00f6k", "\x1b[31m"])
def test_a_token_that_no_client_could_send(refused: Refused, token: str) -> None:
    line = refused("serve", "--contract", "dex", "--port", "0", "--token", token)
    assert line == (
        f"jobcancel serve: Scale Dex knows no token {token!r}; --token takes printable ASCII without spaces\n"
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "256.0.0.1", "a..b", "192.0.2.1"])
def test_an_address_that_is_not_ours(refused: Refused, host: str) -> None:
    line = refused("serve", "--contract", "layers", "--port", "0", "--host", host)
    assert line.startswith(f"jobcancel serve: cannot listen on {host} port 0 (")
    assert line.endswith("); --host takes an address or a name of this machine\n")


def test_an_address_that_cannot_be_seen_is_quoted(refused: Refused) -> None:
    line = refused("serve", "--contract", "layers", "--port", "0", "--host", "")
    assert line.startswith("jobcancel serve: cannot listen on '' port 0 (")


@pytest.mark.parametrize("count", ["0", "-1", "1000001", "nan", "inf", "1e3", "1.5", "", "true", "9" * 5000])
def test_a_count_that_is_none(refused: Refused, count: str) -> None:
    line = refused("serve", "--contract", "layers", "--max-running", count)
    assert line.startswith("jobcancel serve: Invalid value for '--max-running': ")
    assert line.endswith("; see jobcancel serve --help\n")


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra_is_named_with_what_to_install(
    refused: Refused, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, missing)
    assert refused("serve", "--contract", "layers") == (
        f"jobcancel serve: it needs {missing}: pip install 'jobcancel[cli,asgi]'\n"
    )


def test_any_other_missing_module_is_a_bug_and_is_not_hidden(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "jobcancel._cli.hints")
    with pytest.raises(ModuleNotFoundError, match="hints"):
        command("serve", "--contract", "layers")


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Hide a module from what serves, which is imported anew."""
    for name in list(sys.modules):
        ours = name.startswith(("jobcancel.asgi", "jobcancel._cli.serve", "jobcancel._cli.orders"))
        if ours or name == missing or name.startswith(f"{missing}."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)


@pytest.fixture
def shown() -> Demonstration:
    return demonstration(load("dafty"), "dafty")


@pytest.fixture
async def client(anyio_backend: Any, shown: Demonstration) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the routes beside the contract's, in this process."""

    callers = TokenTable(shown.contract, {"ours": Caller("ann")})
    async with Scheduler(shown.registry, new_id=id_factory(shown.contract)) as scheduler:
        app = Starlette(routes=Orders(scheduler, shown, callers).routes())
        transport, headers = httpx.ASGITransport(app), {"x-api-key": "ours"}
        async with httpx.AsyncClient(transport=transport, base_url="http://demo", headers=headers) as asking:
            yield asking


STAGES = "queueing, generating, publishing"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "the body must be JSON"),
        ("\xff", "the body must be JSON"),
        ("[]", "the body must be an object"),
        ('{"kind": "image.generate", "stage": 1}', "'stage' is not known here; known: fails_in, kind, labels, owner"),
        ("{}", "kind must be one of image.edit, image.generate"),
        ('{"kind": 1}', "kind must be one of"),
        ('{"kind": "image.generate", "stages": []}', "stages must be an object"),
        ('{"kind": "image.generate", "stages": {"x": 1}}', f"has no stage 'x'; its stages: {STAGES}"),
        ('{"kind": "image.generate", "fails_in": "x"}', f"has no stage 'x'; its stages: {STAGES}"),
        ('{"kind": "image.generate", "stages": {"generating": -1}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": NaN}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": "1"}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": true}}', "stages.generating must be a number of seconds"),
        ('{"kind": "image.generate", "stages": {"generating": 86401}}', "stages.generating must be a number"),
        ('{"kind": "image.generate", "stages": {"generating": 1e400}}', "stages.generating must be a number"),
        (
            f'{{"kind": "image.generate", "stages": {{"generating": {"9" * 400}}}}}',
            "stages.generating must be a number",
        ),
        (f'{{"kind": "image.generate", "stages": {{"generating": {"9" * 5000}}}}}', "the body must be JSON"),
        ("[" * 60000, "the body must be JSON"),
        ('{"kind": "image.generate", "owner": 1}', "owner must be a text"),
        ('{"kind": "image.generate", "labels": {"a": 1}}', "labels.a must be a text"),
    ],
)
async def test_an_order_that_is_none_is_answered_with_what_is_allowed(
    client: httpx.AsyncClient, body: str, says: str
) -> None:
    answer = await client.post("/demo/jobs", content=body.encode("latin-1"))
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert says in answer.json()["error"]["message"]


async def test_a_body_that_is_too_long_is_not_read_to_its_end() -> None:
    chunks = 0

    async def receive() -> dict[str, Any]:
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b" " * 4096, "more_body": True}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(ValueError, match="the body must have 65536 bytes at most"):
        await body_of(request)
    assert chunks == 17


async def test_a_key_that_is_too_long_is_refused(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k" * 256}
    answer = await client.post("/demo/jobs", json={"kind": "image.generate"}, headers=headers)
    assert answer.status_code == 400
    assert "255" in answer.json()["error"]["message"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/demo/jobs"), ("GET", "/demo/credits")])
async def test_nobody_is_turned_away_in_the_vendor_s_words(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, headers={"x-api-key": "theirs"}, json={"kind": "image.generate"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


async def test_another_method_is_answered_with_the_one_allowed(client: httpx.AsyncClient) -> None:
    for method, path, allowed in (("GET", "/demo/jobs", "POST"), ("DELETE", "/demo/credits", "GET")):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


async def test_kinds_go_by_their_names_and_by_the_vendor_s(client: httpx.AsyncClient) -> None:
    for kind in ("image_generate", "image.generate"):
        assert (await client.post("/demo/jobs", json={"kind": kind})).status_code == 202
    assert (await client.get("/demo/credits")).json() == {"reserved": 20, "reversed": 0}


def test_every_contract_s_kinds_can_be_run_and_its_token_be_sent() -> None:
    expected = {
        "layers": 10,
        "tensorpool": 1,
        "dafty": 6,
        "dex": 9,
        "sutro": 1,
    }
    for name, count in expected.items():
        contract = load(name)
        shown = demonstration(contract, name)
        assert len(shown.acts) == count
        assert all(act.stages for act in shown.acts.values())
        pattern = contract.auth.token_pattern
        assert pattern is None or pattern.fullmatch(shown.token)
