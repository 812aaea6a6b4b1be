"""Loading a contract from a shipped file, a host's own file or a mapping, with variants merged in."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final, cast

from jobcancel.errors import ContractDataError

from .contract import Contract
from .fields import paths_below
from .parser import parse_contract

_PACKAGE: Final = "jobcancel.contracts"
_SUFFIX: Final = ".toml"


def names() -> tuple[str, ...]:
    """Return the names of the shipped contracts."""
    shipped = (entry.name for entry in files(_PACKAGE).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in shipped if name.endswith(_SUFFIX)))


def load(source: str | PathLike[str] | Mapping[str, Any], *, variants: Iterable[str] = ()) -> Contract:
    """Load a contract.

    Args:
        source: A shipped contract's name; the path of a TOML file (a ``PathLike``, or a text that ends in ``.toml``);
            or the data as a mapping.
        variants: The names of the variants to merge into the contract, in this order.

    Raises:
        ContractDataError: There is no such contract, file or variant, or the data is wrong. All variants are checked,
            not only those in ``variants``.
    """
    data = copy(source) if isinstance(source, Mapping) else _read(source)
    contract = parse_contract(data)
    applied = _known_variants(variants, contract.variants)
    for name in contract.variants:
        with paths_below(f"variants.{name}.lays"):
            parse_contract(merge(data, data["variants"][name]["lays"]))
    for name in applied:
        data = merge(data, data["variants"][name]["lays"])
    return parse_contract(data, applied) if applied else contract


def merge(base: object, over: object) -> Any:
    """Return ``base`` with ``over`` merged in: tables merge key by key, other values are replaced.

    Neither argument is changed, and the result shares nothing mutable with them.
    """
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        below, above = cast("Mapping[str, Any]", base), cast("Mapping[str, Any]", over)
        merged = {key: merge(value, above[key]) if key in above else copy(value) for key, value in below.items()}
        return merged | {key: copy(value) for key, value in above.items() if key not in below}
    return copy(over)


def copy(value: object) -> Any:
    """Return a copy of plain data, made of dictionaries and lists."""
    if isinstance(value, Mapping):
        return {key: copy(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [copy(item) for item in cast("list[object]", value)]
    return value


def _known_variants(variants: Iterable[str], known: Mapping[str, str]) -> tuple[str, ...]:
    allowed = ", ".join(known) or "none: it has no variants"
    if isinstance(variants, str):
        raise ContractDataError("variants", variants, f"a list of names, of {allowed}")
    applied = tuple(dict.fromkeys(variants))
    for name in applied:
        if name not in known:
            raise ContractDataError("variants", name, allowed)
    return applied


def _read(source: str | PathLike[str]) -> Any:
    path = fspath(source)
    if isinstance(source, str) and not source.endswith(_SUFFIX):
        shipped = names()
        if source not in shipped:
            raise ContractDataError("name", source, ", ".join(shipped) + ", or the path of a .toml file")
        return tomllib.loads((files(_PACKAGE) / (source + _SUFFIX)).read_bytes().decode())
    try:
        return tomllib.loads(Path(path).read_bytes().decode())
    except OSError as error:
        raise ContractDataError(path, error.strerror, "a file that can be read") from None
    except ValueError as error:  # no UTF-8, or no TOML
        raise ContractDataError(path, str(error), "TOML") from None
