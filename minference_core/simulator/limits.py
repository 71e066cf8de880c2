"""
Rate limits as providers enforce them: a bucket that fills continuously and holds about one second's worth.

A limit of 6,000 a minute therefore admits 100 at once and then one every 10 ms, not 6,000 at once and then
nothing. Time is an argument, so the whole behaviour can be a table in a test.
"""

import math
from dataclasses import dataclass

__all__ = ["Allowance", "Bucket", "Verdict", "go_duration"]

BURST_S = 1.0


class Bucket:
    """What one account may still do, in requests or in tokens."""

    __slots__ = ("_at", "_level", "capacity", "limit", "rate")

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self.rate = limit / 60.0
        self.capacity = max(1.0, self.rate * BURST_S)
        self._level = self.capacity
        self._at = now

    def level(self, now: float) -> float:
        """What is there at `now`; below 0 while a request larger than the bucket is being paid for."""
        if now > self._at:
            self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
            self._at = now
        return self._level

    def wait_s(self, cost: float, now: float) -> float:
        """Seconds until `cost` would be admitted; one larger than the bucket is admitted when it is full."""
        return max(0.0, (min(cost, self.capacity) - self.level(now)) / self.rate)

    def take(self, cost: float) -> None:
        self._level -= cost

    def remaining(self, now: float) -> int:
        return max(0, math.floor(self.level(now) + 1e-9))

    def reset_s(self, now: float) -> float:
        """Seconds until the bucket is as full as it can be."""
        return max(0.0, (self.capacity - self.level(now)) / self.rate)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a request was not admitted."""

    kind: str  # "requests" or "tokens"
    limit: int
    used: int
    requested: int
    wait_s: float | None  # None: it is larger than a whole minute's worth and can never be admitted


class Allowance:
    """The limits of one (API key, provider)."""

    __slots__ = ("requests", "tokens")

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None, now: float) -> None:
        self.requests = Bucket(requests_per_minute, now) if requests_per_minute else None
        self.tokens = Bucket(tokens_per_minute, now) if tokens_per_minute else None

    def admit(self, tokens: int, now: float) -> Verdict | None:
        """Let one request through and count it, or say why not; what is not admitted costs nothing."""
        asked = [("requests", self.requests, 1), ("tokens", self.tokens, tokens)]
        for kind, bucket, cost in asked:
            if bucket is None:
                continue
            if cost > bucket.limit:
                return Verdict(kind, bucket.limit, 0, cost, None)
            if (wait := bucket.wait_s(cost, now)) > 0:
                used = min(bucket.limit, bucket.limit - bucket.remaining(now))
                return Verdict(kind, bucket.limit, used, cost, wait)
        for _, bucket, cost in asked:
            if bucket is not None:
                bucket.take(cost)
        return None


def go_duration(seconds: float) -> str:
    """How OpenAI writes a reset: `20ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    text = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else "") + text
