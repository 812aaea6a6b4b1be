"""Long sequences of ids: they hold what a list would, and the garbage collector has little to look at."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobcancel import JobContext, Registry, Scheduler
from jobcancel._runtime import id_list
from jobcancel._runtime.id_list import IdList, Submissions

ACTS = st.lists(st.tuples(st.sampled_from(["append", "append", "append", "popleft", "insert"]), st.integers(0, 40)))


@settings(deadline=None, max_examples=300)
@given(ACTS.map(lambda acts: acts * 3))
def test_it_holds_the_same_as_a_list(acts: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_list, "_CHUNK", 4)
        ids, model = IdList(), list[str]()
        for number, (act, back) in enumerate(acts):
            if act == "append":
                ids.append(str(number))
                model.append(str(number))
            elif act == "insert":
                place = max(0, len(model) - back)
                ids.insert(place, str(number))
                model.insert(place, str(number))
            elif model:
                assert ids.popleft() == model.pop(0)
            assert [ids[place] for place in range(len(ids))] == model


def test_an_index_beyond_the_end_is_an_error() -> None:
    ids = IdList()
    ids.append("a")
    with pytest.raises(IndexError):
        ids[1]


def test_a_garbage_collection_visits_only_the_last_few_ids() -> None:
    ids = IdList()
    for number in range(100_000):
        ids.append(f"job_{number}")
    gc.collect()
    seen: list[Any] = []
    look: list[Any] = [ids]
    while look:
        referred: list[Any] = gc.get_referents(*look)
        look = [each for each in referred if isinstance(each, list | tuple) and gc.is_tracked(each)]
        seen += look
    assert sum(map(len, seen)) < 3_000


def test_ids_are_found_newest_first_and_removed_when_retired() -> None:
    order, known = Submissions(), set[str]()
    for seq in range(1, 2_001):
        known.add(f"job_{seq}")
        if seq > 10:
            known.discard(f"job_{seq - 10}")
        order.append(f"job_{seq}", 2 * seq, known, len(known))
    everything = [*order.newest_first(None)]
    assert everything[:2] == [(4000, "job_2000"), (3998, "job_1999")]
    assert len(everything) <= 2 * 10 + 64
    assert {job_id for _, job_id in everything} >= known
    assert [job_id for _, job_id in order.newest_first(3996)][:2] == ["job_1997", "job_1996"]
    assert [job_id for _, job_id in order.newest_first(3997)][:1] == ["job_1998"]
    assert [*order.newest_first(0)] == []


async def test_an_id_used_again_after_retirement_is_found_once(anyio_backend: Any) -> None:
    registry, ids = Registry(), iter(["a", "b", "a"])
    kind = registry.kind("gone", retain_count=1)(_nothing)
    retained = registry.kind("retained")(_nothing)
    async with Scheduler(registry, new_id=lambda: next(ids)) as scheduler:
        for call in (kind(), kind(), retained()):
            await (await scheduler.submit(call)).wait()
        assert [job.id for job in (await scheduler.find()).jobs] == ["a", "b"]


async def _nothing(job: JobContext) -> None: ...
