"""Ids in a contract's form."""

from __future__ import annotations

import re
import uuid

import attrs
import pytest

from jobcancel.asgi import id_factory
from jobcancel.contracts import names

from .bench import vendor

ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"


@pytest.mark.parametrize("name", ["layers", "tensorpool", "dafty", "dex", "sutro"])
def test_every_contract_mints_ids_of_its_own_form(name: str) -> None:
    contract = vendor(name)
    mint = id_factory(contract)
    minted = [mint() for _ in range(100)]
    assert len(set(minted)) == 100
    assert all(contract.ids.pattern.fullmatch(job_id) for job_id in minted)


def test_ulids_rise_and_are_placed_by_the_form() -> None:
    mint = id_factory(vendor("layers"))
    minted = [mint() for _ in range(1000)]
    assert minted == sorted(minted)
    assert all(re.fullmatch(f"job_{ULID}", job_id) for job_id in minted)


def test_a_uuid_is_random() -> None:
    assert uuid.UUID(id_factory(vendor("dafty"))()).version == 4


@pytest.mark.parametrize(("form", "pattern"), [("a-{ulid}.b", rf"a-{ULID}\.b"), ("a-{uuid}.b", r"a-[0-9a-f-]{36}\.b")])
def test_an_id_may_have_words_on_both_sides(form: str, pattern: str) -> None:
    contract = vendor("layers")
    mint = id_factory(attrs.evolve(contract, ids=attrs.evolve(contract.ids, mint=form)))
    assert re.fullmatch(pattern, mint())


def test_no_contract_is_left_out() -> None:
    assert names() == ("dafty", "dex", "layers", "sutro", "tensorpool")
