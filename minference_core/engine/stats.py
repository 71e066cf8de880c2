"""What a run has done so far, counted as it happens."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from minference_core.engine.gate import BURST_S
from minference_core.engine.limits import Lane
from minference_core.requests import price
from minference_core.threads import TokenUsage

__all__ = ["Progress", "RunReport", "RunStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A look at a run that goes on; rates are since its start."""

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
    shared: int = 0


@dataclass(slots=True)
class _LaneUse:
    """What one lane carried, and when."""

    requests: int = 0
    tokens: int = 0
    first_s: float | None = None
    last_s: float = 0.0


@dataclass(slots=True)
class RunStats:
    """The counters behind `Progress` and `RunReport`; plain numbers, written by one event loop."""

    total: int = 0
    started_s: float = field(default_factory=time.monotonic)
    done: int = 0
    complete: int = 0
    skipped: int = 0
    shared: int = 0
    replies: int = 0
    sent: int = 0
    retries: int = 0
    in_flight: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unknown_price: int = 0
    simulated: bool = False  # whether any answer was: its dollars are nobody's
    lanes: dict[str, tuple[Lane, _LaneUse]] = field(default_factory=dict)

    def request_sent(self, lane: Lane, tokens: int) -> None:
        use = self.lanes.setdefault(lane.client, (lane, _LaneUse()))[1]
        use.first_s = time.monotonic() if use.first_s is None else use.first_s
        use.last_s = time.monotonic()
        use.requests += 1
        use.tokens += tokens
        self.sent += 1

    def answered(self, client: str, model: str | None, usage: TokenUsage) -> None:
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        cost = price(client, model or "", usage).usd
        if cost is None:
            self.unknown_price += 1
        else:
            self.cost_usd += cost

    def limit_share(self) -> dict[str, float]:
        shares = {client: _share(lane, use) for client, (lane, use) in self.lanes.items()}
        return {client: share for client, share in shares.items() if share is not None}

    def progress(self) -> Progress:
        seconds = max(1e-6, time.monotonic() - self.started_s)
        tokens = self.prompt_tokens + self.completion_tokens
        per_s = self.done / seconds
        return Progress(
            total=self.total,
            done=self.done,
            failed=self.failures.total(),
            in_flight=self.in_flight,
            retried=self.retries,
            requests_sent=self.sent,
            tokens=tokens,
            cost_usd=self.cost_usd,
            requests_per_s=self.sent / seconds,
            tokens_per_s=tokens / seconds,
            limit_share=max(self.limit_share().values(), default=None),
            failures=dict(self.failures),
            eta_s=(self.total - self.done) / per_s if per_s > 0 else None,
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
            seconds=time.monotonic() - self.started_s,
            stopped=stopped,
            undone=self.total - self.done,
            shared=self.shared,
        )


def _share(lane: Lane, use: _LaneUse) -> float | None:
    """
    The used part of the lane's tightest limit, over the time it was in use.

    The bucket is full at the start, so its second counts as used time; or a handful of requests in
    an instant would read as many times the limit.
    """
    if use.first_s is None:
        return None
    minutes = max(1.0, use.last_s - use.first_s + BURST_S) / 60
    rates = (
        (use.requests, lane.limits.requests_per_minute),
        (use.tokens, lane.limits.tokens_per_minute),
    )
    return max((used / minutes / limit for used, limit in rates if limit is not None), default=None)
