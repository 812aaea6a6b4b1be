"""The kinds of the soak: every policy, limit and escalation that a kind can have."""

from __future__ import annotations

from typing import Any, Final

from jobcancel import Registry, Stage

from .handlers import work

RETAIN_COUNT: Final = 60
STAGES: Final = (
    Stage("reading"),
    Stage("writing", on_cancel="defer"),
    Stage("paying", on_cancel="refuse"),
    Stage("closing", on_cancel="defer", commits=True),
    Stage("slow", timeout_s=0.3),
    Stage("slow_paying", on_cancel="refuse", timeout_s=0.3),
)
COMMON: Final[dict[str, Any]] = {
    "stages": STAGES,
    "cleanup_s": 0.3,
    "grace_s": 5,
    "retain_s": 5,
    "retain_count": RETAIN_COUNT,
}
# Each beside what all have: short graces and retentions, so that a run of minutes sees them end a thousand times.
KINDS: Final[dict[str, dict[str, Any]]] = {
    "plain": {"stages": ()},
    "staged": {},
    "guarded": {"on_cancel": "refuse"},
    "limited": {"max_running": 2, "max_pending": 5, "expires_s": 0.15},
    "timed": {"timeout_s": 0.4},
    "abandoned": {"grace_s": 0.2, "on_grace_expired": "abandon"},
    "abandoned_late": {"grace_s": 0.6, "on_grace_expired": "abandon"},
    "forced": {"grace_s": 0.2, "on_grace_expired": "force"},
    "stuck": {"grace_s": 0.2},
    "always": {"compensate_on": ["succeeded", "partially_succeeded", "failed", "canceled"]},
    "keyed": {"key_ttl_s": 2, "rerun_on": ["failed"]},
    "parent": {},
    # A child's waiter comes after its first step: the child has to be readable until then.
    "child": {"retain_s": 2, "retain_count": None},
    "child_limited": {"retain_s": 2, "retain_count": None, "max_running": 20, "max_pending": 40},
}


def registry() -> Registry:
    """Return the kinds, all with the one handler."""
    kinds = Registry()
    for name, options in KINDS.items():
        merged: dict[str, Any] = {**COMMON, **options}
        kinds.kind(name, **merged)(work)
    return kinds
