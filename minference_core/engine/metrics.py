"""
A run over time: what each lane did, in a bounded number of stretches, and how fast it has lately been.

Pure: the time is passed in, as seconds on a clock that never goes back.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from minference_core.engine.histogram import Histogram
from minference_core.engine.limits import LaneLimits
from minference_core.errors import ErrorClass

__all__ = ["MOST_SLICES", "Counts", "Look", "Pace", "Reserved", "Slice", "Timeline", "limit_share"]

MOST_SLICES = 240
_WIDTH_S = 0.5
# Long enough for a steady figure, short enough to tell that something has changed.
_RECENT_S = 20.0
_BETWEEN_LOOKS_S = 0.25


class Reserved(NamedTuple):
    """What was taken of a lane's limits."""

    requests: int = 0
    prompt: int = 0
    output: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt + self.output

    def since(self, earlier: "Reserved") -> "Reserved":
        return Reserved(*(now - before for now, before in zip(self, earlier, strict=True)))


@dataclass(slots=True)
class Counts:
    """
    What happened in a stretch of time.

    Attributes:
        sent: Requests put on the wire, retries included.
        failures: Attempts that brought no reply, by error class.
        retries: Of `sent`, those that had failed before.
        prompt_reserved, output_reserved: Tokens the requests sent counted for against the limits.
        max_in_flight: The most that were on their way at once.
        cost_usd: Of the answers whose price is known.
        latency: How long the attempts that ended took, failed ones included.
    """

    sent: int = 0
    answered: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    prompt_reserved: int = 0
    output_reserved: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    max_in_flight: int = 0
    cost_usd: Decimal = Decimal(0)
    unknown_price: int = 0
    latency: Histogram = field(default_factory=Histogram)

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def rate_limited(self) -> int:
        """Answers that said: too fast."""
        return self.failures.get(ErrorClass.RATE_LIMIT, 0)

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def reserved(self) -> "Reserved":
        return Reserved(self.sent, self.prompt_reserved, self.output_reserved)

    def fail(self, error: str) -> None:
        self.failures[error] = self.failures.get(error, 0) + 1

    def answer(self, prompt_tokens: int, completion_tokens: int, cost_usd: Decimal | None) -> None:
        self.answered += 1
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        if cost_usd is None:
            self.unknown_price += 1
        else:
            self.cost_usd += cost_usd

    def absorb(self, other: "Counts") -> None:
        """Add what happened in another stretch of time."""
        self.sent += other.sent
        self.answered += other.answered
        self.retries += other.retries
        self.prompt_reserved += other.prompt_reserved
        self.output_reserved += other.output_reserved
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.max_in_flight = max(self.max_in_flight, other.max_in_flight)
        self.cost_usd += other.cost_usd
        self.unknown_price += other.unknown_price
        self.latency.merge(other.latency)
        for error, count in other.failures.items():
            self.failures[error] = self.failures.get(error, 0) + count


class Slice(NamedTuple):
    """A stretch of a run; `start_s` counts from the run's start, the last one is cut off at its end."""

    start_s: float
    seconds: float
    counts: Counts


