"""A set of keys in a few bytes each, for tables of millions of rows."""

from array import array
from uuid import UUID

__all__ = ["Seen"]

_LEAST = 1 << 10
_MASK = (1 << 64) - 1


class Seen:
    """
    Keys that were seen; 16 to 32 bytes each, where a Python set takes a hundred.

    It goes by 64 bits of a key, so among a million keys one in 37 million is taken for another.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _LEAST))
        self._count = 0

    def __contains__(self, key: UUID) -> bool:
        mark = _mark(key)
        return self._slots[self._place(mark)] == mark

    def add(self, key: UUID) -> bool:
        """Whether it was not there before."""
        mark = _mark(key)
        place = self._place(mark)
        if self._slots[place] == mark:
            return False
        self._slots[place] = mark
        self._count += 1
        if 2 * self._count > len(self._slots):
            self._grow()
        return True

    def _place(self, mark: int) -> int:
        """Where it is, or else where it would be."""
        last = len(self._slots) - 1
        place = mark & last
        while self._slots[place] not in (0, mark):
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        before = self._slots
        self._slots = array("Q", bytes(16 * len(before)))
        for mark in before:
            if mark:
                self._slots[self._place(mark)] = mark


def _mark(key: UUID) -> int:
    return (key.int & _MASK) or 1
