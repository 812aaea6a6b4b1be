"""The kinds that the machine submits: data, read by the package's registry and by the reference alike.

All times are whole seconds. The machine moves the clock by 1/1024 s before each action, so that no two timers that
were armed by different actions fall due together.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

KINDS: Final[dict[str, dict[str, Any]]] = {
    "plain": {"strict": False},
    "staged": {
        "stages": [
            {"name": "cloning"},
            {"name": "opening_pr", "on_cancel": "refuse"},
            {"name": "uploading", "on_cancel": "defer"},
            {"name": "finalizing", "on_cancel": "defer", "commits": True},
        ],
        "grace_s": 5,
        "cleanup_s": 3,
    },
    "limited": {
        "stages": [{"name": "working"}, {"name": "paying", "on_cancel": "refuse", "commits": True}],
        "max_running": 1,
        "max_pending": 2,
        "expires_s": 7,
        "retain_count": 2,
        "key_ttl_s": 3,
    },
    "paired": {"max_running": 2, "max_pending": 1, "compensate_on": ["canceled"], "expires_s": 13, "cleanup_s": 2},
    "deferring": {
        "stages": [{"name": "quiet", "on_cancel": "interrupt"}, {"name": "careful", "on_cancel": "defer"}],
        "on_cancel": "defer",
        "strict": False,
        "compensate_on": ["succeeded", "partially_succeeded", "failed", "canceled"],
        "rerun_on": ["failed", "canceled"],
        "key_ttl_s": 19,
    },
    "refusing": {"on_cancel": "refuse", "timeout_s": 17, "grace_s": 4, "on_grace_expired": "abandon"},
    "timed": {
        "stages": [
            {"name": "slow", "on_cancel": "defer", "timeout_s": 6},
            {"name": "quick", "timeout_s": 2},
            {"name": "signing", "on_cancel": "refuse", "commits": True, "timeout_s": 9},
        ],
        "timeout_s": 11,
        "key_ttl_s": 4,
        "grace_s": 3,
        "on_grace_expired": "force",
    },
    "hasty": {"grace_s": 1, "on_grace_expired": "abandon", "retain_s": 15, "timeout_s": 23, "cleanup_s": 4},
}

STAGE_NAMES: Final = (*(stage["name"] for kind in KINDS.values() for stage in kind.get("stages", ())), "undeclared")

DEFAULTS: Final[dict[str, Any]] = {
    "stages": [],
    "on_cancel": "interrupt",
    "strict": True,
    "compensate_on": ["canceled", "failed"],
    "cleanup_s": 30,
    "grace_s": 30,
    "on_grace_expired": "wait",
    "timeout_s": inf,
    "expires_s": inf,
    "max_running": inf,
    "max_pending": inf,
    "key_ttl_s": 86400,
    "rerun_on": [],
    "retain_s": 86400,
    "retain_count": 10000,
}
"""What a kind leaves out, as the documentation gives it."""
