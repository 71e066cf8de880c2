"""
How many requests of a lane may be in flight: fewer after it was too much, more again while it goes well.

For servers that refuse what is too much, halved at a refusal and raised again step by step, as TCP does. For
those that never refuse and only get slower (vLLM), led by latency: begun small, raised while answers come
about as quickly as when few were in flight, lowered when they take a multiple of that.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

__all__ = ["Window"]

# After a refusal, this part of what was in flight; then a tenth of the most for each round of answers.
_BACK_OFF = 0.5
_STEP = 0.1
# Refusals that are closer together than this have one cause.
_ONE_EVENT_S = 1.0
# A lane that is led by latency begins with so many.
_FIRST = 8
# How much slower than at its best a server may answer: batching makes each answer slower and all of them
# sooner, so up to the lower one is gain; beyond the upper one requests only wait in its queue.
_RAISE_BELOW = 2.0
_LOWER_ABOVE = 3.0
_LOWER_TO = 0.8
# The best of long ago may never come back: it counts a little less with every round.
_FORGET = 1.02
# Tokens that an answer's fixed costs (the prompt, the way there) are worth.
_FIXED_TOKENS = 32


@dataclass(slots=True)
class _Pace:
    """Seconds a token, by rounds of answers."""

    best: float = float("inf")
    sum: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        self.sum += value
        self.count += 1

    def round_over(self) -> float:
        """How many times slower than the best the round was."""
        mean = self.sum / self.count
        self.sum, self.count = 0.0, 0
        self.best = min(mean, self.best * _FORGET)
        return mean / self.best


@dataclass(slots=True)
class Window:
    """
    The requests of one lane in flight, in the order in which they came.

    Attributes:
        most: Never more.
        by_latency: Whether latency says when it is too much.
        ceiling: What the ledger allows this process; None if it does not say.
    """

    most: int
    by_latency: bool = False
    ceiling: int | None = None
    in_use: int = 0
    limit: float = 0.0
    _threshold: float = 0.0
    _cut_at: float = float("-inf")
    _pace: _Pace = field(default_factory=_Pace)
    _queue: deque[asyncio.Future[None]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.limit = min(_FIRST, self.most) if self.by_latency else self.most
        self._threshold = self.most

    @property
    def wanted(self) -> int:
        """Requests that are in flight or would be."""
        return self.in_use + len(self._queue)

    async def enter(self) -> None:
        """Wait until there is room for one more."""
        if not self._queue and self.in_use < self._allowed():
            self.in_use += 1
            return
        let_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(let_in)
        try:
            await let_in
        except asyncio.CancelledError:
            if let_in.done() and not let_in.cancelled() and let_in.exception() is None:
                self.leave()  # it was let in at the very moment when it was let go
            raise

    def leave(self) -> None:
        """One is no longer in flight."""
        self.in_use -= 1
        self.serve()

    def serve(self) -> None:
        """Let in those for whom there is room."""
        while self._queue and self.in_use < self._allowed():
            let_in = self._queue.popleft()
            if not let_in.done():
                self.in_use += 1
                let_in.set_result(None)

    def fail(self, error: Exception) -> None:
        """Whoever waits is told that nobody can be let in."""
        while self._queue:
            let_in = self._queue.popleft()
            if not let_in.done():
                let_in.set_exception(error)

    def refused(self, now: float) -> None:
        """It was too much."""
        if now - self._cut_at < _ONE_EVENT_S:
            return
        self._cut_at = now
        self._threshold = self.limit = max(1.0, min(self.limit, self.in_use) * _BACK_OFF)

    def answered(self, latency_s: float, output_tokens: int) -> None:
        """
        Args:
            latency_s: From sending the request to the end of its answer.
            output_tokens: Of the answer.
        """
        if not self.by_latency:
            self._raise()
            return
        self._pace.add(latency_s / (output_tokens + _FIXED_TOKENS))
        if self._pace.count < max(4, int(self.limit)):
            return
        slower = self._pace.round_over()
        if slower > _LOWER_ABOVE:
            self._threshold = self.limit = max(1.0, self.limit * _LOWER_TO)
        elif slower < _RAISE_BELOW:
            for _ in range(int(self.limit)):
                self._raise()

    def _raise(self) -> None:
        if self.limit >= self.most:
            return
        slow_start = self.limit < self._threshold
        self.limit = min(self.most, self.limit + (1.0 if slow_start else self.most * _STEP / self.limit))

    def _allowed(self) -> int:
        allowed = max(1, int(self.limit))
        return allowed if self.ceiling is None else min(allowed, self.ceiling)
