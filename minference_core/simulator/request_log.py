"""
What the simulator saw: one JSON line for each request, and counters.

A line reaches the operating system before the answer it is about is sent, so whoever has an answer can rely
on its line being there, even if the simulator is killed. That an
answer did go out whole is said by another line, in another file.
"""

import os
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from minference_core.simulator.accounts import Account
from minference_core.simulator.slots import Slots

__all__ = ["RequestLog", "Seen", "Stats"]


@dataclass(slots=True)
class Seen:
    """One request, filled in as it becomes known."""

    seq: int
    path: str
    t: float = field(default_factory=time.time)
    client_request_id: str | None = None
    body_sha256: str | None = None
    model: str | None = None
    status: int = 0  # stays 0 for one that got no answer
    fault: str | None = None
    request_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    max_tokens: int | None = None
    finished: bool = False

    def delivery(self) -> bytes:
        return orjson.dumps(
            {
                "t": self.t,
                "delivered": time.time(),
                "path": self.path,
                "client_request_id": self.client_request_id,
                "body_sha256": self.body_sha256,
                "request_id": self.request_id,
                "seq": self.seq,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )

    def line(self) -> bytes:
        return orjson.dumps(
            {
                "t": self.t,
                "path": self.path,
                "client_request_id": self.client_request_id,
                "body_sha256": self.body_sha256,
                "model": self.model,
                "status": self.status,
                "fault": self.fault,
                "request_id": self.request_id,
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": self.completion_tokens,
                "max_tokens": self.max_tokens,
                "seq": self.seq,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )


@dataclass(slots=True)
class Stats:
    """Counters since the start."""

    requests: int = 0
    answered: int = 0  # with any status; not those dropped, hung or left by their client
    in_flight: int = 0
    peak_in_flight: int = 0
    by_status: dict[int, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first: float | None = None  # epoch seconds
    last: float | None = None
    accounts: dict[str, Account] = field(default_factory=dict)  # by `account_name`
    slots: Slots | None = None

    @property
    def cost_usd(self) -> Decimal:
        """What all answers cost, also those whose client had gone."""
        return sum((account.cost_usd for account in self.accounts.values()), Decimal(0))

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "answered": self.answered,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "by_status": {str(status): count for status, count in sorted(self.by_status.items())},
            "faults": dict(sorted(self.faults.items())),
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "first": self.first,
            "last": self.last,
            "waiting": self.slots.waiting if self.slots is not None else 0,
            "peak_waiting": self.slots.peak_waiting if self.slots is not None else 0,
            "cost_usd": format(self.cost_usd, "f"),
            "accounts": {name: account.as_json() for name, account in self.accounts.items()},
        }


class RequestLog:
    """Counts requests, and writes them down if it was given files."""

    def __init__(self, path: Path | None, delivered: Path | None = None) -> None:
        self.stats = Stats()
        self._file = _opened(path)
        self._delivered = _opened(delivered)

    @property
    def wants_deliveries(self) -> bool:
        return self._delivered is not None

    def begin(self, path: str) -> Seen:
        stats = self.stats
        stats.requests += 1
        stats.in_flight += 1
        stats.peak_in_flight = max(stats.peak_in_flight, stats.in_flight)
        seen = Seen(stats.requests, path)
        stats.first = stats.first or seen.t
        stats.last = seen.t
        return seen

    def finish(self, seen: Seen) -> None:
        """Write the request down; once, however often it is called."""
        if seen.finished:
            return
        seen.finished = True
        stats = self.stats
        stats.in_flight -= 1
        stats.answered += seen.status > 0
        stats.by_status[seen.status] = stats.by_status.get(seen.status, 0) + 1
        stats.prompt_tokens += seen.prompt_tokens
        stats.completion_tokens += seen.completion_tokens
        if seen.fault is not None:
            stats.faults[seen.fault] = stats.faults.get(seen.fault, 0) + 1
        if self._file is not None:
            os.write(self._file, seen.line())

    def delivered(self, seen: Seen) -> None:
        """Write down that the last byte of an answer has been sent."""
        if self._delivered is not None:
            os.write(self._delivered, seen.delivery())

    def close(self) -> None:
        for file in (self._file, self._delivered):
            if file is not None:
                os.close(file)
        self._file = self._delivered = None


def _opened(path: Path | None) -> int | None:
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
