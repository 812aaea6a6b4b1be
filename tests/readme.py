"""The README as text, and its code blocks as programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

TOP: Final = Path(__file__).resolve().parent.parent
README: Final = TOP / "README.md"
TEXT: Final = README.read_text(encoding="utf-8")


def section(heading: str) -> str:
    """Return the text below ``## heading``, up to the next heading of that level."""
    start, end = _span(heading)
    return TEXT[start:end]


def blocks(language: str, heading: str | None = None) -> list[str]:
    """Return the code blocks of a language, of one section or of all."""
    text = TEXT if heading is None else section(heading)
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def evaluated(*headings: str) -> dict[str, Any]:
    """Run the Python blocks of these sections as one program, and return what it has defined."""
    document = Sybil([PythonCodeBlockParser()]).parse(README)
    document.namespace["__name__"] = "__main__"
    spans = [_span(heading) for heading in headings]
    for example in document.examples():
        if any(start <= example.region.start < end for start, end in spans):
            example.evaluate()
    return document.namespace


def _span(heading: str) -> tuple[int, int]:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found.start(1), found.end(1)
