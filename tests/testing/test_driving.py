"""Stepping a coroutine in its loop's place."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from jobcancel.testing.driving import Driven


class Deaf:
    """Listens to a driven coroutine, and wants nothing."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begins(self) -> None:
        self.heard.append("begins")

    def runs(self) -> None:
        self.heard.append("runs")

    def suspended(self, coroutine: object) -> None:
        self.heard.append("suspended")

    def meets(self, coroutine: object, thrown: BaseException | None, sent: object) -> None:
        self.heard.append(f"meets {thrown or sent}")

    def leaves(self) -> None:
        return None

    def ends(self) -> None:
        self.heard.append("ends")


class Steps:
    def __await__(self) -> Generator[str, str, str]:
        return (yield "first")


async def steps() -> str:
    return await Steps()


def test_a_driven_coroutine_is_stepped_as_the_one_it_drives() -> None:
    listener = Deaf()
    driven = Driven(steps(), listener)

    assert driven.send(None) == "first"
    with pytest.raises(StopIteration, match="second"):
        driven.send("second")
    assert listener.heard == ["begins", "runs", "suspended", "meets second", "runs", "ends"]


def test_a_driven_coroutine_can_be_closed_and_is_nobodys_to_await() -> None:
    listener = Deaf()
    driven = Driven(steps(), listener)

    with pytest.raises(TypeError, match="it is stepped, not awaited"):
        driven.__await__()
    driven.close()
    assert listener.heard == ["ends"]
