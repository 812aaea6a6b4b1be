"""Where contracts come from, and what becomes of variants."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from jobcancel import FailureCode, JobState, Registry
from jobcancel.contracts import Case, load, names
from jobcancel.errors import ContractDataError

from .bare import bare, changed

SHIPPED = ("dafty", "dex", "layers", "sutro", "tensorpool")
TOML = """
name = "mine"
title = "Mine"
source = "my own"
auth = { ways = [{ x-key = "" }] }
tenancy = { foreign = "not_found" }
ids = { pattern = ".+", mint = "{ulid}", request = "{ulid}" }
timestamps = { digits = 3, zone = "Z" }
policies = { on_shielded_stage = "refuse" }
routes = [{ op = "cancel", methods = ["POST"], path = "/{job_id}" }]
document = { id = "$job.id" }
"""


def mine() -> str:
    """Return a host's own contract as TOML text."""
    data = bare()
    rows = [(f"outcomes.{name}", row["status"]) for name, row in data["outcomes"].items()]
    rows += [(f"errors.{name}", row["status"]) for name, row in data["errors"].items()]
    tables = [f'[{name}]\nstatus = {status}\nsource = "silent"\n' for name, status in rows]
    words = [f'{state} = "{word}"\n' for state, word in data["statuses"].items()]
    return "".join([TOML, *tables, "[statuses]\n", *words])


def refused(source: Any, *variants: str) -> tuple[str, Any, str]:
    with pytest.raises(ContractDataError) as caught:
        load(source, variants=variants)
    return caught.value.path, caught.value.value, caught.value.allowed


def test_five_contracts_are_shipped() -> None:
    assert names() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_contract_is_complete_and_loads_with_all_its_variants(name: str) -> None:
    contract = load(name)
    assert contract.name == name
    assert list(contract.outcomes) == list(Case)
    assert list(contract.statuses) == list(JobState)
    every = load(name, variants=contract.variants)
    assert every.applied == tuple(contract.variants)
    assert len(Registry.from_mapping({"kinds": contract.kinds})) == (10 if name == "layers" else 0)


def test_the_variants_are_those_that_were_left_open() -> None:
    assert {name: tuple(load(name).variants) for name in SHIPPED} == {
        "layers": ("prose_subcode", "bootstrap_retry_restarts"),
        "tensorpool": ("unauthenticated_401",),
        "dafty": ("terminal_409", "malformed_404"),
        "dex": ("empty_202",),
        "sutro": ("not_found_404", "sdk"),
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_cites_its_source_first(name: str) -> None:
    import jobcancel.contracts

    first = (Path(jobcancel.contracts.__file__).parent / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert "after its public API document as summarised" in first


def test_a_host_loads_its_own_file_by_text_by_path_and_as_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(mine(), encoding="utf-8")
    contract = load(file)
    assert (contract.name, contract.policies.on_shielded_stage, contract.applied) == ("mine", "refuse", ())
    assert load(str(file)) == contract
    assert load(bare()).name == "bare"
    assert load(types.MappingProxyType(bare())) == load(bare())


def test_an_unknown_contract_is_refused_with_the_known_names() -> None:
    allowed = "dafty, dex, layers, sutro, tensorpool, or the path of a .toml file"
    assert refused("laeyrs") == ("name", "laeyrs", allowed)
    assert refused("../contracts/layers") == ("name", "../contracts/layers", allowed)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    assert refused(file) == (str(file), "No such file or directory", "a file that can be read")
    assert refused(str(file)) == (str(file), "No such file or directory", "a file that can be read")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"x = = 1", "Invalid value (at line 1, column 5)"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_the_position(tmp_path: Path, content: bytes, wrong: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    assert refused(file) == (str(file), wrong, "TOML")


def test_an_unknown_variant_is_refused_with_the_known_names() -> None:
    assert refused("dafty", "terminal_410") == ("variants", "terminal_410", "terminal_409, malformed_404")
    assert refused(bare(), "any") == ("variants", "any", "none: it has no variants")


def test_a_single_string_is_no_list_of_variants() -> None:
    with pytest.raises(ContractDataError) as caught:
        load("dex", variants="empty_202")
    error = caught.value
    assert (error.path, error.value, error.allowed) == ("variants", "empty_202", "a list of names, of empty_202")


def test_variants_are_merged_once_each_in_the_given_order() -> None:
    data = changed(
        "variants",
        {
            "a": {"changes": "the title", "lays": {"title": "A", "outcomes": {"refused": {"status": 409}}}},
            "b": {"changes": "the title too", "lays": {"title": "B"}},
        },
    )
    both = load(data, variants=["a", "b", "a"])
    assert (both.title, both.outcomes[Case.REFUSED].status, both.applied) == ("B", 409, ("a", "b"))
    assert load(data, variants=["b", "a"]).title == "A"
    assert load(data).title == "Bare"
    assert load(data).variants == {"a": "the title", "b": "the title too"}


def test_two_variants_that_are_right_alone_are_checked_together() -> None:
    data = changed(
        "variants",
        {
            "a": {"changes": "x", "lays": {"failures": {"codes": {"default": "X"}}}},
            "b": {"changes": "y", "lays": {"outcomes": {"refused": {"body": {"$with": "$job.id", "as": "$item"}}}}},
            "c": {"changes": "z", "lays": {"outcomes": {"refused": {"body": {"$each": "$job.history", "as": 1}}}}},
        },
    )
    assert load(data, variants=["a", "b"]).failures.codes == {"default": "X"}
    assert refused(data, "b", "c")[0] == "outcomes.refused.body.$with"


def test_a_loaded_contract_shares_nothing_with_its_data_and_is_immutable() -> None:
    data = bare()
    contract = load(data)
    data["statuses"]["pending"] = "changed"
    data["document"]["id"] = 5
    assert contract.statuses[JobState.PENDING] == "pending"
    assert contract.document == {"id": "$job.id"}
    with pytest.raises(TypeError):
        contract.statuses[JobState.PENDING] = "x"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    with pytest.raises(AttributeError):
        contract.name = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_two_loads_are_equal_and_a_host_may_change_a_part() -> None:
    contract = load("dafty")
    assert load("dafty") == contract
    patient = evolve(contract, policies=evolve(contract.policies, settle_s=30))
    assert patient.policies.settle_s == 30
    assert patient != contract


def test_every_optional_field_may_be_given() -> None:
    data = bare() | {
        "failure_statuses": {"TIMED_OUT": "late"},
        "failures": {"codes": {"default": "X", "parse": "Y"}, "canceled": "stopped"},
        "keys": {"header": "K", "max_length": 9},
        "kinds": {"parse": {"stages": [{"name": "ocr", "on_cancel": "refuse"}]}},
        "kind_words": {"parse": "doc.parse"},
    }
    data["auth"] |= {"token_pattern": "t_.+", "cancel_scope": "stop"}
    data["policies"] |= {"via_canceling": True, "settle_s": 1}
    contract = load(data)
    assert contract.failure_statuses == {FailureCode.TIMED_OUT: "late"}
    assert (contract.failures.codes, contract.failures.canceled) == ({"default": "X", "parse": "Y"}, "stopped")
    assert (contract.auth.cancel_scope, contract.policies.settle_s, contract.policies.via_canceling) == (
        "stop",
        1,
        True,
    )
    assert len(Registry.from_mapping({"kinds": contract.kinds})) == 1
    assert contract.kind_words == {"parse": "doc.parse"}
