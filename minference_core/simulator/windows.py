"""
How much of something came in any second and in any minute: sliding windows, exact to the single event.

A bucket says what was admitted; this says whether it should have been.
"""

from collections import deque
from typing import Any

__all__ = ["Meter", "Window"]


class Window:
    """The most that any stretch of so many seconds held; remembers the events of one such stretch."""

    __slots__ = ("_events", "_held", "_seconds", "most")

    def __init__(self, seconds: float) -> None:
        self.most = 0
        self._seconds = seconds
        self._events: deque[tuple[float, int]] = deque()
        self._held = 0

    def add(self, amount: int, now: float) -> None:
        """Count `amount`, which is below 0 for what is given back; a stretch does not hold its own start."""
        events, gone = self._events, now - self._seconds
        while events and events[0][0] <= gone:
            self._held -= events.popleft()[1]
        events.append((now, amount))
        self._held += amount
        self.most = max(self.most, self._held)


class Meter:
    """Counts one thing, in total and in its windows."""

    __slots__ = ("_minute", "_second", "largest", "total")

    def __init__(self) -> None:
        self.total = 0
        self.largest = 0  # of what was added at once
        self._second = Window(1.0)
        self._minute = Window(60.0)

    @property
    def max_1s(self) -> int:
        return self._second.most

    @property
    def max_60s(self) -> int:
        return self._minute.most

    def add(self, amount: int, now: float) -> None:
        self.total += amount
        self.largest = max(self.largest, amount)
        self._second.add(amount, now)
        self._minute.add(amount, now)

    def as_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "largest": self.largest,
            "max_1s": self.max_1s,
            "max_60s": self.max_60s,
        }
