"""
One lane's engine: a request goes in, the attempt that settled it comes out.

Everything it needs is passed in. What a conversation does with the answer is not here.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from minference_core.engine import records
from minference_core.engine.admission import Admission, Refused, Ticket
from minference_core.engine.asked import Sendable
from minference_core.engine.history import History, attempt_from
from minference_core.engine.journal import Journal
from minference_core.engine.limits import Lane
from minference_core.engine.retry import LANE_STOPPERS, LONGEST_HOLD_S, Streak, backoff_s
from minference_core.engine.stats import RunStats
from minference_core.engine.transport import HttpReply, Transport
from minference_core.errors import ErrorClass, TransportError, Unreached
from minference_core.providers import LEARNS_FROM_LATENCY, endpoint, retry_after_s
from minference_core.requests import Attempt, Meaning

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
        admission: Admission,
        *,
        run_id: str,
        stop: asyncio.Event,
        max_attempts: int | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            max_attempts: How often a run sends one request at most; what the failures' own policies allow
                when left out.
        """
        self._lane = lane
        self._transport = transport
        self._journal = journal
        self._history = history
        self._stats = stats
        self._admission = admission
        self._run_id = run_id
        self._stop = stop
        self._max_attempts = max_attempts
        self._sleep = sleep
        problem = lane.problem()
        self._closed = None if problem is None else (ErrorClass.AUTH, problem)
        self._refusals = 0  # since the last answer
        self._streaks: defaultdict[str | None, Streak] = defaultdict(Streak)
        self.sending: set[asyncio.Task[Any] | None] = set()  # tasks that must not be cut off

    async def ask(self, request: Sendable) -> Settled:
        """
        Send a request until it is settled or its retries are used up.

        Raises:
            JournalError: The journal cannot be written; nothing more may be sent.
            LedgerError: The ledger cannot be reached; nothing that has a limit or a budget may be sent.
            Draining: The run is stopping and the request is not settled.
        """
        try:
            return await self._ask(request)
        except Refused as refused:
            return await self._refuse(request, refused.error, refused.message)
        finally:
            self._history.end(request)

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Work of this task that a stop waits for, as it would be paid for or done twice: sending, a tool."""
        task = asyncio.current_task()
        self.sending.add(task)
        try:
            yield
        finally:
            self.sending.discard(task)

    async def _ask(self, request: Sendable) -> Settled:
        self._check_open(request)
        weight = request.weight
        most = self._admission.most(request, weight)
        started: float | None = None
        tried: Counter[ErrorClass | None] = Counter()
        while True:
            ticket = await self._admission.enter(weight, most)
            try:
                self._check_open(request)  # something may have come while this one waited its turn
            except BaseException:
                self._admission.turn_back(ticket)
                raise
            started = time.monotonic() if started is None else started
            settled, advised_s = await self._send(request, ticket)
            tried[settled.meaning.error] += 1
            wait_s = self._next_wait(request, settled.meaning, advised_s, tried, time.monotonic() - started)
            if wait_s is None:
                return settled
            self._check_open(request)
            self._stats.retried(self._lane)
            await self._sleep(wait_s)

    def _check_open(self, request: Sendable) -> None:
        """
        Raises:
            Draining: The run is stopping.
            Refused: The lane is closed, or every request of this model fails alike.
        """
        if self._stop.is_set():
            raise Draining
        if self._closed is not None:
            raise Refused(*self._closed)
        if (broken := self._streaks[request.model].broken()) is not None:
            raise Refused(*broken)

    async def _send(self, request: Sendable, ticket: Ticket) -> tuple[Settled, float | None]:
        """One attempt: intent on disk, request on the wire, answer on disk."""
        self._stats.in_flight += 1
        try:
            with self.uninterrupted():
                return await self._sent(request, ticket)
        finally:
            self._stats.in_flight -= 1

    async def _sent(self, request: Sendable, ticket: Ticket) -> tuple[Settled, float | None]:
        now = datetime.now(UTC)
        number, first_sent_at = self._history.begin(request, now)
        answer: HttpReply | TransportError = Unreached("it was let go before it was sent")
        meaning = Meaning(None, ErrorClass.CONNECTION, None)
        record: dict[str, Any] | None = None
        try:
            await self._journal.write(
                records.intent(request, self._lane, number, now, self._run_id, reserved=ticket.reserved)
            )
            left_s = self._stats.request_sent(self._lane, ticket.admitted.weight)
            answer = TransportError("it was given up")  # should this task be cut off now
            try:
                answer = await self._post(request)
            except BaseException:
                self._stats.gave_up(self._lane)
                raise
            record = records.outcome(request, self._lane, number, answer)
            attempt = attempt_from(record, first_sent_at)
            meaning = request.interpret(attempt)
            self._stats.ended(self._lane, request, meaning, time.monotonic() - left_s)
        except Exception:
            if record is not None:  # whatever is the matter with how it reads, it is paid for
                await self._journal.write(records.with_spent(record, ticket.reserved))
            raise
        finally:
            spent = self._admission.leave(request, ticket, answer, meaning)
        self._stats.simulated |= record["simulated"]
        await self._journal.write(records.with_spent(record, spent))
        advised_s = None
        if meaning.reply is None and isinstance(answer, HttpReply):
            advised_s = retry_after_s(answer.headers, now=datetime.now(UTC))
        return Settled(attempt, meaning), advised_s

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
        tried: Counter[ErrorClass | None],
        elapsed_s: float,
    ) -> float | None:
        self._streaks[request.model].note(
            None if meaning.reply is not None else meaning.error, meaning.message
        )
        if meaning.reply is not None:
            self._refusals = 0
            return None
        error = meaning.error or ErrorClass.CONNECTION
        if error in LANE_STOPPERS:
            self._closed = (error, f"{self._lane.client} lane stopped: {meaning.message}")
            return None
        if error in (ErrorClass.RATE_LIMIT, ErrorClass.OVERLOADED):
            self._slow_down(error, advised_s)
        elif error is ErrorClass.TIMEOUT and self._lane.client in LEARNS_FROM_LATENCY:
            self._admission.gate.refused(error)
        if self._max_attempts is not None and tried.total() >= self._max_attempts:
            return None
        return backoff_s(
            error,
            attempt=tried[meaning.error],
            advised_s=advised_s,
            elapsed_s=elapsed_s,
            jitter=random.random(),
        )

    def _slow_down(self, error: ErrorClass, advised_s: float | None) -> None:
        """
        Use less of the lane; hold it when it, and not just one request, is told to wait.

        One refusal between answers is that request's own affair; a second one in a row is the lane's.
        """
        self._refusals += 1
        self._admission.gate.refused(error)
        if advised_s is not None and advised_s > LONGEST_HOLD_S:
            self._closed = (
                error,
                f"{self._lane.client} says to wait {advised_s:.0f} s: run again after that",
            )
        elif self._refusals > 1:
            self._admission.gate.hold(advised_s if advised_s is not None else _HOLD_S)

    async def _refuse(self, request: Sendable, error: ErrorClass, message: str) -> Settled:
        """A request that is not sent, on record once for as long as the reason stays."""
        now = datetime.now(UTC)
        record = records.refusal(request, self._lane, error, message, now, self._run_id)
        if self._history.refuse(request, error, now):
            await self._journal.write(record)
        attempt = attempt_from(record, now)
        return Settled(attempt, request.interpret(attempt))
