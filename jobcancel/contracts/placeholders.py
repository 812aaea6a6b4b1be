"""The placeholders of templates, checked when a contract is loaded: no rendering meets an unknown one.

They form a tree of names. Below ``ANY`` every name is allowed, and its value may be missing (a host's labels, a
handler's result). The names of a list's elements are under ``EACH``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

Tree: TypeAlias = "Mapping[str, Tree] | None"

ANY: Final = None
LEAF: Final[Mapping[str, Tree]] = {}
EACH: Final = "*"  # no name in a template can be "*"


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

# Inside a job document only the job's parts are placeholders: a document cannot contain itself.
INSIDE: Final[Mapping[str, Tree]] = {**JOB}
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


def below(tree: Tree, placeholder: tuple[str, ...]) -> Tree:
    """Return the tree below ``placeholder``.

    Raises:
        KeyError: There is no such placeholder.
    """
    for name in placeholder:
        if tree is None:
            return ANY
        tree = tree[name]
    return tree


def elements(tree: Tree) -> Tree:
    """Return the tree of the elements of the list at ``tree``.

    Raises:
        KeyError: It is no list.
    """
    return ANY if tree is None else tree[EACH]


def all_names(tree: Tree, prefix: str = "") -> Iterator[str]:
    """Return every placeholder as text, with ``.*`` where any name may follow; not those of lists' elements."""
    for name, inner in (tree or {}).items():
        full = f"{prefix}{name}"
        if inner is None:
            yield f"{full}.*"
        elif inner and EACH not in inner:
            yield from all_names(inner, f"{full}.")
        else:
            yield full
