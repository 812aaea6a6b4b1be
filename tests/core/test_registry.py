from __future__ import annotations

from typing import Any

import pytest

from jobcancel import CompensationContext, JobContext, Registry, Stage
from jobcancel.errors import RegistrationError, UnknownKindError


async def work(job: JobContext, url: str) -> str:
    return url


async def other(job: JobContext) -> None: ...


def plain(job: JobContext) -> None: ...


def declared() -> Registry:
    return Registry.from_mapping({"kinds": {"ingest": {"on_cancel": "refuse"}}})


def test_a_kind_is_declared_with_its_handler() -> None:
    registry = Registry()
    kind = registry.kind("ingest", stages=[Stage("cloning")], on_cancel="defer", grace_s=5)(work)

    assert (kind.name, kind.handler, list(kind.stages)) == ("ingest", work, ["cloning"])
    assert (kind.spec.on_cancel, kind.spec.grace_s) == ("defer", 5)
    assert registry["ingest"] is kind
    assert "ingest" in registry
    assert "batch" not in registry
    assert len(registry) == 1
    assert list(registry) == [kind]


def test_a_kind_is_never_replaced() -> None:
    registry = Registry()
    first = registry.kind("ingest")(work)
    with pytest.raises(RegistrationError, match="kind 'ingest' is registered already; kinds are never replaced"):
        registry.kind("ingest")(other)
    assert registry["ingest"] is first


def test_an_invalid_option_is_refused_before_the_handler_is_given() -> None:
    with pytest.raises(ValueError, match="grace_s"):
        Registry().kind("ingest", grace_s=-1)


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    registry = Registry()
    registry.kind("ingest")(work)
    with pytest.raises(UnknownKindError) as caught:
        registry["ingset"]
    assert (caught.value.kind, caught.value.known) == ("ingset", ("ingest",))


def test_a_handler_is_registered_for_a_kind_from_data() -> None:
    registry = declared()
    kind = registry.handler("ingest")(work)
    assert kind is registry["ingest"]
    assert (kind.handler, kind.spec.on_cancel) == (work, "refuse")
    assert kind("u").args == ("u",)


def test_a_misspelled_handler_does_not_declare_a_kind() -> None:
    registry = declared()
    with pytest.raises(UnknownKindError):
        registry.handler("ingset")
    assert [kind.name for kind in registry] == ["ingest"]


def test_a_second_handler_is_refused() -> None:
    registry = declared()
    registry.handler("ingest")(work)
    with pytest.raises(RegistrationError, match="kind 'ingest' has a handler already"):
        registry.handler("ingest")(other)
    assert registry["ingest"].handler is work


def test_a_plain_function_registers_nothing() -> None:
    refused: Any = plain
    registry = declared()
    with pytest.raises(TypeError, match="must be an `async def`"):
        registry.handler("ingest")(refused)
    with pytest.raises(TypeError, match="must be an `async def`"):
        registry.kind("batch")(refused)
    assert registry["ingest"].handler is None
    assert "batch" not in registry


def refund(context: CompensationContext, amount: int) -> None: ...


def test_a_compensation_is_registered_under_its_name() -> None:
    registry = Registry()
    compensation = registry.compensation("refund")(refund)
    assert (compensation.name, compensation.fn) == ("refund", refund)
    assert dict(registry.compensations) == {"refund": compensation}
    assert repr(compensation(5)) == "<undo by refund>"


def test_a_compensation_is_never_replaced() -> None:
    registry = Registry()
    first = registry.compensation("refund")(refund)
    with pytest.raises(RegistrationError, match="compensation 'refund' is registered already; it is never replaced"):
        registry.compensation("refund")(refund)
    assert registry.compensations["refund"] is first


def test_a_kind_knows_the_registry_that_it_belongs_to() -> None:
    registry = Registry()
    assert registry.kind("ingest")(work).home is registry
    other_registry = declared()
    assert other_registry["ingest"].home is other_registry


def wrongly_declared(**options: Any) -> Any:
    return Registry().kind("work", **options)


OPTIONS = (
    "the options stages, on_cancel, strict, compensate_on, cleanup_s, grace_s, on_grace_expired, timeout_s, expires_s, "
    "max_running, max_pending, key_ttl_s, rerun_on, retain_s, retain_count, on_restart"
)

# what a host writes, and what the refusal says
WRONG: dict[str, tuple[Any, str]] = {
    "an option that is misspelled": (
        lambda: wrongly_declared(max_runing=1),
        f"kind 'work': max_runing=1 is not allowed here; allowed: {OPTIONS}; did you mean max_running?",
    ),
    "an option that is like no other": (
        lambda: wrongly_declared(colour="red"),
        f"kind 'work': colour='red' is not allowed here; allowed: {OPTIONS}",
    ),
    "a stage's option that is misspelled": (
        lambda: Stage("a", on_cancl="defer"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "stage 'a': on_cancl='defer' is not allowed here; allowed: the options on_cancel, commits, timeout_s; "
        "did you mean on_cancel?",
    ),
    "a stage's option that is like no other": (
        lambda: Stage("a", colour="red"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "stage 'a': colour='red' is not allowed here; allowed: the options on_cancel, commits, timeout_s",
    ),
    "kind without brackets": (
        lambda: Registry().kind(work),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        'a kind needs a name, which must be a string, not function: write @registry.kind("work") above its function',
    ),
    "handler without brackets": (
        lambda: declared().handler(work),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "a handler needs a name, which must be a string, not function: "
        'write @registry.handler("work") above its function',
    ),
    "compensation without brackets": (
        lambda: Registry().compensation(refund),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "a compensation needs a name, which must be a string, not function: "
        'write @registry.compensation("refund") above its function',
    ),
    "a number for a name": (
        lambda: Registry().kind(5),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        'a kind needs a name, which must be a string, not int: write @registry.kind("name") above its function',
    ),
    "bytes of TOML": (
        lambda: Registry.from_toml(b"[kinds.a]"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "text must be a string of TOML, not bytes; decode bytes, and read a file, first",
    ),
    "bytes of JSON": (
        lambda: Registry.from_json(b"{}"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "text must be a string of JSON, not bytes; decode bytes, and read a file, first",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_mistake_in_a_declaration_is_refused_with_what_to_write(what: str) -> None:
    declare, message = WRONG[what]
    with pytest.raises(TypeError) as refused:
        declare()
    assert str(refused.value) == message
