"""Credits reserved at submit and reversed exactly when the job ends canceled: the recipe, and what it has to hold.

The reversal is a compensation given at submit, so that it is there before the job can run; the kind compensates a
cancel alone; and the stage in which the content comes into being commits: from its entry on nothing is reversed.
"""

from __future__ import annotations

from functools import partial

import anyio
import pytest
from attrs import Factory, define

from jobcancel import JobContext, JobHandle, JobState, Kind, Registry, Scheduler, Stage
from jobcancel.errors import IdempotencyConflictError, QueueFullError

COST = 5


class InsufficientCreditsError(Exception):
    """The account cannot pay; nothing was reserved and nothing submitted."""


@define
class Account:
    """What one owner has. A reservation is stored under its idempotency key: asked for again, it is the same one.

    Keep reservations as long as the kind keeps its keys (``key_ttl_s``), in the same database as the balance.
    """

    balance: int
    reserved: dict[str, int] = Factory(dict[str, int])
    reversed: list[str] = Factory(list[str])

    def reserve(self, key: str, amount: int) -> bool:
        """Take the amount, once a key; return whether it was taken now."""
        if key in self.reserved:
            return False
        if self.balance < amount:
            raise InsufficientCreditsError
        self.balance -= amount
        self.reserved[key] = amount
        return True

    def reverse(self, key: str) -> None:
        self.balance += self.reserved[key]
        self.reversed.append(key)

    def forget(self, key: str) -> None:
        """Give back what was reserved for a job that never came to be."""
        self.balance += self.reserved.pop(key)


async def submit_generation(
    scheduler: Scheduler, generate: Kind[[str], str], account: Account, prompt: str, *, owner: str, key: str
) -> JobHandle[str]:
    """Reserve the credits of one generation and submit it; a replay of the key does neither again."""
    fresh = account.reserve(key, COST)
    try:
        return await scheduler.submit(
            generate(prompt), key=key, owner=owner, compensations=[partial(account.reverse, key)]
        )
    except BaseException:
        if fresh:
            account.forget(key)
        raise


class Studio:
    """A host: one account, and a kind whose stages the test opens and ends."""

    def __init__(self, *, max_running: int | None = None, max_pending: int | None = None) -> None:
        self.account = Account(balance=2 * COST)
        self.registry = Registry()
        self.reached = {name: anyio.Event() for name in ("generating", "finalizing")}
        self.gates = {name: anyio.Event() for name in ("generating", "finalizing")}
        self.fails_in: str | None = None
        self.generate = self.registry.kind(
            "content_generate",
            stages=[Stage("generating"), Stage("finalizing", on_cancel="refuse", commits=True)],
            compensate_on=[JobState.CANCELED],  # a failed generation keeps its credits: only a cancel reverses
            max_running=max_running,
            max_pending=max_pending,
        )(self._generate)
        self.scheduler = Scheduler(self.registry)

    async def _generate(self, job: JobContext, prompt: str) -> str:
        for stage in ("generating", "finalizing"):
            async with job.stage(stage):
                self.reached[stage].set()
                await self.gates[stage].wait()
                if stage == self.fails_in:
                    raise ValueError("no model takes this prompt")
        return prompt.upper()

    async def submit(self, key: str = "k", prompt: str = "a cat") -> JobHandle[str]:
        return await submit_generation(self.scheduler, self.generate, self.account, prompt, owner="ann", key=key)


async def test_canceled_while_pending_reverses_once() -> None:
    studio = Studio(max_running=1)
    async with studio.scheduler:
        blocker = await studio.submit("first")
        waiting = await studio.submit("second")
        assert studio.account.balance == 0
        assert await waiting.cancel()
        settled = await waiting.wait()
        assert (settled.state, settled.started_at) == (JobState.CANCELED, None)
        assert not studio.reached["finalizing"].is_set()
        assert (studio.account.balance, studio.account.reversed) == (COST, ["second"])
        assert (await blocker.wait(timeout_s=0)).state is JobState.RUNNING
    assert studio.account.reversed == ["second", "first"]  # the shutdown canceled the other


