"""Pacing of one lane: when the next request may leave."""

import asyncio
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

    def __init__(self, limits: LaneLimits, *, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._turn = asyncio.Lock()
        self._requests = _bucket(limits.requests_per_minute)
        self._tokens = _bucket(limits.tokens_per_minute)
        self._held_until = 0.0

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
            while (wait_s := self._held_until - self._now()) > 0:  # noqa: ASYNC110 (it waits for a time)
                await asyncio.sleep(wait_s)
            if self._tokens is not None:
                await _draw(self._tokens, tokens)
            if self._requests is not None:
                await self._requests.acquire()

    def hold(self, seconds: float) -> None:
        """Let nothing through for a while: the provider said so."""
        self._held_until = max(self._held_until, self._now() + seconds)


def _bucket(per_minute: int | None) -> AsyncLimiter | None:
    """A bucket of under a second's worth, but always room for one."""
    if per_minute is None:
        return None
    per_second = per_minute / 60
    capacity = max(1.0, per_second * BURST_S)
    return AsyncLimiter(capacity, capacity / per_second)


async def _draw(bucket: AsyncLimiter, amount: float) -> None:
    """Take an amount that may be larger than the bucket, a bucketful at a time."""
    while amount > 0:
        part = min(amount, bucket.max_rate)
        await bucket.acquire(part)
        amount -= part
