"""Who waits for a commit, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

from jobcancel.errors import StoreError

if TYPE_CHECKING:
    from .kernel import Kernel

T = TypeVar("T")


class Ticket(Generic[T]):
    """One task waits for a commit.

    Attributes:
        patient: Whether it waits until the store is well again.

    Args:
        kernel: The scheduler's inside.
    """

    __slots__ = ("_error", "_kernel", "_signal", "_value", "patient")

    def __init__(self, kernel: Kernel, *, patient: bool = False) -> None:
        self._kernel = kernel
        self.patient: bool = patient
        self._signal = kernel.loop.signal()
        self._value: T | None = None
        self._error: BaseException | None = None

    def apply(self) -> T:
        """Do what follows at once from the commit, and return the answer; by itself nothing does."""
        return cast("T", None)

    def give_up(self) -> None:
        """Do what follows from its failure; by itself nothing does."""

    def kept(self) -> None:
        """Apply what has been kept."""
        try:
            self._value = self.apply()
        except Exception as error:  # noqa: BLE001  # the host's: its clock may raise
            self._error = error
        self._signal.set()

    def lost(self, error: StoreError) -> None:
        """Give up what could not be kept."""
        self._error = error
        try:
            self.give_up()
        except Exception as raised:  # noqa: BLE001  # likewise
            self._error = raised
        self._signal.set()

    async def done(self) -> None:
        """Wait until it is known whether it was kept; a cancellation ends the wait."""
        await self._signal.wait()

    async def answer(self) -> T:
        """Wait for the commit, whatever cancels the caller meanwhile, and return what came of it.

        Raises:
            StoreError: It was not kept, and nothing has changed.
        """
        await self._signal.wait_uninterrupted()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)
