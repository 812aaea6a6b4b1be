"""Entity tags (RFC 9110, sections 8.8.3 and 13.1.2): a poll that brings nothing new costs no body."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

_TAG: Final = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


def strong(content: bytes) -> str:
    """Return the strong tag of a body."""
    return f'"{sha256(content).hexdigest()[:32]}"'


def matches(tag: str, if_none_match: Iterable[str]) -> bool:
    """Return whether the client has what ``tag`` stands for.

    Args:
        tag: The body's tag.
        if_none_match: The values of all ``If-None-Match`` headers: tags, weak ones too, in lists, or ``*``. What is no
            tag is passed over: the client then gets the body.
    """
    return any(value.strip() == "*" or tag in _TAG.findall(value) for value in if_none_match)
