"""
One lane's engine: a request goes in, the attempt that settled it comes out.

Everything it needs is passed in. What a conversation does with the answer is not here.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

from minference_core.engine import records
from minference_core.engine.asked import Sendable
from minference_core.engine.gate import Gate
from minference_core.engine.history import History, attempt_from
from minference_core.engine.journal import Journal
from minference_core.engine.limits import Lane
from minference_core.engine.retry import DEADLINE_S, LANE_STOPPERS, backoff_s
from minference_core.engine.stats import RunStats
from minference_core.engine.transport import HttpReply, Transport
from minference_core.errors import ErrorClass, RequestTooLarge, TransportError
from minference_core.providers import endpoint, retry_after_s
from minference_core.requests import Attempt, Meaning, Weight

__all__ = ["Draining", "Engine", "Settled"]

# How long a lane waits that is told to slow down, but not for how long.
_HOLD_S = 1.0


class Settled(NamedTuple):
    """The attempt that settled a request, and what it says."""

    attempt: Attempt
    meaning: Meaning


class Draining(Exception):
    """The run was asked to stop before this request was sent."""


class Engine:
    """Sends the requests of one lane, within its limits, and journals what becomes of them."""

    def __init__(
        self,
        lane: Lane,
        transport: Transport,
        journal: Journal,
        history: History,
        stats: RunStats,
        *,
        run_id: str,
        stop: asyncio.Event,
        max_attempts: int | None = None,
        gate: Gate | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            max_attempts: How often a run sends one request at most; what the failures' own policies allow
                when left out.
            gate: The lane's, where it has been in use before; a new one when left out.
        """
        self._lane = lane
        self._transport = transport
        self._journal = journal
        self._history = history
        self._stats = stats
        self._run_id = run_id
        self._stop = stop
        self._max_attempts = max_attempts
        self._sleep = sleep
        self._gate = gate or Gate(lane.limits)
        problem = lane.problem()
        self._closed = None if problem is None else (ErrorClass.AUTH, problem)
        self._refusals = 0  # since the last answer
        self.sending: set[asyncio.Task[Any] | None] = set()  # tasks that must not be cut off

    async def ask(self, request: Sendable) -> Settled:
        """
        Send a request until it is settled or its retries are used up.

        Raises:
            JournalError: The journal cannot be written; nothing more may be sent.
            Draining: The run is stopping and the request is not settled.
        """
        weight = request.weight
        tokens = weight.tokens
        try:
            self._gate.check(tokens)
        except RequestTooLarge as exc:
            return await self._refuse(request, ErrorClass.TOO_LARGE, str(exc))
        started: float | None = None
        for tries in count(1):
            self._check_stop()
            if self._closed is None:
                await self._gate.enter(tokens)
                self._check_stop()
            if self._closed is not None:  # perhaps by an answer that came while this one waited its turn
                return await self._refuse(request, *self._closed)
            started = time.monotonic() if started is None else started
            attempt, advised_s, latency_s = await self._send(request, weight)
            meaning = request.interpret(attempt)
            self._stats.ended(self._lane, request, meaning, latency_s)
            wait_s = self._next_wait(request, meaning, advised_s, tries, time.monotonic() - started)
            if wait_s is None:
                return Settled(attempt, meaning)
            self._check_stop()
            self._stats.retried(self._lane)
            await self._sleep(wait_s)
        raise AssertionError("unreachable")

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Work of this task that a stop waits for, as it would be paid for or done twice: sending, a tool."""
        task = asyncio.current_task()
        self.sending.add(task)
        try:
            yield
        finally:
            self.sending.discard(task)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Draining

    async def _send(self, request: Sendable, weight: Weight) -> tuple[Attempt, float | None, float]:
        """One attempt: intent on disk, request on the wire, answer on disk; and what it advised, and took."""
        self._stats.in_flight += 1
        try:
            with self.uninterrupted():
                return await self._sent(request, weight)
        finally:
            self._stats.in_flight -= 1

    async def _sent(self, request: Sendable, weight: Weight) -> tuple[Attempt, float | None, float]:
        now = datetime.now(UTC)
        number, first_sent_at = self._history.begin(request, now)
        await self._journal.write(records.intent(request, self._lane, number, now, self._run_id))
        left_s = self._stats.request_sent(self._lane, weight)
        answer = await self._post(request)
        latency_s = time.monotonic() - left_s
        record = records.outcome(request, self._lane, number, answer)
        self._stats.simulated |= record["simulated"]
        await self._journal.write(record)
        advised_s = (
            retry_after_s(answer.headers, now=datetime.now(UTC)) if isinstance(answer, HttpReply) else None
        )
        return attempt_from(record, first_sent_at), advised_s, latency_s

    async def _post(self, request: Sendable) -> HttpReply | TransportError:
        lane = self._lane
        headers = {
            "content-type": "application/json",
            # Stable over retries, so that provider and user can tell which request a log line is about.
            "x-client-request-id": str(request.key),
            **request.wire.headers,
        }
        if lane.api_key is not None:
            headers |= request.authorization(lane.api_key.get_secret_value())
        try:
            return await self._transport.post(
                endpoint(lane.base_url, request.wire.path), headers, request.body
            )
        except TransportError as exc:
            return exc

    def _next_wait(
        self,
        request: Sendable,
        meaning: Meaning,
        advised_s: float | None,
        tries: int,
        elapsed_s: float,
    ) -> float | None:
        if meaning.reply is not None:
            self._refusals = 0
            return None
        error = meaning.error or ErrorClass.CONNECTION
        if error in LANE_STOPPERS:
            self._closed = (error, f"{self._lane.client} lane stopped: {meaning.message}")
            return None
        if error in (ErrorClass.RATE_LIMIT, ErrorClass.OVERLOADED):
            self._slow_down(error, advised_s)
        if self._max_attempts is not None and tries >= self._max_attempts:
            return None
        return backoff_s(
            error, attempt=tries, advised_s=advised_s, elapsed_s=elapsed_s, jitter=random.random()
        )

    def _slow_down(self, error: ErrorClass, advised_s: float | None) -> None:
        """
        Hold the lane when it, and not just one request, is told to wait.

        One refusal between answers is that request's own affair; a second one in a row is the lane's.
        """
        self._refusals += 1
        if advised_s is not None and advised_s > DEADLINE_S:
            self._closed = (
                error,
                f"{self._lane.client} says to wait {advised_s:.0f} s: run again after that",
            )
        elif self._refusals > 1:
            self._gate.hold(advised_s if advised_s is not None else _HOLD_S)

    async def _refuse(self, request: Sendable, error: ErrorClass, message: str) -> Settled:
        """A request that is not sent, on record once for as long as the reason stays."""
        now = datetime.now(UTC)
        record = records.refusal(request, self._lane, error, message, now, self._run_id)
        if self._history.refuse(request, error, now):
            await self._journal.write(record)
        attempt = attempt_from(record, now)
        return Settled(attempt, request.interpret(attempt))
