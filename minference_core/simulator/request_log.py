"""
What the simulator saw: one JSON line for each request, and counters.

A line reaches the operating system before the answer it is about is sent, so whoever has an answer can rely
on its line being there, even if the simulator is killed.
"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

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
        }


class RequestLog:
    """Counts requests, and writes them down if it was given a file."""

    def __init__(self, path: Path | None) -> None:
        self.stats = Stats()
        self._file: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

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

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