class Timeline:
    """
    The counts of a run by lane and time.

    There are at most `most` stretches, whatever the run's length: when they are used up, each two
    neighbours become one, and all that follow are twice as long.
    """

    def __init__(self, started_s: float, *, width_s: float = _WIDTH_S, most: int = MOST_SLICES) -> None:
        """
        Args:
            started_s: When the run began.
            width_s: How long a stretch is at first.
            most: How many there may be, 2 or more.
        """
        self._started_s = self._ended_s = started_s
        self._most = most
        self._lanes: dict[str, dict[int, Counts]] = {}
        self.width_s = width_s
        self.limits: dict[str, LaneLimits] = {}

    @property
    def clients(self) -> list[str]:
        return sorted(self._lanes)

    @property
    def seconds(self) -> float:
        """From the run's start to the last thing that happened."""
        return self._ended_s - self._started_s

    def at(self, client: str, now_s: float) -> Counts:
        """What a lane's present is counted in."""
        if now_s > self._ended_s:
            self._ended_s = now_s
        number = int((now_s - self._started_s) / self.width_s)
        if number >= self._most:
            number = self._widened(now_s)
        try:
            return self._lanes[client][number]
        except KeyError:
            return self._lanes.setdefault(client, {}).setdefault(max(0, number), Counts())

    def slices(self, client: str | None = None, *, most: int = MOST_SLICES) -> list[Slice]:
        """
        The run cut into at most so many stretches of one length, without a gap; [] if nothing happened.

        Args:
            client: A lane; all of them together when left out.
            most: How many.
        """
        lanes = [self._lanes.get(client, {})] if client is not None else list(self._lanes.values())
        if not any(lanes):
            return []
        used = 1 + max(max(lane) for lane in self._lanes.values() if lane)
        group = -(-used // most)
        found = [Counts() for _ in range(-(-used // group))]
        for lane in lanes:
            for number, counts in lane.items():
                found[number // group].absorb(counts)
        width_s = group * self.width_s
        return [
            Slice(n * width_s, max(1e-3, min(width_s, self.seconds - n * width_s)), counts)
            for n, counts in enumerate(found)
        ]

    def total(self, client: str | None = None) -> Counts:
        """Everything, of one lane or of all."""
        lanes: Iterable[Mapping[int, Counts]] = (
            [self._lanes.get(client, {})] if client is not None else self._lanes.values()
        )
        found = Counts()
        for lane in lanes:
            for counts in lane.values():
                found.absorb(counts)
        return found

    def _widened(self, now_s: float) -> int:
        """Make room; returns the number of the stretch that it is now."""
        while (number := int((now_s - self._started_s) / self.width_s)) >= self._most:
            self.width_s *= 2
            self._lanes = {client: _paired(lane) for client, lane in self._lanes.items()}
        return number


class Look(NamedTuple):
    """Counts that only grow, as they were at a time; `lanes` has what was taken of the limits, by client."""

    at_s: float
    sent: int = 0
    tokens: int = 0
    settled: int = 0
    lanes: Mapping[str, Reserved] = {}

    def since(self, earlier: "Look") -> "Look":
        """How long it was, and what came to be in that time."""
        return Look(
            self.at_s - earlier.at_s,
            self.sent - earlier.sent,
            self.tokens - earlier.tokens,
            self.settled - earlier.settled,
            {client: now.since(earlier.lanes.get(client, Reserved())) for client, now in self.lanes.items()},
        )


class Pace:
    """The recent past, from looks at the counts now and then: an event costs nothing."""

    def __init__(self, started_s: float, *, recent_s: float = _RECENT_S) -> None:
        self._recent_s = recent_s
        self._looks = deque([Look(started_s)])

    def since(self, now: Look) -> Look:
        """What changed in the recent past: `recent_s`, or since the start, or since it was last asked."""
        looks = self._looks
        while len(looks) > 1 and looks[1].at_s <= now.at_s - self._recent_s:
            looks.popleft()
        changed = now.since(looks[0])
        if now.at_s - looks[-1].at_s >= _BETWEEN_LOOKS_S:
            looks.append(now)
        return changed


def limit_share(limits: LaneLimits, used: Reserved, seconds: float) -> float | None:
    """The used part of a lane's tightest limit; None when it has none."""
    minutes = seconds / 60
    taken = (used.requests, used.tokens, used.prompt, used.output)
    rates = zip(taken, limits.per_minute, strict=True)
    return max((count / minutes / limit for count, limit in rates if limit is not None), default=None)


def _paired(lane: Mapping[int, Counts]) -> dict[int, Counts]:
    halved: dict[int, Counts] = {}
    for number, counts in lane.items():
        if (held := halved.setdefault(number // 2, counts)) is not counts:
            held.absorb(counts)
    return halved
