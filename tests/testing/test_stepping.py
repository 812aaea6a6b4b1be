"""Step a coroutine in the place of its loop."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from jobcancel.testing.stepping import SteppedCoroutine


class Recorder:
    """An observer that records its notifications and throws nothing in."""

    def __init__(self) -> None:
        self.notified: list[str] = []

    def on_start(self) -> None:
        self.notified.append("start")

    def on_step(self) -> None:
        self.notified.append("step")

    def on_suspend(self, coroutine: object) -> None:
        self.notified.append("suspend")

    def on_resume(self, coroutine: object, thrown: BaseException | None, sent: object) -> None:
        self.notified.append(f"resume with {thrown or sent}")

    def abandon_with(self) -> None:
        return None

    def on_end(self) -> None:
        self.notified.append("end")


class Awaitable:
    def __await__(self) -> Generator[str, str, str]:
        return (yield "first")


async def two_steps() -> str:
    return await Awaitable()


def test_stepped_coroutine_behaves_like_the_inner_one() -> None:
    recorder = Recorder()
    stepped = SteppedCoroutine(two_steps(), recorder)

    assert stepped.send(None) == "first"
    with pytest.raises(StopIteration, match="second"):
        stepped.send("second")
    assert recorder.notified == ["start", "step", "suspend", "resume with second", "step", "end"]


def test_stepped_coroutine_can_be_closed_but_not_awaited() -> None:
    recorder = Recorder()
    stepped = SteppedCoroutine(two_steps(), recorder)

    with pytest.raises(TypeError, match="cannot be awaited: run it as a task"):
        stepped.__await__()
    stepped.close()
    assert recorder.notified == ["end"]
