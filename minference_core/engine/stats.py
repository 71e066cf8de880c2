"""What a run has done so far, counted as it happens."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from minference_core.engine.asked import Sendable
from minference_core.engine.limits import Lane
from minference_core.engine.metrics import Look, Pace, Reserved, Timeline, limit_share
from minference_core.engine.telemetry import Telemetry, telemetry
from minference_core.errors import ErrorClass
from minference_core.requests import Meaning, Weight, price
from minference_core.threads import OwnPrice, TokenUsage

__all__ = ["Progress", "RunReport", "RunStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    A look at a run that goes on; rates, share and time left are of the recent past.

    Attributes:
        failures: Conversations that ended early, by error class.
        rate_limited: Attempts that a provider refused as too fast (429).
    """

    total: int
    done: int
    failed: int
    in_flight: int
    retried: int
    requests_sent: int
    tokens: int
    cost_usd: Decimal
    requests_per_s: float
    tokens_per_s: float
    limit_share: float | None
    failures: Mapping[str, int]
    eta_s: float | None
    rate_limited: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """
    What a run did.

    Attributes:
        threads: Conversations asked for, bad rows not among them.
        complete: Conversations that reached their end with valid replies.
        replies: What these conversations hold, whichever run paid for it.
        attempts: All attempts on record, of earlier runs too: rows of the table of exchanges.
        tool_runs: All executions of tools on record: its other rows.
        tool_failures: Of these, the ones that gave an error.
        sent: Requests this run put on the wire, retries included.
        skipped: Conversations that needed nothing sent.
        shared: Answers that this run took over from other conversations.
        failures: Conversations that ended early, by error class.
        limit_share: By client, the part of its tightest limit that was used while it was in use.
        undone: Conversations that a stop left unfinished.
        timeline: What this run did, by lane and time.
    """

    threads: int
    complete: int
    replies: int
    attempts: int
    tool_runs: int
    tool_failures: int
    retries: int
    sent: int
    skipped: int
    failures: Mapping[str, int]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_usd: Decimal
    unknown_price: int
    limit_share: Mapping[str, float]
    seconds: float
    stopped: bool
    undone: int
    timeline: Timeline = field(default_factory=lambda: Timeline(0.0))
    shared: int = 0


@dataclass(slots=True)
class _LaneUse:
    """What one lane carried, and when."""

    requests: int = 0
    prompt: int = 0
    output: int = 0
    in_flight: int = 0
    first_s: float | None = None
    last_s: float = 0.0

    @property
    def reserved(self) -> Reserved:
        return Reserved(self.requests, self.prompt, self.output)


