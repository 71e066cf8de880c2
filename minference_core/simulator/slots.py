"""Places at the machine: who finds none waits in line, and is told so only if the line is long as well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["LineTooLong", "Slots"]


class LineTooLong(Exception):
    """More wait than the server puts up with."""


class Slots:
    """
    First come, first served.

    Args:
        places: Requests that are worked on at once; None is no limit.
        most_waiting: How many may wait for one; None is as vLLM has it, where overload is nothing but slow.
    """

    def __init__(self, places: int | None, most_waiting: int | None) -> None:
        self._free = asyncio.Semaphore(places) if places is not None else None
        self._most_waiting = most_waiting
        self.waiting = 0
        self.peak_waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """
        Have a place for as long as the block lasts.

        Raises:
            LineTooLong: At once, without waiting.
        """
        if self._free is None:
            yield
            return
        await self._wait_for(self._free)
        try:
            yield
        finally:
            self._free.release()

    async def _wait_for(self, free: asyncio.Semaphore) -> None:
        if not free.locked():
            await free.acquire()
            return
        if self._most_waiting is not None and self.waiting >= self._most_waiting:
            raise LineTooLong
        self.waiting += 1
        self.peak_waiting = max(self.peak_waiting, self.waiting)
        try:
            await free.acquire()
        finally:
            self.waiting -= 1
