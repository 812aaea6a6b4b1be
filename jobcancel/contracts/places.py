"""Which places a template may name: checked when a contract is loaded, so that no reply meets an unknown one.

A tree of names. Below ``ANY`` whatever is named may stand (a host's labels, a handler's result) or be missing; a
list's elements are under ``EACH``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

Tree: TypeAlias = "Mapping[str, Tree] | None"

ANY: Final = None
LEAF: Final[Mapping[str, Tree]] = {}
EACH: Final = "*"  # no placeholder can be spelled so


def _leaves(*names: str) -> dict[str, Tree]:
    return dict.fromkeys(names, LEAF)


BATCH: Final[Mapping[str, Tree]] = {
    **_leaves("total", "succeeded", "failed", "canceled", "pending"),
    "children": {EACH: LEAF},
}
_JOB: dict[str, Tree] = {
    **_leaves("id", "kind", "status", "stage", "created_at", "started_at", "settled_at", "key", "owner", "parent_id"),
    **_leaves("error_code", "attempt", "reason"),
    "progress": {**_leaves("done", "total", "message", "fraction"), "batch": BATCH},
    "result": ANY,
    "result_object": ANY,
    "failure": _leaves("code", "message"),
    "history": {EACH: {**_leaves("step", "at", "duration_ms", "status"), "details": ANY}},
    "labels": ANY,
}
_JOB["children"] = {EACH: _JOB}
JOB: Final[Mapping[str, Tree]] = _JOB

INSIDE: Final[Mapping[str, Tree]] = {**JOB}  # of the job whose document it is: its parts, for it is no part of itself
DOCUMENT: Final[Mapping[str, Tree]] = {"job": INSIDE, "null": LEAF}
REPLY: Final[Mapping[str, Tree]] = {
    "job": JOB,
    **_leaves("null", "cursor", "job_id", "stage", "request_id", "message", "allow", "field", "location"),
    "jobs": {EACH: JOB},
    "rate": _leaves("limit", "remaining", "reset_s", "retry_after_s"),
    "parameters": ANY,
    "details": ANY,
}
MESSAGE: Final[Mapping[str, Tree]] = {name: tree for name, tree in REPLY.items() if name != "message"}


def below(tree: Tree, place: tuple[str, ...]) -> Tree:
    """Return what may stand below ``place``.

    Raises:
        KeyError: There is no such place.
    """
    for name in place:
        if tree is None:
            return ANY
        tree = tree[name]
    return tree


def elements(tree: Tree) -> Tree:
    """Return what an element of the list at a place may hold.

    Raises:
        KeyError: It is no list.
    """
    return ANY if tree is None else tree[EACH]


def spelled(tree: Tree, prefix: str = "") -> Iterator[str]:
    """Return every place in words, ``.*`` where anything may follow; lists are not entered."""
    for name, inner in (tree or {}).items():
        place = f"{prefix}{name}"
        if inner is None:
            yield f"{place}.*"
        elif inner and EACH not in inner:
            yield from spelled(inner, f"{place}.")
        else:
            yield place
