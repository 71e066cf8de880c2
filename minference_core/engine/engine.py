"""
One lane's engine: a request goes in, the attempt that settled it comes out.

Everything it needs is passed in. What a conversation does with the answer is not here.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from minference_core.engine.gate import Gate
from minference_core.engine.history import History, attempt_from
from minference_core.engine.journal import Journal, body_text
from minference_core.engine.limits import Lane
from minference_core.engine.retry import DEADLINE_S, LANE_STOPPERS, backoff_s
from minference_core.engine.stats import RunStats
from minference_core.engine.transport import HttpReply, Transport
from minference_core.errors import (
    ErrorClass,
    MissingKey,
    RequestTooLarge,
    TimedOut,
    TransportError,
    Unreadable,
)
from minference_core.providers import endpoint, provider_for, retry_after_s
from minference_core.requests import (
    Attempt,
    PreparedRequest,
    estimate_prompt_tokens,
    interpret,
    max_output_tokens,
)

__all__ = ["Draining", "Engine"]


# Shorter "keys" are placeholders such as EMPTY, which an answer may hold as a word.
_SHORTEST_SECRET = 12
# How long a lane waits that is told to slow down, but not for how long.
_HOLD_S = 1.0
_PRINTABLE = re.compile(r"[!-~]+")


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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._lane = lane
        self._transport = transport
        self._journal = journal
        self._history = history
        self._stats = stats
        self._run_id = run_id
        self._stop = stop
        self._sleep = sleep
        self._gate = Gate(lane.limits, now=time.monotonic)
        self._closed = _unusable(lane)
        self._refusals = 0  # since the last answer
        self.sending: set[asyncio.Task[Any] | None] = set()  # tasks that must not be cut off

    async def ask(self, request: PreparedRequest) -> Attempt:
        """
        Send a request until it is settled or its retries are used up.

        Raises:
            JournalError: The journal cannot be written; nothing more may be sent.
            Draining: The run is stopping and the request is not settled.
        """
        tokens = estimate_prompt_tokens(request.wire.body) + max_output_tokens(request.wire.body)
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
            attempt, advised_s = await self._send(request, tokens)
            wait_s = self._next_wait(request, attempt, advised_s, tries, time.monotonic() - started)
            if wait_s is None:
                return attempt
            self._check_stop()
            self._stats.retries += 1
            await self._sleep(wait_s)
        raise AssertionError("unreachable")

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Draining

    async def _send(self, request: PreparedRequest, tokens: int) -> tuple[Attempt, float | None]:
        """One attempt: intent on disk, request on the wire, answer on disk."""
        task = asyncio.current_task()
        self.sending.add(task)
        self._stats.in_flight += 1
        try:
            now = datetime.now(UTC)
            number, first_sent_at = self._history.begin(request, now)
            await self._journal.write(self._intent(request, number, now))
            self._stats.request_sent(self._lane, tokens)
            answer = await self._post(request)
            outcome = _outcome(answer, self._lane.api_key)
            record = {**_name(request), "kind": "outcome", "attempt": number, **outcome}
            await self._journal.write(record)
        finally:
            self._stats.in_flight -= 1
            self.sending.discard(task)
        advised_s = (
            retry_after_s(answer.headers, now=datetime.now(UTC)) if isinstance(answer, HttpReply) else None
        )
        return attempt_from(record, first_sent_at), advised_s

    async def _post(self, request: PreparedRequest) -> HttpReply | TransportError:
        lane = self._lane
        headers = {
            "content-type": "application/json",
            # Stable over retries, so that provider and user can tell which request a log line is about.
            "x-client-request-id": str(request.key),
            **request.wire.headers,
        }
        if lane.api_key is not None:
            headers |= provider_for(lane.client).authorization(lane.api_key.get_secret_value(), request.wire)
        try:
            return await self._transport.post(
                endpoint(lane.base_url, request.wire.path), headers, request.body
            )
        except TransportError as exc:
            return exc

    def _next_wait(
        self,
        request: PreparedRequest,
        attempt: Attempt,
        advised_s: float | None,
        tries: int,
        elapsed_s: float,
    ) -> float | None:
        meaning = interpret(self._lane.client, attempt)
        if meaning.reply is not None:
            self._refusals = 0
            self._stats.answered(self._lane.client, request.thread.llm_config.model, meaning.reply.usage)
            return None
        error = meaning.error or ErrorClass.CONNECTION
        if error in LANE_STOPPERS:
            self._closed = (error, f"{self._lane.client} lane stopped: {meaning.message}")
            return None
        if error in (ErrorClass.RATE_LIMIT, ErrorClass.OVERLOADED):
            self._slow_down(error, advised_s)
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

    async def _refuse(self, request: PreparedRequest, error: ErrorClass, message: str) -> Attempt:
        """A request that is not sent, on record once for as long as the reason stays."""
        now = datetime.now(UTC)
        record = {
            **self._intent(request, 0, now),
            "kind": "refused",
            **_result(error=error, error_message=message, finished_at=now),
        }
        if self._history.refuse(request, error, now):
            await self._journal.write(record)
        return attempt_from(record, now)

    def _intent(self, request: PreparedRequest, number: int, at: datetime) -> dict[str, Any]:
        conversation, config = request.conversation, request.thread.llm_config
        return {
            **_name(request),
            "kind": "intent",
            "attempt": number,
            "thread_key": conversation.thread_key,
            "sample": conversation.sample,
            "generation": conversation.generation,
            "in_thread_id": str(request.thread.id),
            "turn": conversation.turn,
            "step": 1,
            "client": config.client,
            "model": config.model,
            "url": _shown(endpoint(self._lane.base_url, request.wire.path)),
            "simulated": self._lane.simulated,
            "run_id": self._run_id,
            "sent_at": at.isoformat(),
        }


def _unusable(lane: Lane) -> tuple[ErrorClass, str] | None:
    """Why nothing can be sent on this lane at all, if so."""
    if lane.api_key is None and lane.key_required:
        return ErrorClass.AUTH, str(MissingKey(lane.client, lane.key_name))
    if lane.api_key is not None and not _PRINTABLE.fullmatch(lane.api_key.get_secret_value()):
        return ErrorClass.AUTH, f"{lane.key_name} holds characters that are in no key: set it again"
    if not _is_address(lane.base_url):
        return ErrorClass.AUTH, f"the base URL of {lane.client} is not an http(s) address: correct it"
    return None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _name(request: PreparedRequest) -> dict[str, str]:
    lineage, key = request.name
    return {"lineage_id": str(lineage), "request_key": str(key)}


def _shown(url: str) -> str:
    """A URL without its user and query parts, either of which may hold a secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _outcome(answer: HttpReply | TransportError, key: SecretStr | None) -> Mapping[str, Any]:
    now = datetime.now(UTC)
    if isinstance(answer, HttpReply):
        request_id = answer.headers.get("x-request-id") or answer.headers.get("request-id")
        body = body_text(answer.body)
        secret = key.get_secret_value() if key is not None else ""
        if answer.status >= 400 and len(secret) >= _SHORTEST_SECRET:
            body = body.replace(secret, "[key]")  # some servers quote the key they refuse
        return _result(
            status=answer.status,
            body=body,
            provider_request_id=request_id,
            finished_at=now,
        )
    return _result(error=_class_of(answer), error_message=str(answer), finished_at=now)


def _class_of(error: TransportError) -> ErrorClass:
    match error:
        case TimedOut():
            return ErrorClass.TIMEOUT
        case Unreadable():
            return ErrorClass.UNDECODABLE
        case _:
            return ErrorClass.CONNECTION


def _result(
    *,
    finished_at: datetime,
    status: int | None = None,
    body: str | None = None,
    provider_request_id: str | None = None,
    error: ErrorClass | None = None,
    error_message: str | None = None,
) -> dict[str, Any]:
    return {
        "status": status,
        "body": body,
        "provider_request_id": provider_request_id,
        "error": error,
        "error_message": error_message,
        "finished_at": finished_at.isoformat(),
    }
