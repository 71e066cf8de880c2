"""
When the requests of a lane may leave: pure arithmetic on the lane's shared state, with no clock in it.

Each limit is a line in time that requests stand in one after the other (a GCRA without a burst): a request
of n units takes n / rate seconds of it. It leaves when every line is free, so the account's servers see an
even stream, whoever of several processes sends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from minference_core.engine.limits import LaneLimits
from minference_core.engine.retry import LONGEST_HOLD_S

__all__ = ["HEADROOM", "LONGEST_LEAD_S", "Amounts", "Line", "Rates", "book", "rates_of", "takes_it_all"]

# Clocks and wires jitter: so much of a limit is aimed at. 98 % is to be used, and never more than all.
HEADROOM = 0.995

# Where several limits are kept at once, tokens may run so far ahead: else a large request would hold up the
# line of requests, and many small ones that of tokens, and neither limit could be used to the full.
_SLACK_S = 0.15

# An account may do no more than a second's worth at once. A request that takes about all of that finds it
# there only if none before it came late, so it leaves so much later than in its turn.
_AT_ONCE_S = 1.0
_JITTER_S = 0.1

# No line is ever further ahead than the largest request and everybody's bookings make it; what looks
# further away was written by another clock.
LONGEST_LEAD_S = 180.0

# After a refusal: down to this part of what was asked for then; back up quickly to just below where it
# failed, then slowly, as the limit that was met may be there to stay.
_BACK_OFF = 0.7
_KNEE = 0.97
_QUICK_PER_S = 0.04
_SLOW_PER_S = 0.003
_LEAST_SHARE = 0.02
# Refusals that are closer together than this have one cause.
_ONE_EVENT_S = 1.0


class Amounts(NamedTuple):
    """What a request takes of each limit."""

    requests: float = 0.0
    tokens: float = 0.0
    input: float = 0.0
    output: float = 0.0

    def plus(self, other: "Amounts", times: float = 1.0) -> "Amounts":
        requests, tokens, read, written = self
        return Amounts(
            requests + times * other[0],
            tokens + times * other[1],
            read + times * other[2],
            written + times * other[3],
        )

    def towards(self, other: "Amounts", part: float) -> "Amounts":
        """These, moved by a part of the way to others."""
        requests, tokens, read, written = self
        return Amounts(
            requests + part * (other[0] - requests),
            tokens + part * (other[1] - tokens),
            read + part * (other[2] - read),
            written + part * (other[3] - written),
        )

    def times_to_hold(self, other: "Amounts") -> int:
        """How many times these it takes to come about to others; 1 at the least."""
        return max(1, *(round(more / mine) for mine, more in zip(self, other, strict=True) if mine > 0))


class Rates(NamedTuple):
    """Units a second; None is no limit."""

    requests: float | None = None
    tokens: float | None = None
    input: float | None = None
    output: float | None = None


@lru_cache(maxsize=256)
def rates_of(limits: LaneLimits, learned: LaneLimits | None = None) -> Rates:
    """
    A lane's limits as rates.

    Args:
        learned: What the provider says of them; the lower one counts.
    """
    both = zip(limits.per_minute, (learned or LaneLimits()).per_minute, strict=True)
    least = (min(filter(None, pair), default=None) for pair in both)
    return Rates(*(None if most is None else most / 60 for most in least))


@dataclass(slots=True)
class Line:
    """
    What is known of a lane, the same for all processes; times are seconds on the ledger's clock.

    Attributes:
        free_at: For each limit, when the last request that was let in has taken its share of it.
        held_until: Nothing leaves before.
        share: The part of its limits that the lane may use; less than 1 after it was told to slow down.
        share_at: When that was said.
        ceiling: The share that was too much.
        learned: What the provider's answers say of its limits.
    """

    free_at: list[float] = field(default_factory=lambda: [0.0] * len(Amounts._fields))
    held_until: float = 0.0
    share: float = 1.0
    share_at: float = 0.0
    ceiling: float = 1.0
    learned: LaneLimits = field(default_factory=LaneLimits)

    def share_now(self, now: float) -> float:
        """The part of its limits that may be used at an instant."""
        if self.share >= 1.0:
            return 1.0
        passed = max(0.0, now - self.share_at)
        knee = max(self.share, self.ceiling * _KNEE)
        quick_s = (knee - self.share) / _QUICK_PER_S
        if passed <= quick_s:
            return self.share + passed * _QUICK_PER_S
        return min(1.0, knee + (passed - quick_s) * _SLOW_PER_S)

    def slow_down(self, now: float) -> None:
        """The provider refused although the limits were kept: use less of them for a while."""
        if now - self.share_at < _ONE_EVENT_S and self.share < 1.0:
            return
        self.ceiling = self.share_now(now)
        self.share = max(_LEAST_SHARE, self.ceiling * _BACK_OFF)
        self.share_at = now

    def settle(self, rates: Rates, more: Amounts, now: float) -> None:
        """Count what requests took more (or, negative, less) than they were booked with."""
        for n, (rate, amount) in enumerate(zip(rates, more, strict=True)):
            if rate is not None:
                self.free_at[n] = max(now, self.free_at[n]) + amount / rate

    def mend(self, now: float) -> None:
        """Forget times that no clock of ours can have written."""
        if max(self.free_at) > now + LONGEST_LEAD_S:
            self.free_at = [min(at, now) for at in self.free_at]
        if self.held_until > now + LONGEST_HOLD_S:
            self.held_until = now
        self.share_at = min(self.share_at, now)


def book(line: Line, rates: Rates, needs: Sequence[Amounts], now: float, *, within_s: float) -> list[float]:
    """
    Let requests in, one after the other, and say when each may leave.

    Args:
        needs: In the order in which they came.
        within_s: How long after the first the last one may start; the first is always let in.

    Returns:
        A start for each that was let in; the rest have to ask again.
    """
    share = line.share_now(now) * HEADROOM
    slacks = _slacks(rates)
    limited = [(n, rate, slacks[n]) for n, rate in enumerate(rates) if rate is not None]
    earliest, free_at = max(now, line.held_until), line.free_at
    starts: list[float] = []
    for need in needs:
        start = earliest
        for n, rate, slack_s in limited:
            free = free_at[n] - _lead_s(rate, need[n], slack_s)
            start = free if free > start else start
        if starts and start > starts[0] + within_s:
            break
        starts.append(start)
        for n, rate, _ in limited:
            at = free_at[n]
            free_at[n] = (at if at > start else start) + need[n] / (rate * share)
    return starts


def takes_it_all(rates: Rates, need: Amounts) -> bool:
    """Whether a request is so large that it must not leave a little early, as others may."""
    least = min(_lead_s(rate, amount, _SLACK_S) for rate, amount in zip(rates, need, strict=True))
    return least < _SLACK_S


def _slacks(rates: Rates) -> list[float]:
    """How far ahead each limit may be run, if it is not by much: none of requests, nor of an only one."""
    several = sum(rate is not None for rate in rates) > 1
    return [0.0] + [_SLACK_S if several else 0.0] * (len(rates) - 1)


def _lead_s(rate: float | None, amount: float, slack_s: float) -> float:
    """How long before a limit is free again a request may leave; less than 0 for one that takes it all."""
    if rate is None:
        return slack_s
    return min(slack_s, max(-_JITTER_S, _AT_ONCE_S - _JITTER_S - amount / rate))
