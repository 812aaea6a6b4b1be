"""The state machine as a picture, from the table."""

from __future__ import annotations

from .states import TERMINAL, TRANSITIONS


def mermaid() -> str:
    """Return the table of transitions as a Mermaid state diagram, one arrow a pair of states."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    for state, row in TRANSITIONS.items():
        events: dict[str, list[str]] = {}
        for event, target in row.items():
            events.setdefault(target, []).append(event)
        lines += [f"    {state} --> {target}: {', '.join(names)}" for target, names in events.items()]
    lines += [f"    {state} --> [*]" for state in TRANSITIONS if state in TERMINAL]
    return "\n".join(lines) + "\n"