@dataclass(slots=True, eq=False, weakref_slot=True)
class RunStats:
    """
    The counters behind `Progress` and `RunReport`; plain numbers, written by one event loop.

    The engine says of each attempt when it leaves (`request_sent`) and what came of it (`ended`, or `gave_up`
    when the run let go of it), and of each that is to be repeated that it is (`retried`).
    """

    total: int = 0
    now: Callable[[], float] = time.monotonic
    started_s: float = field(init=False)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    done: int = 0
    complete: int = 0
    skipped: int = 0
    shared: int = 0
    replies: int = 0
    sent: int = 0
    retries: int = 0
    rate_limited: int = 0
    in_flight: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unknown_price: int = 0
    prices: Mapping[str, OwnPrice] = field(default_factory=dict)  # the user's own, by model
    simulated: bool = False  # whether any answer was: its dollars are nobody's
    lanes: dict[str, tuple[Lane, _LaneUse]] = field(default_factory=dict)
    recent_share: dict[str, float] = field(default_factory=dict)  # by client, when last looked at
    telemetry: Telemetry | None = field(default_factory=telemetry)
    timeline: Timeline = field(init=False)
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.started_s = self.now()
        self.timeline, self._pace = Timeline(self.started_s), Pace(self.started_s)
        if self.telemetry is not None:
            self.telemetry.watch(self)

    def request_sent(self, lane: Lane, weight: Weight) -> float:
        """
        Count a request that leaves now.

        Args:
            weight: What it counts for against the lane's limits.

        Returns:
            When that is, for its latency.
        """
        now, use = self.now(), self._use(lane)
        use.first_s = now if use.first_s is None else use.first_s
        use.last_s = now
        use.requests += 1
        use.prompt += weight.prompt
        use.output += weight.output
        use.in_flight += 1
        self.sent += 1
        counts = self.timeline.at(lane.client, now)
        counts.sent += 1
        counts.prompt_reserved += weight.prompt
        counts.output_reserved += weight.output
        if use.in_flight > counts.max_in_flight:
            counts.max_in_flight = use.in_flight
        return now

    def ended(self, lane: Lane, request: Sendable, meaning: Meaning, latency_s: float) -> None:
        """
        Count what came of an attempt.

        Args:
            meaning: Of its answer, or of the failure to get one.
            latency_s: From its leaving until the last byte.
        """
        self._use(lane).in_flight -= 1
        counts = self.timeline.at(lane.client, self.now())
        counts.latency.add(latency_s)
        cost = None
        if meaning.reply is None:
            error = meaning.error or ErrorClass.CONNECTION
            counts.fail(error)
            self.rate_limited += error is ErrorClass.RATE_LIMIT
        else:
            usage = meaning.reply.usage
            cost = price(request.client, request.model or "", usage, self.prices).usd
            self._answered(usage, cost)
            counts.answer(usage.prompt_tokens or 0, usage.completion_tokens or 0, cost)
        if self.telemetry is not None:
            self.telemetry.ended(lane, request, meaning, latency_s, cost)

    def gave_up(self, lane: Lane) -> None:
        """Count a request as not on its way any more, whose answer nobody waits for."""
        self._use(lane).in_flight -= 1

    def retried(self, lane: Lane) -> None:
        """Count an attempt that is to be followed by another of the same request."""
        self.retries += 1
        self.timeline.at(lane.client, self.now()).retries += 1
        if self.telemetry is not None:
            self.telemetry.retried(lane)

    def limit_share(self) -> dict[str, float]:
        shares = {client: _share(lane, use) for client, (lane, use) in self.lanes.items()}
        return {client: share for client, share in shares.items() if share is not None}

    def on_their_way(self) -> dict[str, float]:
        """By client, the requests that have left and are not back."""
        return {client: use.in_flight for client, (_, use) in list(self.lanes.items())}

    def progress(self) -> Progress:
        now = self.now()
        recent = self._pace.since(self._look(now))
        seconds = max(1e-6, recent.at_s)
        self.recent_share = self._recent_share(now, recent)
        return Progress(
            total=self.total,
            done=self.done,
            failed=self.failures.total(),
            in_flight=self.in_flight,
            retried=self.retries,
            requests_sent=self.sent,
            tokens=self.prompt_tokens + self.completion_tokens,
            cost_usd=self.cost_usd,
            requests_per_s=recent.sent / seconds,
            tokens_per_s=recent.tokens / seconds,
            limit_share=max(self.recent_share.values(), default=None),
            failures=dict(self.failures),
            eta_s=self._left_s(now, recent),
            rate_limited=self.rate_limited,
        )

    def report(
        self, *, stopped: bool, attempts: int, tool_runs: int = 0, tool_failures: int = 0
    ) -> RunReport:
        return RunReport(
            threads=self.total,
            complete=self.complete,
            replies=self.replies,
            attempts=attempts,
            tool_runs=tool_runs,
            tool_failures=tool_failures,
            retries=self.retries,
            sent=self.sent,
            skipped=self.skipped,
            failures=dict(self.failures),
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cached_tokens=self.cached_tokens,
            cost_usd=self.cost_usd,
            unknown_price=self.unknown_price,
            limit_share=self.limit_share(),
            seconds=self.now() - self.started_s,
            stopped=stopped,
            undone=self.total - self.done,
            timeline=self.timeline,
            shared=self.shared,
        )

    def _use(self, lane: Lane) -> _LaneUse:
        known = self.lanes.get(lane.client)
        if known is None:
            known = self.lanes[lane.client] = (lane, _LaneUse())
            self.timeline.limits[lane.client] = lane.limits
        return known[1]

    def _look(self, now: float) -> Look:
        lanes = {client: use.reserved for client, (_, use) in self.lanes.items()}
        tokens = self.prompt_tokens + self.completion_tokens
        return Look(now, self.sent, tokens, self.done - self.skipped, lanes)

    def _answered(self, usage: TokenUsage, cost_usd: Decimal | None) -> None:
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        if cost_usd is None:
            self.unknown_price += 1
        else:
            self.cost_usd += cost_usd

    def _recent_share(self, now: float, recent: Look) -> dict[str, float]:
        shares = {
            client: limit_share(
                lane.limits, recent.lanes[client], max(1.0, min(recent.at_s, now - use.first_s))
            )
            for client, (lane, use) in self.lanes.items()
            if use.first_s is not None
        }
        return {client: share for client, share in shares.items() if share is not None}

    def _left_s(self, now: float, recent: Look) -> float | None:
        """Conversations that needed nothing sent say nothing of how long the others take."""
        settled, seconds = recent.settled, recent.at_s
        if settled == 0:
            settled, seconds = self.done - self.skipped, now - self.started_s
        return (self.total - self.done) * seconds / settled if settled > 0 else None


def _share(lane: Lane, use: _LaneUse) -> float | None:
    """
    The used part of the lane's tightest limit, over the time it was in use.

    A second at the least, or a handful of requests in an instant would read as many times the limit.
    """
    if use.first_s is None:
        return None
    return limit_share(lane.limits, use.reserved, max(1.0, use.last_s - use.first_s))
