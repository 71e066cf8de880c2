"""Pacing of one lane: when the next request may leave."""

import asyncio
import time
from collections.abc import Callable

from aiolimiter import AsyncLimiter

from minference_core.engine.limits import LaneLimits
from minference_core.errors import RequestTooLarge

__all__ = ["BURST_S", "Gate"]

# Providers enforce minutes in seconds, so the bucket holds a little less than one second's worth.
BURST_S = 0.9


class Gate:
    """
    Two leaky buckets, requests and tokens, entered in turn. One per lane and event loop.

    The lock keeps the turn: `AsyncLimiter` alone serves whoever asks for least, so under steady
    load a large request would wait behind every small one.
    """

    def __init__(
        self, limits: LaneLimits, *, now: Callable[[], float] = time.monotonic, after: "Gate | None" = None
    ) -> None:
        """
        Args:
            now: Seconds on a clock that never goes back.
            after: The lane's gate on an event loop before this one, whose pace is taken over.
        """
        self._limits = limits
        self._now = now
        self._turn = asyncio.Lock()
        self.requests: _Bucket | None = _bucket(
            limits.requests_per_minute, now, after.requests if after is not None else None
        )
        self.tokens: _Bucket | None = _bucket(
            limits.tokens_per_minute, now, after.tokens if after is not None else None
        )
        self.held_until: float = after.held_until if after is not None else 0.0

    def check(self, tokens: int) -> None:
        """
        Refuse what can never pass.

        Raises:
            RequestTooLarge: The request needs more than a whole minute's tokens.
        """
        most = self._limits.tokens_per_minute
        if most is not None and tokens > most:
            raise RequestTooLarge(tokens=tokens, tokens_per_minute=most)

    async def enter(self, tokens: int) -> None:
        """Wait until a request of `tokens` may be sent; first come, first served."""
        async with self._turn:
            while (wait_s := self.held_until - self._now()) > 0:  # noqa: ASYNC110 (it waits for a time)
                await asyncio.sleep(wait_s)
            if self.tokens is not None:
                await self.tokens.draw(tokens)
            if self.requests is not None:
                await self.requests.draw(1)

    def hold(self, seconds: float) -> None:
        """Let nothing through for a while: the provider said so."""
        self.held_until = max(self.held_until, self._now() + seconds)


class _Bucket:
    """A leaky bucket of under a second's worth, but always room for one."""

    def __init__(self, per_minute: int, now: Callable[[], float], after: "_Bucket | None") -> None:
        self._per_second = per_minute / 60
        capacity = max(1.0, self._per_second * BURST_S)
        self._limiter = AsyncLimiter(capacity, capacity / self._per_second)
        self._now = now
        # The limiter is one event loop's and does not say how full it is: the next one begins with this.
        self._level = after.level() if after is not None else 0.0
        self._level_at = now()
        self._begun = False

    async def draw(self, amount: float) -> None:
        """Take an amount that may be larger than the bucket, a bucketful at a time."""
        if not self._begun:
            self._begun = True
            before, self._level = self.level(), 0.0
            await self._take(min(before, self._limiter.max_rate))
        while amount > 0:
            part = min(amount, self._limiter.max_rate)
            await self._take(part)
            amount -= part

    def level(self) -> float:
        """How much of it is taken."""
        return max(0.0, self._level - (self._now() - self._level_at) * self._per_second)

    async def _take(self, amount: float) -> None:
        await self._limiter.acquire(amount)
        self._level, self._level_at = self.level() + amount, self._now()


def _bucket(per_minute: int | None, now: Callable[[], float], after: _Bucket | None) -> _Bucket | None:
    return None if per_minute is None else _Bucket(per_minute, now, after)
