"""Long sequences of job ids that add nothing to the work of the garbage collector.

The collector visits every item of a list, deque or dict: 20 ms a run for a million ids. It stops tracking a tuple of
strings the first time that it sees it. So all ids but the last few are stored in tuples.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator
from typing import Final

_CHUNK: Final = 512
_SWEEP_ABOVE: Final = 64  # places of jobs that are gone, beside as many as there are jobs


class IdList:
    """A sequence of ids; reading by index, append and popleft take constant time."""

    __slots__ = ("_chunks", "_gone", "_tail")

    def __init__(self) -> None:
        self._chunks: list[tuple[str, ...]] = []
        self._tail: list[str] = []
        self._gone = 0  # of the first chunk, or of the tail if there is none

    def __len__(self) -> int:
        return len(self._chunks) * _CHUNK + len(self._tail) - self._gone

    def __getitem__(self, place: int) -> str:
        chunk, within = divmod(place + self._gone, _CHUNK)
        if chunk < len(self._chunks):
            return self._chunks[chunk][within]
        return self._tail[place + self._gone - len(self._chunks) * _CHUNK]

    def append(self, job_id: str) -> None:
        """Append an id."""
        self._tail.append(job_id)
        if len(self._tail) >= 2 * _CHUNK:
            self._chunks.append(tuple(self._tail[:_CHUNK]))
            del self._tail[:_CHUNK]

    def insert(self, place: int, job_id: str) -> None:
        """Insert an id; cheap near the end."""
        first = (place + self._gone) // _CHUNK
        for chunk in reversed(self._chunks[first:]):
            self._tail[:0] = chunk
        del self._chunks[first:]
        self._tail.insert(place + self._gone - len(self._chunks) * _CHUNK, job_id)

    def popleft(self) -> str:
        """Remove and return the first id."""
        job_id = self[0]
        self._gone += 1
        if self._gone == _CHUNK:
            self._gone = 0
            if self._chunks:
                del self._chunks[0]
            else:
                del self._tail[:_CHUNK]
        return job_id


class Submissions:
    """Job ids in the order of submission; the places of jobs that are gone stay until the next sweep."""

    __slots__ = ("_ids", "_seqs")

    def __init__(self) -> None:
        self._ids = IdList()
        self._seqs = array("Q")

    def append(self, job_id: str, seq: int, known: Container[str], count: int) -> None:
        """Append the newest job.

        Args:
            job_id: The job.
            seq: Its place in the order of submission, above all others.
            known: The jobs that exist.
            count: The number of jobs that exist.
        """
        self._ids.append(job_id)
        self._seqs.append(seq)
        if len(self._seqs) > 2 * count + _SWEEP_ABOVE:
            self._sweep(known)

    def _sweep(self, known: Container[str]) -> None:
        ids, seqs = IdList(), array("Q")
        for place, seq in enumerate(self._seqs):
            job_id = self._ids[place]
            if job_id in known:
                ids.append(job_id)
                seqs.append(seq)
        self._ids, self._seqs = ids, seqs

    def newest_first(self, before: int | None) -> Iterator[tuple[int, str]]:
        """Return places in the order, with the ids, newest first: all, or those before a place.

        Jobs that are appended meanwhile are not among them, and a sweep removes none but jobs that are gone.
        """
        ids, seqs = self._ids, self._seqs  # a sweep replaces both
        end = len(seqs) if before is None else bisect_left(seqs, before)
        for place in range(end - 1, -1, -1):
            yield seqs[place], ids[place]
