"""Input that `jobcancel serve` cannot use: one clear line and exit code 2."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobcancel._cli.serve.server import address_of, listen

from .conftest import Command

Refused = Callable[..., str]


@pytest.fixture
def refused(command: Command) -> Refused:
    """Run a command with bad input and return its one line."""

    def run(*args: str) -> str:
        result = command(*args)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        return result.stderr

    return run


@pytest.mark.parametrize(
    ("args", "beginning"),
    [
        ((), "jobcancel serve: Missing option '--contract'"),
        (("--contract", "layers", "--bogus"), "jobcancel serve: No such option"),
    ],
)
def test_wrong_usage_is_refused(refused: Refused, args: tuple[str, ...], beginning: str) -> None:
    line = refused("serve", *args)  # typer's message differs from version to version
    assert line.startswith(beginning)
    assert line.endswith("; see jobcancel serve --help\n")


@pytest.mark.parametrize("port", ["-1", "65536", "http", "nan", "inf", "8e3", "80.5", "", "9" * 5000])
def test_a_port_out_of_range_is_refused(refused: Refused, port: str) -> None:
    line = refused("serve", "--contract", "layers", "--port", port)
    assert line.startswith("jobcancel serve: Invalid value for '--port': ")
    assert line.endswith("; see jobcancel serve --help\n")


def test_an_unknown_command_is_refused(refused: Refused) -> None:
    assert refused("server").startswith("jobcancel: No such command 'server'")


def test_an_unknown_contract_is_refused_with_the_known_ones(refused: Refused) -> None:
    line = refused("serve", "--contract", "layer")
    assert line.startswith("jobcancel serve: ")
    assert "'layer'" in line
    for name in ("dafty", "dex", "layers", "sutro", "tensorpool"):
        assert name in line


def test_an_unknown_variant_is_refused_with_the_known_ones(refused: Refused) -> None:
    line = refused("serve", "--contract", "layers", "--variant", "prose")
    assert "'prose'" in line
    assert "prose_subcode" in line


def test_a_missing_contract_file_is_refused(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    line = refused("serve", "--contract", str(path))
    assert line.startswith(f"jobcancel serve: {path}: ")
    assert "No such file or directory" in line


@pytest.mark.parametrize("text", ["=", "name = 1", ""])
def test_a_file_that_is_not_a_contract_is_refused(refused: Refused, tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    assert refused("serve", "--contract", str(path)).startswith("jobcancel serve: ")


def test_a_token_without_the_vendor_s_form_is_refused(refused: Refused) -> None:
    line = refused("serve", "--contract", "layers", "--port", "0", "--token", "secret")
    assert line.startswith("jobcancel serve: ")
    assert "--token takes one of the form " in line


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "t\u00f6k", "\x1b[31m"])
def test_a_token_that_no_client_can_send_is_refused(refused: Refused, token: str) -> None:
    line = refused("serve", "--contract", "dex", "--port", "0", "--token", token)
    assert line == (
        f"jobcancel serve: Scale Dex has no token like {token!r}; --token takes printable ASCII without spaces\n"
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "256.0.0.1", "a..b", "192.0.2.1"])
def test_an_address_of_another_machine_is_refused(refused: Refused, host: str) -> None:
    line = refused("serve", "--contract", "layers", "--port", "0", "--host", host)
    assert line.startswith(f"jobcancel serve: cannot listen on {host} port 0 (")
    assert line.endswith("); --host takes an address or a name of this machine\n")


def test_an_empty_address_is_quoted(refused: Refused) -> None:
    line = refused("serve", "--contract", "layers", "--port", "0", "--host", "")
    assert line.startswith("jobcancel serve: cannot listen on '' port 0 (")


@pytest.mark.parametrize("count", ["0", "-1", "1000001", "nan", "inf", "1e3", "1.5", "", "true", "9" * 5000])
def test_a_count_out_of_range_is_refused(refused: Refused, count: str) -> None:
    line = refused("serve", "--contract", "layers", "--max-running", count)
    assert line.startswith("jobcancel serve: Invalid value for '--max-running': ")
    assert line.endswith("; see jobcancel serve --help\n")


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_a_missing_extra_is_reported_with_the_install_command(
    refused: Refused, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, missing)
    assert refused("serve", "--contract", "layers") == (
        f"jobcancel serve: it needs {missing}: pip install 'jobcancel[cli,asgi]'\n"
    )


def test_another_missing_module_is_an_error(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "jobcancel._cli.serve.banner")
    with pytest.raises(ModuleNotFoundError, match="banner"):
        command("serve", "--contract", "layers")


def without(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Hide a module and forget the server's modules, so that they are imported again."""
    for name in list(sys.modules):
        is_servers = name.startswith(("jobcancel.asgi", "jobcancel._cli.serve.")) and not name.endswith(".command")
        if is_servers or name == missing or name.startswith(f"{missing}."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)


def test_a_busy_port_is_refused(refused: Refused) -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        line = refused("serve", "--contract", "dex", "--port", str(port))
    assert line == (
        f"jobcancel serve: cannot listen on 127.0.0.1 port {port} (Address already in use); "
        "--port 0 takes any free port\n"
    )


def test_the_url_of_an_ipv6_address_has_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("NOT RUN: no IPv6")
    with listen("::1", 0) as listener:
        assert address_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"
