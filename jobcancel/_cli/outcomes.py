"""`jobcancel contracts`: what each contract answers to a cancel, side by side, and its variants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobcancel.contracts import Case, Contract, Row, Source, load, names
from jobcancel.errors import ContractDataError

from .preflight import BadInputError

MARKS = {Source.EXPLICIT: "e", Source.IMPLIED: "i", Source.SILENT: "s", Source.STATUS_ONLY: "b"}
LEGEND = (
    "e: the vendor's document says it; i: it follows from what it says; s: it is silent; b: it says the status, not "
    "the body; !: a status that it does not list; J: the job document"
)
WHOLE_JOB = "J"


def loaded(source: str, variants: Iterable[str] = ()) -> Contract:
    """Return a shipped contract, or one from a file.

    Args:
        source: A shipped contract's name, or a path that ends in ``.toml``.
        variants: What to lay over it.

    Raises:
        BadInputError: There is no such contract or variant, or its data is wrong.
    """
    try:
        return load(source, variants=variants)
    except ContractDataError as error:
        raise BadInputError(" ".join(str(error).split())) from None


def selected(source: str | None) -> list[Contract]:
    """Return the contracts to show: all that are shipped, or the one that is asked for."""
    return [loaded(name) for name in (names() if source is None else (source,))]


def plain_lines(contracts: Iterable[Contract]) -> Iterator[str]:
    """Give the tables line by line: contract, outcome or variant, what it is; fields separated by tabs."""
    for contract in contracts:
        for case in Case:
            yield "\t".join((contract.name, case, cell(contract.outcomes[case])))
        for name, says in contract.variants.items():
            yield "\t".join((contract.name, f"variant {name}", says))
    yield LEGEND


def draw(contracts: Iterable[Contract], console: Console) -> None:
    """Draw the tables on a terminal."""
    shown = list(contracts)
    answers, variants = Table("outcome"), Table("variant", "contract", "what it changes")
    for contract in shown:
        answers.add_column(Text(contract.name), overflow="fold")
        for name, says in contract.variants.items():
            variants.add_row(Text(name), Text(contract.name), Text(says))
    for case in Case:
        answers.add_row(Text(case), *(Text(cell(contract.outcomes[case])) for contract in shown))
    console.print(answers)
    if variants.row_count:
        console.print(variants)
    console.print(Text(LEGEND, style="dim"))


def cell(row: Row) -> str:
    """Return a row in short: where it comes from, its status, and what its body says in every reply alike."""
    status = f"{MARKS[row.source]} {row.status}{'!' if row.unlisted else ''}"
    return f"{status} {' '.join(_parts(row.body))}".rstrip()


def _parts(body: Any) -> list[str]:
    """Return what is constant in a body; where nothing is, its keys."""
    if body is None:
        return []
    leaves = list(_leaves("", body))
    fixed = [f"{name}={value}" if name else value for name, value in leaves if value]
    return fixed or [f"{{{', '.join(name for name, _ in leaves)}}}"]


def _leaves(name: str, template: Any) -> Iterator[tuple[str, str]]:
    """Give the leaves of a template with what they say in one word; nothing for what differs from reply to reply."""
    if isinstance(template, Mapping):
        for key, value in cast(Mapping[str, Any], template).items():
            yield from _leaves(key, value)
    elif isinstance(template, list | tuple):
        for value in cast("list[Any]", template):
            yield from _leaves(name, value)
    elif isinstance(template, bool):
        yield name, str(template).lower()
    elif template == "$job":
        yield name, WHOLE_JOB
    else:
        text = str(template)
        yield name, text if text.replace("_", "").isalnum() else ""
