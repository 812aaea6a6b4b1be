"""The idempotency key that a request carries."""

from __future__ import annotations

import pytest

from jobcancel.asgi import idempotency_key

from .bench import vendor
from .test_authentication import request

NAME = "Idempotency-Key"


def test_the_header_of_the_contract_is_the_key() -> None:
    assert idempotency_key(request(("idempotency-key", "order 7")), vendor("dafty")) == "order 7"
    assert idempotency_key(request((NAME, "k" * 255)), vendor("dafty")) == "k" * 255
    assert idempotency_key(request((NAME, "twice"), (NAME, "twice")), vendor("dafty")) == "twice"


def test_no_header_is_no_key() -> None:
    assert idempotency_key(request(), vendor("dafty")) is None


def test_a_contract_without_keys_gives_no_key() -> None:
    contract = vendor("dex")
    assert contract.keys is None
    assert idempotency_key(request((NAME, "k")), contract) is None


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([(NAME, "k" * 256)], "Idempotency-Key has 256 characters; at most 255 are allowed"),
        ([(NAME, "")], "Idempotency-Key is empty; send 1 to 255 characters, or no such header"),
        ([(NAME, "a"), (NAME, "b")], "Idempotency-Key was sent 2 times with different keys; send one"),
    ],
)
def test_an_invalid_idempotency_key_is_refused_with_a_message(headers: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        idempotency_key(request(*headers), vendor("dafty"))
