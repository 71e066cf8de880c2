"""
What became of every request in the end, as the table of exchanges says it: its answer, else the last failure.

`history.py` knows what is settled, which is all that a run needs; this takes the journals being read once
more, and is for those who ask what failed.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from minference_core.engine.asked import Sendable
from minference_core.engine.history import History, attempt_from, journal_files, read_journal
from minference_core.errors import ErrorClass
from minference_core.providers import error_within
from minference_core.requests import Attempt, RecordedResult

__all__ = ["Ends"]

_ENDINGS = ("intent", "outcome", "refused")

_Name = tuple[str, str]  # lineage, request key


class Ends:
    """The end of every request of a partition; in memory are the places of the failures."""

    def __init__(self, folder: Path, history: History) -> None:
        """
        Args:
            folder: The partition's journals.
            history: Of the same.

        Raises:
            JournalError: A journal holds a line that is not one of ours.
        """
        self._history = history
        self._files = journal_files(folder)
        self._failures: dict[_Name, tuple[int, int, int]] = {}  # file, offset, length
        for number, path in enumerate(self._files):
            for offset, length, record in read_journal(path):
                name = record["lineage_id"], record["request_key"]
                if _is_answer(record):
                    self._failures.pop(name, None)
                elif record["kind"] in _ENDINGS:
                    self._failures[name] = (number, offset, length)

    def settled(self, request: Sendable) -> Attempt | None:
        """The attempt that decided a request; None if it was never tried."""
        lineage, key = request.name
        return self._history.settled(request) or self._failure((str(lineage), str(key)))

    def results(self, request: Sendable) -> dict[str, RecordedResult]:
        """What the tools gave that its answer called, by the calls' ids."""
        return self._history.results(request)

    def failures(self) -> Iterator[tuple[UUID, Attempt]]:
        """Every request whose end is a failure that is not settled: its key, and its last attempt."""
        for lineage, key in self._failures:
            if self._history.record(UUID(lineage), UUID(key)) is None:
                attempt = self._failure((lineage, key))
                if attempt is not None:
                    yield UUID(key), attempt

    def _failure(self, name: _Name) -> Attempt | None:
        place = self._failures.get(name)
        if place is None:
            return None
        number, offset, length = place
        with self._files[number].open("rb") as file:
            file.seek(offset)
            record = orjson.loads(file.read(length))
        first_sent_at = self._history.first_sent_at(*map(UUID, name))
        if record["kind"] == "intent":
            return _uncertain(record, first_sent_at)
        return attempt_from(record, first_sent_at or datetime.fromisoformat(record["finished_at"]))


def _is_answer(record: dict[str, Any]) -> bool:
    if record["kind"] == "reused":
        return True
    if record["kind"] != "outcome" or not 200 <= (record["status"] or 0) < 300:
        return False
    return error_within(record["body"]) is None


def _uncertain(intent: dict[str, Any], first_sent_at: datetime | None) -> Attempt:
    """Of a process that died between the intent and the outcome."""
    sent_at = datetime.fromisoformat(intent["sent_at"])
    return Attempt(
        number=intent["attempt"],
        status=None,
        body=None,
        error=ErrorClass.UNCERTAIN,
        error_message="the run ended before the answer was on disk; the provider may have answered",
        provider_request_id=None,
        first_sent_at=first_sent_at or sent_at,
        finished_at=sent_at,
    )
