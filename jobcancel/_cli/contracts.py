"""`jobcancel contracts`: what each contract answers to a cancel, side by side, and the contracts' variants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobcancel.contracts import Case, Contract, Row, Source, load, names
from jobcancel.errors import ContractDataError

from .bad_input import BadInputError

MARKS = {Source.EXPLICIT: "e", Source.IMPLIED: "i", Source.SILENT: "s", Source.STATUS_ONLY: "b"}
LEGEND = (
    "e: stated in the vendor's document; i: implied by it; s: the document is silent; b: it states the status, not "
    "the body; !: a status that it does not list; J: the job document"
)
WHOLE_JOB = "J"


def load_contract(source: str, variants: Iterable[str] = ()) -> Contract:
    """Return a shipped contract, or one from a file.

    Args:
        source: The name of a shipped contract, or a path that ends in ``.toml``.
        variants: Names of the contract's variants to apply.

    Raises:
        BadInputError: There is no such contract or variant, or its data is wrong.
    """
    try:
        return load(source, variants=variants)
    except ContractDataError as error:
        raise BadInputError(" ".join(str(error).split())) from None


def selected(source: str | None) -> list[Contract]:
    """Return the contracts to show: the named one, or all shipped ones."""
    return [load_contract(name) for name in (names() if source is None else (source,))]


def plain_lines(contracts: Iterable[Contract]) -> Iterator[str]:
    """Yield the tables line by line: contract, outcome or variant, description; fields are separated by tabs."""
    for contract in contracts:
        for case in Case:
            yield "\t".join((contract.name, case, summarize(contract.outcomes[case])))
        for name, description in contract.variants.items():
            yield "\t".join((contract.name, f"variant {name}", description))
    yield LEGEND


def draw(contracts: Iterable[Contract], console: Console) -> None:
    """Draw the tables on a terminal."""
    drawn = list(contracts)
    answers, variants = Table("outcome"), Table("variant", "contract", "what it changes")
    for contract in drawn:
        answers.add_column(Text(contract.name), overflow="fold")
        for name, description in contract.variants.items():
            variants.add_row(Text(name), Text(contract.name), Text(description))
    for case in Case:
        answers.add_row(Text(case), *(Text(summarize(contract.outcomes[case])) for contract in drawn))
    console.print(answers)
    if variants.row_count:
        console.print(variants)
    console.print(Text(LEGEND, style="dim"))


def summarize(row: Row) -> str:
    """Return a row in short: its source's mark, its status, and the parts of its body that are always the same."""
    status = f"{MARKS[row.source]} {row.status}{'!' if row.unlisted else ''}"
    return f"{status} {' '.join(_fixed_parts(row.body))}".rstrip()


def _fixed_parts(body: Any) -> list[str]:
    """Return the fixed parts of a body, or its keys if all parts differ from reply to reply."""
    if body is None:
        return []
    leaves = list(_leaves("", body))
    fixed = [f"{name}={value}" if name else value for name, value in leaves if value]
    return fixed or [f"{{{', '.join(name for name, _ in leaves)}}}"]


def _leaves(name: str, template: Any) -> Iterator[tuple[str, str]]:
    """Yield the leaves of a template by name; the value is empty where it differs from reply to reply."""
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