async def test_canceled_in_a_stage_reverses_once_before_the_settlement() -> None:
    studio = Studio()
    async with studio.scheduler:
        handle = await studio.submit()
        await studio.reached["generating"].wait()
        first, second = await handle.cancel(), await handle.cancel()
        assert (first.outcome, second.outcome) == ("canceling", "already_canceling")
        assert studio.account.balance == COST  # accepted is not yet canceled
        settled = await handle.wait()
        assert settled.state is JobState.CANCELED
        assert settled.cancel is not None
        assert settled.cancel.compensated
        assert not await handle.cancel()
    assert (studio.account.balance, studio.account.reversed) == (2 * COST, ["k"])


async def test_a_cancel_refused_while_finalizing_reverses_nothing() -> None:
    studio = Studio()
    studio.gates["generating"].set()
    async with studio.scheduler:
        handle = await studio.submit()
        await studio.reached["finalizing"].wait()
        verdict = await handle.cancel()
        assert (verdict.outcome, verdict.stage) == ("refused", "finalizing")
        studio.gates["finalizing"].set()
        assert await handle.result() == "A CAT"
    assert (studio.account.balance, studio.account.reversed) == (COST, [])


async def test_a_cancel_held_by_finalizing_reverses_nothing() -> None:
    studio = Studio()
    studio.gates["generating"].set()
    async with studio.scheduler:
        handle = await studio.submit()
        await studio.reached["finalizing"].wait()
        assert (await handle.cancel(defer=True)).outcome == "deferred"
        studio.gates["finalizing"].set()
        assert (await handle.wait()).state is JobState.SUCCEEDED
    assert (studio.account.balance, studio.account.reversed) == (COST, [])


async def test_no_finalizing_begins_after_an_accepted_cancel() -> None:
    studio = Studio()
    async with studio.scheduler:
        handle = await studio.submit()
        await studio.reached["generating"].wait()
        studio.gates["generating"].set()  # the stage could end before the cancel lands
        assert await handle.cancel()
        assert (await handle.wait()).state is JobState.CANCELED
    assert not studio.reached["finalizing"].is_set()
    assert studio.account.balance == 2 * COST


@pytest.mark.parametrize("stage", ["generating", "finalizing"])
async def test_failed_reverses_nothing(stage: str) -> None:
    studio = Studio()
    studio.fails_in = stage
    for gate in studio.gates.values():
        gate.set()
    async with studio.scheduler:
        assert (await (await studio.submit()).wait()).state is JobState.FAILED
    assert (studio.account.balance, studio.account.reversed) == (COST, [])


async def test_a_replay_of_the_key_reserves_nothing() -> None:
    studio = Studio()
    studio.account.balance = COST
    async with studio.scheduler:
        first = await studio.submit()
        again = await studio.submit()
        assert (again.id, first.created, again.created) == (first.id, True, False)
        assert (studio.account.balance, studio.account.reserved) == (0, {"k": COST})

        assert await again.cancel()
        await first.wait()
        assert studio.account.reversed == ["k"]

        after = await studio.submit()  # the key leads to the canceled job, and what was reversed stays reversed
        assert (after.id, after.created) == (first.id, False)
    assert (studio.account.balance, studio.account.reversed) == (COST, ["k"])


async def test_a_key_conflict_changes_no_reservation() -> None:
    studio = Studio()
    async with studio.scheduler:
        await studio.submit()
        with pytest.raises(IdempotencyConflictError):
            await studio.submit(prompt="a dog")
        assert (studio.account.balance, studio.account.reserved) == (COST, {"k": COST})


async def test_a_failed_submit_costs_nothing() -> None:
    studio = Studio(max_running=1, max_pending=1)
    studio.account.balance = 3 * COST
    async with studio.scheduler:
        await studio.submit("runs")
        await studio.submit("waits")
        with pytest.raises(QueueFullError):
            await studio.submit("does not fit")
        assert (studio.account.balance, list(studio.account.reserved)) == (COST, ["runs", "waits"])


async def test_an_account_that_cannot_pay_submits_nothing() -> None:
    studio = Studio()
    studio.account.balance = COST - 1
    async with studio.scheduler:
        with pytest.raises(InsufficientCreditsError):
            await studio.submit()
        assert (await studio.scheduler.find()).jobs == ()
    assert studio.account.balance == COST - 1
