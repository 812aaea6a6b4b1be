"""Job ids: ``job_`` and a ULID, rising within a process.

The ULID's layout is that of https://github.com/ulid/spec: 48 bits of milliseconds since 1970, 80 random bits, in
Crockford's base 32. Within one millisecond the number is counted up, as the specification says for monotone ids.
"""

from __future__ import annotations

from collections.abc import Callable
from os import urandom
from typing import Final, cast

from jobcancel._core.arguments import excerpt, type_name

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(  # the last two characters, which are counted
    a + b for a in _ALPHABET for b in _ALPHABET
)


class Ids:
    """Where a scheduler's job ids come from: a factory whose next id can be looked at before a job gets it.

    Args:
        draw: Gives a new id at each call.
    """

    __slots__ = ("_draw", "_next")

    def __init__(self, draw: Callable[[], str]) -> None:
        self._draw = draw
        self._next: str | None = None

    def __call__(self) -> str:
        """Return a new id."""
        job_id, self._next = self._next, None
        return self._draw() if job_id is None else job_id

    def peek(self) -> str:
        """Return the id that the next call will give."""
        if self._next is None:
            self._next = self._draw()
        return self._next


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def _randbits(bits: int) -> int:
    """Return what ``secrets.randbits`` does; that module brings hashes along and takes a sixth of our import."""
    return int.from_bytes(urandom((bits + 7) // 8), "big") >> -bits % 8


def ulids(
    time: Callable[[], float], randbits: Callable[[int], int] = _randbits, before: str = "job_"
) -> Callable[[], str]:
    """Return a factory of ids.

    Args:
        time: Gives seconds since 1970.
        randbits: Gives an int of that many random bits.
        before: What every id begins with.
    """
    last, high, low, prefix = -1, 0, 0, ""

    def new_id() -> str:
        nonlocal last, high, low, prefix
        ms = int(time() * 1000)
        if ms > last:
            last = ms
            high, low = divmod(randbits(79), len(_PAIRS))  # of 80 bits; room above to count up
            prefix = f"{before}{_base32(last, 10)}{_base32(high, 14)}"
        else:
            low += 1
            if low == len(_PAIRS):
                high, low = high + 1, 0
                prefix = f"{before}{_base32(last, 10)}{_base32(high, 14)}"
        return prefix + _PAIRS[low]

    return new_id


def checked(new_id: Callable[[], str]) -> Callable[[], str]:
    """Return a host's factory of ids that raises where the host's gives something that cannot be an id.

    Its ``TypeError`` or ``ValueError`` comes out of the submit that wanted the id; no job was taken.
    """

    def checked_id() -> str:
        given = cast("object", new_id())
        if not issubclass(type(given), str):
            raise TypeError(f"the id factory must give strings, not {excerpt(given)} ({type_name(given)})")
        job_id = str.__str__(cast("str", given))
        if not job_id or any("\ud800" <= each <= "\udfff" for each in job_id):
            raise ValueError(
                f"the id factory must give strings that are not empty and that UTF-8 can hold, not {excerpt(job_id)}"
            )
        return job_id

    return checked_id
