from __future__ import annotations

import jobcancel
from jobcancel._core.states import mermaid

DIAGRAM = """\
stateDiagram-v2
    [*] --> pending
    pending --> running: started
    pending --> canceled: withdrawn
    pending --> canceling: cancel_accepted
    pending --> failed: failed
    running --> canceling: cancel_accepted
    running --> succeeded: succeeded
    running --> partially_succeeded: partially_succeeded
    running --> failed: failed
    running --> pending: interrupted
    canceling --> canceled: unwound, abandoned
    canceling --> succeeded: succeeded
    canceling --> partially_succeeded: partially_succeeded
    canceling --> failed: failed
    succeeded --> [*]
    partially_succeeded --> [*]
    failed --> [*]
    canceled --> [*]
"""


def test_the_diagram_shows_every_transition() -> None:
    assert mermaid() == DIAGRAM
    assert jobcancel.mermaid is mermaid
