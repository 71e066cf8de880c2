"""
Rate limits as providers enforce them: a bucket that fills continuously and holds about one second's worth.

A limit of 6,000 a minute therefore admits 100 at once and then one every 10 ms, not 6,000 at once and then
nothing. Time is an argument, so the whole behaviour can be a table in a test.
"""

import math
from dataclasses import dataclass

__all__ = ["Allowance", "Bucket", "Verdict", "Weight", "go_duration"]

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

    def correct(self, more: float, now: float) -> None:
        """Take what was not counted at first, or give back what was not used: below 0."""
        self._level = min(self.capacity, self.level(now) - more)

    def remaining(self, now: float) -> int:
        return max(0, math.floor(self.level(now) + 1e-9))

    def reset_s(self, now: float) -> float:
        """Seconds until the bucket is as full as it can be."""
        return max(0.0, (self.capacity - self.level(now)) / self.rate)


@dataclass(frozen=True, slots=True)
class Weight:
    """What a request weighs, in tokens; the output is an estimate until it has been made."""

    input: int = 0
    output: int = 0
    cached: int = 0  # of the input; where input and output count apart, this does not

    def against(self, kind: str) -> int:
        """What it takes from a limit on "requests", "tokens", "input_tokens" or "output_tokens"."""
        match kind:
            case "requests":
                return 1
            case "tokens":
                return self.input + self.output
            case "input_tokens":
                return self.input - self.cached
            case _:
                return self.output


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a request was not admitted."""

    kind: str  # of limit, as `Weight.against` has them
    limit: int
    used: int
    requested: int
    wait_s: float | None  # None: it is larger than a whole minute's worth and can never be admitted


class Allowance:
    """The limits of one (API key, provider)."""

    __slots__ = ("buckets",)

    def __init__(
        self,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        now: float,
        *,
        input_tokens_per_minute: int | None = None,
        output_tokens_per_minute: int | None = None,
    ) -> None:
        limits = {
            "requests": requests_per_minute,
            "tokens": tokens_per_minute,
            "input_tokens": input_tokens_per_minute,
            "output_tokens": output_tokens_per_minute,
        }
        self.buckets = {kind: Bucket(limit, now) for kind, limit in limits.items() if limit}

    def admit(self, weight: Weight, now: float) -> Verdict | None:
        """Let one request through and count it, or say why not; what is not admitted costs nothing."""
        for kind, bucket in self.buckets.items():
            cost = weight.against(kind)
            if cost > bucket.limit:
                return Verdict(kind, bucket.limit, 0, cost, None)
            if (wait := bucket.wait_s(cost, now)) > 0:
                used = min(bucket.limit, bucket.limit - bucket.remaining(now))
                return Verdict(kind, bucket.limit, used, cost, wait)
        for kind, bucket in self.buckets.items():
            bucket.take(weight.against(kind))
        return None


def go_duration(seconds: float) -> str:
    """How OpenAI writes a reset: `20ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    text = f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(int(minutes), 60)
    return (f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else "") + text
