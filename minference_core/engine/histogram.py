"""Durations counted in bins, so that the percentiles of any number of them take a few hundred numbers."""

import math
from collections.abc import Iterable

__all__ = ["LONGEST_S", "RELATIVE_ERROR", "SHORTEST_S", "Histogram"]

# How far a percentile may be from the exact one, as a share of it.
RELATIVE_ERROR = 0.025
# What is shorter or longer is counted as this.
SHORTEST_S, LONGEST_S = 1e-4, 1e5

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_BINS_PER_E = 1 / math.log(_GROWTH)
_log, _ceil = math.log, math.ceil


class Histogram:
    """
    Counts of durations in bins that grow by the same factor, so that each is known to `RELATIVE_ERROR`.

    Bin n holds what is longer than `_GROWTH` to the power of n - 1 and no longer than to that of n. Two of
    them added are the same as one that counted it all.
    """

    __slots__ = ("bins",)

    def __init__(self, seconds: Iterable[float] = ()) -> None:
        self.bins: dict[int, int] = {}
        for each in seconds:
            self.add(each)

    @property
    def count(self) -> int:
        return sum(self.bins.values())

    def add(self, seconds: float) -> None:
        within = SHORTEST_S if seconds < SHORTEST_S else LONGEST_S if seconds > LONGEST_S else seconds
        bin_of_it = _ceil(_log(within) * _BINS_PER_E)
        self.bins[bin_of_it] = self.bins.get(bin_of_it, 0) + 1

    def merge(self, other: "Histogram") -> None:
        for number, count in other.bins.items():
            self.bins[number] = self.bins.get(number, 0) + count

    def percentile(self, percent: float) -> float | None:
        """
        The shortest duration that at least `percent` of all are no longer than; None of nothing.

        Args:
            percent: Above 0, at most 100.
        """
        rank, seen = max(1, _ceil(self.count * percent / 100)), 0
        for number in sorted(self.bins):
            seen += self.bins[number]
            if seen >= rank:
                return 2 * _GROWTH**number / (_GROWTH + 1)
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.bins == other.bins

    __hash__ = None  # type: ignore[assignment]  # it grows
