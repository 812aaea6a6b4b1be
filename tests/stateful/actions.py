"""What the machine may do, as plain tuples that hypothesis draws and shrinks.

Where an action needs a job it carries a number; the machine takes the job of that number, counted round and round
among those that fit, and does nothing if none does. So every list of actions can be run, and every part of one.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from .kinds import KINDS, STAGE_NAMES

Action = tuple[Any, ...]

FLAVORS: Final = ("good", "raises", "exits", "leaks", "hangs")
REACTIONS: Final = ("swallow", "returned", "partial", "raised", "group", "undo")

def weighted(*choices: tuple[int, st.SearchStrategy[Action]]) -> st.SearchStrategy[Action]:
    """Draw from strategies by weight; ``one_of`` would take one that is given twice but once."""
    return st.sampled_from([choice for weight, choice in choices for _ in range(weight)]).flatmap(lambda choice: choice)


_flag = st.booleans()
_number = st.integers(0, 30)
# Kinds with limits come in crowds, else nobody ever waits for them.
_kind = st.sampled_from([*KINDS, "limited", "limited", "paired", "timed"])
_owner = st.sampled_from([None, "ada", "bob"])
_labels = st.sampled_from([{}, {"team": "red"}, {"team": "blue", "size": "s"}])
_flavor = st.sampled_from(FLAVORS)
_rarely = st.sampled_from([False, False, True])
_flags = st.tuples(_rarely, _rarely)

submits = st.tuples(
    st.just("submit"),
    _kind,
    st.one_of(st.just([]), st.lists(_flavor, max_size=2)),
    st.fixed_dictionaries(
        {
            "owner": _owner,
            "key": st.sampled_from([None, None, "k1", "k2"]),
            "argument": st.sampled_from([0, 0, 1]),
            "labels": _labels,
            "timeout_s": st.sampled_from([None, None, None, 8]),
        }
    ),
)
cancels = st.tuples(st.just("cancel"), _number, _flags)
_enter = st.tuples(st.just("enter"), st.sampled_from(STAGE_NAMES), _flag)
_in_kind = st.tuples(st.just("enter_own"), _number, _flag)
# Commands that may race with a cancel: each either acts at once or awaits nothing but a stage or a child.
quick_commands = st.one_of(
    _in_kind,
    st.just(("leave",)),
    st.sampled_from([("returned",), ("partial",)]),
    st.tuples(st.just("add"), _flavor),
    st.tuples(st.just("child"), _kind),
    st.just(("fail", "error")),
)
commands = weighted(
    (8, _in_kind),
    (1, _enter),
    (5, st.just(("leave",))),
    (2, st.just(("shield",))),
    (2, st.sampled_from([("returned",), ("partial",)])),
    (3, st.tuples(st.just("add"), _flavor)),
    (3, st.tuples(st.just("child"), _kind)),
    (2, st.tuples(st.just("fail"), st.sampled_from(["error", "exit", "generator_exit", "group", "leak"]))),
    (3, st.tuples(st.just("react_with"), st.sampled_from(REACTIONS))),
    (1, st.tuples(st.just("cancel_itself"), _flag, _flag)),
    (1, st.just(("thread",))),
)
_filters = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.sampled_from(["ada", "bob"]),
        "kind": _kind,
        "state": st.sampled_from(["pending", "running", "canceling", "succeeded", "failed", "canceled"]),
        "labels": _labels,
    },
)
_watchers = st.one_of(
    st.tuples(st.just("watch"), _number, st.sampled_from(["eager", "slow", "raises"])),
    st.tuples(st.just("watch_on"), _number),
    st.tuples(st.just("unwatch"), _number),
    st.tuples(st.just("wait"), _number, st.sampled_from([None, 2])),
    st.tuples(st.just("unwait"), _number),
)
_time = st.tuples(st.just("advance"), st.sampled_from([1, 2, 4, 7, 12]))
_ends = st.one_of(
    st.tuples(st.just("shutdown"), st.sampled_from([0, 5])),
    st.tuples(st.just("leave"), st.sampled_from(["normally", "normally", "raises", "cancelled"])),
)

actions: st.SearchStrategy[Action] = weighted(
    (10, submits),
    (40, st.tuples(st.just("tell"), _number, commands)),
    (3, st.tuples(st.just("race"), _number, quick_commands, _flags)),
    (2, st.tuples(st.just("release"), _number, _flag)),
    (6, cancels),
    (6, _time),
    (1, st.tuples(st.just("burst"), st.lists(st.one_of(submits, cancels), min_size=2, max_size=4))),
    (1, st.tuples(st.just("cancel_many"), _filters, _flags)),
    (1, st.tuples(st.just("stranger"), _number)),
    (1, st.tuples(st.just("find"), _filters, st.integers(1, 3))),
    (5, _watchers),
    (1, _ends),
    (3, st.just(("reenter",))),
)
