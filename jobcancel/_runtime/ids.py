"""Job ids: ``job_`` and a ULID, rising within a process.

The ULID's layout is that of https://github.com/ulid/spec: 48 bits of milliseconds since 1970, 80 random bits, in
Crockford's base 32. Within one millisecond the number is counted up, as the specification says for monotone ids.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOW_BITS: Final = 20  # the part that is counted: four characters, looked up two at a time
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


def _base32(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


class Ulids:
    """A factory of ids; calling it gives the next one.

    Args:
        time: Gives seconds since 1970.
        randbits: Gives an int of that many random bits.
    """

    def __init__(self, time: Callable[[], float], randbits: Callable[[int], int] = secrets.randbits) -> None:
        self._time, self._randbits = time, randbits
        self._ms = -1
        self._high = self._low = 0
        self._prefix = ""

    def __call__(self) -> str:
        ms = int(self._time() * 1000)
        if ms > self._ms:
            self._ms = ms
            self._high, self._low = self._randbits(59), self._randbits(_LOW_BITS - 1)  # room above to count up
            self._prefix = f"job_{_base32(ms, 10)}{_base32(self._high, 12)}"
        else:
            self._low += 1
            if self._low >> _LOW_BITS:
                self._high, self._low = self._high + 1, 0
                self._prefix = f"job_{_base32(self._ms, 10)}{_base32(self._high, 12)}"
        return f"{self._prefix}{_PAIRS[self._low >> 10]}{_PAIRS[self._low & 1023]}"
