"""Where contracts come from: the shipped files, a host's own file, or a mapping."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from jobcancel.errors import ContractDataError

from .answers import under
from .contract import Contract
from .overlay import copied, overlaid
from .reading import contract_from

_HERE: Final = "jobcancel.contracts"
_SUFFIX: Final = ".toml"


def names() -> tuple[str, ...]:
    """Return the names of the shipped contracts."""
    shipped = (entry.name for entry in files(_HERE).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in shipped if name.endswith(_SUFFIX)))


def load(source: str | PathLike[str] | Mapping[str, Any], *, variants: Iterable[str] = ()) -> Contract:
    """Load a contract.

    Args:
        source: A shipped contract's name; the path of a TOML file (a ``PathLike``, or a text that ends in ``.toml``);
            or the data themselves.
        variants: Which of the contract's variants to lay over it, in this order.

    Raises:
        ContractDataError: There is no such contract, file or variant, or the data are wrong. A variant that was not
            asked for has to be right as well.
    """
    data = copied(source) if isinstance(source, Mapping) else _read(source)
    contract = contract_from(data)
    applied = _asked(variants, contract.variants)
    for name in contract.variants:
        with under(f"variants.{name}.lays"):
            contract_from(overlaid(data, data["variants"][name]["lays"]))
    for name in applied:
        data = overlaid(data, data["variants"][name]["lays"])
    return contract_from(data, applied) if applied else contract


def _asked(variants: Iterable[str], known: Mapping[str, str]) -> tuple[str, ...]:
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
        return tomllib.loads((files(_HERE) / (source + _SUFFIX)).read_bytes().decode())
    try:
        return tomllib.loads(Path(path).read_bytes().decode())
    except OSError as error:
        raise ContractDataError(path, error.strerror, "a file that can be read") from None
    except ValueError as error:  # no UTF-8, or no TOML
        raise ContractDataError(path, str(error), "TOML") from None
