"""
What a partition's journals say has been sent and answered: the memory between runs.

Only places are kept in memory; a raw answer is read from its file when it is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from minference_core.engine.asked import Sendable
from minference_core.engine.retry import SETTLED
from minference_core.errors import ErrorClass, JournalError
from minference_core.providers import classify, error_within
from minference_core.providers.reading import cost_from_header
from minference_core.requests import Attempt, RecordedResult

__all__ = ["History", "attempt_from", "journal_files", "read_journal"]


_ABOUT_THE_REQUEST = frozenset({400, 403, 422})
_KINDS = frozenset({"intent", "outcome", "refused", "reused", "tool"})


_Place = tuple[int, int, int]  # file, offset, length


@dataclass(slots=True)
class _Entry:
    """One request's past: how often it was sent, and where its settled outcome and its tools' results are."""

    attempts: int
    first_sent_at: datetime
    last_refusal: str | None = None
    place: _Place | None = None
    tool_runs: list[_Place] | None = None


class History:
    """The past of every request of one partition."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            JournalError: A journal holds a line that is not one of ours.
        """
        self._files = journal_files(folder)
        self._entries: dict[bytes, _Entry] = {}
        for number, path in enumerate(self._files):
            for offset, length, record in read_journal(path):
                self._remember(record, (number, offset, length))

    def settled(self, request: Sendable) -> Attempt | None:
        """The attempt that settled this request for good: its answer, or a refusal that will not change."""
        entry = self._entries.get(_key(*request.name))
        if entry is None or entry.place is None:
            return None
        return attempt_from(self._read(entry.place), entry.first_sent_at)

    def results(self, request: Sendable) -> dict[str, RecordedResult]:
        """What the tools gave that its answer called, by the calls' ids."""
        entry = self._entries.get(_key(*request.name))
        read = map(self._read, entry.tool_runs or ()) if entry is not None else ()
        return {
            record["tool_call_id"]: RecordedResult(record["result"], record["error_message"] is not None)
            for record in read
        }

    def is_settled(self, request: Sendable) -> bool:
        """Whether there is such an attempt, without reading it."""
        entry = self._entries.get(_key(*request.name))
        return entry is not None and entry.place is not None

    def settlements(self) -> Iterator[tuple[UUID, Attempt]]:
        """Every settled request's key, and the attempt that settled it, in the order they were written."""
        places = sorted((entry.place, key) for key, entry in self._entries.items() if entry.place is not None)
        for number, of_one_file in groupby(places, key=lambda found: found[0][0]):
            with self._files[number].open("rb") as file:
                for (_, offset, length), key in of_one_file:
                    file.seek(offset)
                    record = orjson.loads(file.read(length))
                    yield UUID(bytes=key[16:]), attempt_from(record, self._entries[key].first_sent_at)

    def settled_names(self) -> Iterator[tuple[UUID, UUID]]:
        """What is settled: the lineage and the key of each request."""
        for key, entry in self._entries.items():
            if entry.place is not None:
                yield UUID(bytes=key[:16]), UUID(bytes=key[16:])

    def record(self, lineage: UUID, request_key: UUID) -> dict[str, Any] | None:
        """What the journal has of the attempt that settled a request, raw."""
        entry = self._entries.get(_key(lineage, request_key))
        return None if entry is None or entry.place is None else self._read(entry.place)

    def begin(self, request: Sendable, at: datetime) -> tuple[int, datetime]:
        """Count one more attempt; returns its number, from 1, and when the first one was sent."""
        entry = self._entries.setdefault(_key(*request.name), _Entry(0, at))
        entry.attempts += 1
        return entry.attempts, entry.first_sent_at

    def refuse(self, request: Sendable, error: ErrorClass, at: datetime) -> bool:
        """Note that it was not sent; False when the last thing known of it is the same refusal."""
        entry = self._entries.setdefault(_key(*request.name), _Entry(0, at))
        known, entry.last_refusal = entry.last_refusal == error, error
        return not known

    def _read(self, place: _Place) -> dict[str, Any]:
        number, offset, length = place
        with self._files[number].open("rb") as file:
            file.seek(offset)
            return orjson.loads(file.read(length))  # type: ignore[no-any-return]

    def _remember(self, record: dict[str, Any], place: _Place) -> None:
        key = _key(UUID(record["lineage_id"]), UUID(record["request_key"]))
        match record["kind"]:
            case "intent":
                sent_at = datetime.fromisoformat(record["sent_at"])
                entry = self._entries.setdefault(key, _Entry(0, sent_at))
                entry.attempts = max(entry.attempts, record["attempt"])
                entry.last_refusal = None
            case "outcome" if key in self._entries and _is_settled(record):
                self._entries[key].place = place
            case "reused":
                entry = self._entries.setdefault(key, _Entry(0, datetime.fromisoformat(record["sent_at"])))
                entry.attempts, entry.place = max(entry.attempts, record["attempt"]), place
            case "tool" if key in self._entries:
                entry = self._entries[key]
                entry.tool_runs = [*(entry.tool_runs or ()), place]
            case "refused":
                at = datetime.fromisoformat(record["finished_at"])
                self._entries.setdefault(key, _Entry(0, at)).last_refusal = record["error"]


def journal_files(folder: Path) -> list[Path]:
    """A partition's journals, oldest first."""
    return sorted(folder.glob("*.jsonl"))


def read_journal(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """
    Every record with its offset and length in bytes; a torn last line is left out.

    Raises:
        JournalError: A line that is not the last is not one of ours.
    """
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # the process died while writing it: nothing was done on its strength
            record = _record(line)
            if record is None:
                raise JournalError(
                    f"{path} line {number} is damaged. Repair or move the file; "
                    f"answers in it are asked for again if it is moved"
                )
            yield offset, len(line), record
            offset += len(line)


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    named = isinstance(record, dict) and record.get("kind") in _KINDS
    return record if named and {"lineage_id", "request_key", "attempt"} <= record.keys() else None


def attempt_from(record: dict[str, Any], first_sent_at: datetime) -> Attempt:
    """An outcome record as an attempt."""
    return Attempt(
        number=record["attempt"],
        status=record["status"],
        body=record["body"],
        error=ErrorClass(record["error"]) if record["error"] else None,
        error_message=record["error_message"],
        provider_request_id=record["provider_request_id"],
        first_sent_at=first_sent_at,
        finished_at=datetime.fromisoformat(record["finished_at"]),
        provider_cost_usd=cost_from_header(record.get("provider_cost")),
    )


def _is_settled(record: dict[str, Any]) -> bool:
    """
    Whether asking again could not help, or would pay again.

    Of refusals only those that are about the request itself: any other 4xx may come from an address
    or an account that is mended by the time of the next run.
    """
    status, body = record["status"], record["body"]
    if status is None:
        return bool(record["error"] == ErrorClass.UNDECODABLE)
    if 200 <= status < 300:
        status = error_within(body)
    return status is None or (status in _ABOUT_THE_REQUEST and classify(status, body)[0] in SETTLED)


def _key(lineage: UUID, request_key: UUID) -> bytes:
    return lineage.bytes + request_key.bytes
