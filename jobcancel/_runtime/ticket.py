"""Who waits for a commit, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from jobcancel.errors import StoreError

if TYPE_CHECKING:
    from .kernel import Kernel

T = TypeVar("T")


class Ticket(Generic[T]):
    """Somebody waits for a commit.

    Args:
        kernel: The scheduler's inside.
        apply: What follows at once from the commit; its value is the answer.
        give_up: What follows from its failure; None if it waits until the store is well again.
    """

    __slots__ = ("_apply", "_error", "_event", "_kernel", "_value", "give_up")

    def __init__(
        self, kernel: Kernel, apply: Callable[[], T], give_up: Callable[[], None] | None = lambda: None
    ) -> None:
        self._kernel, self._apply = kernel, apply
        self.give_up: Callable[[], None] | None = give_up
        self._event = kernel.event_type()
        self._value: T | None = None
        self._error: BaseException | None = None

    def kept(self) -> None:
        """Apply what has been kept."""
        try:
            self._value = self._apply()
        except Exception as error:  # noqa: BLE001  # the host's: its clock may raise
            self._error = error
        self._event.set()

    def lost(self, error: StoreError) -> None:
        """Give up what could not be kept."""
        self._error = error
        if self.give_up is not None:
            self.give_up()
        self._event.set()

    async def done(self) -> None:
        """Wait until it is known whether it was kept."""
        await self._event.wait()

    async def answer(self) -> T:
        """Wait for the commit, whoever cancels the caller meanwhile, and return what came of it.

        Raises:
            StoreError: It was not kept, and nothing has changed.
        """
        with self._kernel.scope_type(shield=True):
            await self._event.wait()
        if self._error is not None:
            raise self._error
        return cast("T", self._value)
