"""
What a partition's journals say has been sent and answered: the memory between runs.

Only places are kept in memory, in `past.py`; a raw answer is read from its file when it is asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from minference_core.engine.asked import Sendable
from minference_core.engine.glimpse import finished, head_of, key_of, microseconds, names_of, sent_us
from minference_core.engine.journal_files import (
    Line,
    damaged,
    journal_files,
    read_journal,
    read_lines,
    record_in,
)
from minference_core.engine.past import Past, Seen
from minference_core.engine.retry import SETTLED
from minference_core.errors import ErrorClass, JournalError
from minference_core.providers import classify, error_within
from minference_core.providers.reading import cost_from_header
from minference_core.requests import Attempt, RecordedResult

__all__ = ["History", "attempt_from", "journal_files", "read_journal"]

_ABOUT_THE_REQUEST = frozenset({400, 403, 422})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID_LENGTH = 36

# A refusal as a number from 1; 0 is none, or one that this version does not know.
_REFUSALS = {error: number for number, error in enumerate(ErrorClass, start=1)}

# A place is a file's number and an offset in it.
_OFFSET_BITS = 40
_OFFSETS = (1 << _OFFSET_BITS) - 1
_MANY = 20_000


@dataclass(slots=True)
class _Asked:
    """A request that this run is asking: how often it was sent, when first, and what it was refused for."""

    attempts: int
    first_sent_at: datetime
    refusal: int


class History:
    """The past of every request of one partition."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            JournalError: A journal holds a line that is not one of ours.
        """
        self._files = journal_files(folder)
        self._past = Past()  # what earlier runs sent, and how it stands by now
        self._asked: dict[bytes, _Asked] = {}  # what only this run has asked, and is not done with
        self._done = Seen()  # the rest of that
        self._unanswered: dict[bytes, int] = {}  # while loading: by names, as an outcome is soon to come
        for number, path in enumerate(self._files):
            self._load(number, path)
        self._unanswered.clear()

    def settled(self, request: Sendable) -> Attempt | None:
        """The attempt that settled this request for good: its answer, or a refusal that will not change."""
        number = self._past.find(_key(*request.name))
        if number is None or not self._past.outcome[number]:
            return None
        place = self._past.outcome[number] - 1
        record = self._read(place)
        try:
            return attempt_from(record, self._first_sent_at(number))
        except (KeyError, TypeError, ValueError) as exc:
            raise self._damaged(place) from exc

    def results(self, request: Sendable) -> dict[str, RecordedResult]:
        """What the tools gave that its answer called, by the calls' ids."""
        number = self._past.find(_key(*request.name))
        read = map(self._read, self._past.tools(number) if number is not None else ())
        return {
            record["tool_call_id"]: RecordedResult(record["result"], record["error_message"] is not None)
            for record in read
        }

    def is_settled(self, request: Sendable) -> bool:
        """Whether there is such an attempt, without reading it."""
        number = self._past.find(_key(*request.name))
        return number is not None and self._past.outcome[number] > 0

    def settlements(self) -> Iterator[tuple[UUID, Attempt]]:
        """Every settled request's key, and the attempt that settled it, in the order they were written."""
        for path, line, names, number in self._settling():
            record = _whole(path, line.number, line.text)
            yield _uuids(names)[1], attempt_from(record, self._first_sent_at(number))

    def settled_names(self) -> Iterator[tuple[UUID, UUID]]:
        """What is settled: the lineage and the key of each request, in the order they were written."""
        for _, _, names, _ in self._settling():
            yield _uuids(names)

    def record(self, lineage: UUID, request_key: UUID) -> dict[str, Any] | None:
        """What the journal has of the attempt that settled a request, raw."""
        number = self._past.find(_key(lineage, request_key))
        if number is None or not self._past.outcome[number]:
            return None
        return self._read(self._past.outcome[number] - 1)

    def _settling(self) -> Iterator[tuple[Path, Line, bytes, int]]:
        """The lines that settled a request: the file, the line, the request's names and its number."""
        for file, path in enumerate(self._files):
            for line in read_lines(path):
                head = head_of(line.text)
                if head is not None and head[3] is not None:
                    continue  # an intent
                names = head[1] if head is not None else _names_in(_whole(path, line.number, line.text))
                number = self._past.find(key_of(names))
                if number is not None and self._past.outcome[number] == _place(file, line.offset) + 1:
                    yield path, line, names, number

    def attempts(self, request: Sendable) -> int:
        """How often it was sent, in this run and before."""
        key = _key(*request.name)
        number = self._past.find(key)
        if number is not None:
            return self._past.attempts[number]
        asked = self._asked.get(key)
        return self._done.get(key)[0] if asked is None else asked.attempts

    def first_sent_at(self, lineage: UUID, request_key: UUID) -> datetime | None:
        """When an earlier run first sent a request; None if none did."""
        number = self._past.find(_key(lineage, request_key))
        return None if number is None else self._first_sent_at(number)

    def begin(self, request: Sendable, at: datetime) -> tuple[int, datetime]:
        """Count one more attempt; returns its number, from 1, and when the first one was sent."""
        key = _key(*request.name)
        number = self._past.find(key)
        if number is not None:
            self._past.attempts[number] += 1
            return self._past.attempts[number], self._first_sent_at(number)
        asked = self._asking(key, at)
        asked.attempts += 1
        return asked.attempts, asked.first_sent_at

    def refuse(self, request: Sendable, error: ErrorClass, at: datetime) -> bool:
        """Note that it was not sent; False when the last thing known of it is the same refusal."""
        key, refusal = _key(*request.name), _REFUSALS[error]
        number = self._past.find(key)
        if number is not None:
            known, self._past.refusal[number] = self._past.refusal[number] == refusal, refusal
            return not known
        asked = self._asking(key, at)
        known, asked.refusal = asked.refusal == refusal, refusal
        return not known

    def end(self, request: Sendable) -> None:
        """
        This run is done with it, so that little of it need stay in memory.

        It may be begun again: its attempts are counted on, and its first one is the next.
        """
        key = _key(*request.name)
        asked = self._asked.get(key)
        if asked is not None and asked.attempts <= Seen.MOST:
            self._done.put(key, asked.attempts, asked.refusal)
            del self._asked[key]

    def _asking(self, key: bytes, at: datetime) -> _Asked:
        asked = self._asked.get(key)
        if asked is None:
            attempts, refusal = self._done.get(key)
            asked = self._asked[key] = _Asked(attempts, at, refusal)
        return asked

    def _first_sent_at(self, number: int) -> datetime:
        return _EPOCH + timedelta(microseconds=self._past.first_sent_us[number])

    def _read(self, place: int) -> dict[str, Any]:
        with self._files[place >> _OFFSET_BITS].open("rb") as file:
            file.seek(place & _OFFSETS)
            record = record_in(file.readline())
        if record is None:
            raise self._damaged(place)
        return record

    def _damaged(self, place: int) -> JournalError:
        path, offset = self._files[place >> _OFFSET_BITS], place & _OFFSETS
        return damaged(path, next(line.number for line in read_lines(path) if line.offset == offset))

    def _load(self, file: int, path: Path) -> None:
        """Long, and without a call that can be spared: it is run for each of millions of lines."""
        past, unanswered = self._past, self._unanswered
        offset = line = 0
        with path.open("rb") as lines:
            for text in lines:
                line += 1
                head = head_of(text)
                if head is None:
                    self._load_parsed(file, path, line, offset, text)
                elif head[3] is not None and (at := sent_us(text)) is not None:
                    number = unanswered[head[1]] = past.find_or_add(key_of(head[1]), at)
                    past.note_attempt(number, int(head[2]))
                    if len(unanswered) > _MANY:
                        unanswered.clear()
                elif head[3] is None and finished(text):
                    answered = unanswered.pop(head[1], None)
                    if answered is None:
                        answered = past.find(key_of(head[1]))
                    if answered is not None:
                        past.outcome[answered] = (file << _OFFSET_BITS | offset) + 1
                else:
                    self._load_parsed(file, path, line, offset, text)
                offset += len(text)

    def _load_parsed(self, file: int, path: Path, line: int, offset: int, text: bytes) -> None:
        if not text.endswith(b"\n"):
            return  # a torn last line: nothing was done on its strength
        record = _whole(path, line, text)
        try:
            self._remember(record, _place(file, offset))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise damaged(path, line) from exc

    def _remember(self, record: dict[str, Any], place: int) -> None:
        past, key = self._past, _key_in(record)
        match record["kind"]:
            case "intent":
                at = microseconds(datetime.fromisoformat(record["sent_at"]))
                past.note_attempt(past.find_or_add(key, at), record["attempt"])
            case "outcome" if _is_settled(record) and (number := past.find(key)) is not None:
                past.outcome[number] = place + 1
            case "reused":
                at = microseconds(datetime.fromisoformat(record["sent_at"]))
                number = past.find_or_add(key, at)
                past.note_attempt(number, record["attempt"])
                past.outcome[number] = place + 1
            case "tool" if (number := past.find(key)) is not None:
                past.add_tool(number, place)
            case "refused":
                number = past.find_or_add(key, microseconds(datetime.fromisoformat(record["finished_at"])))
                past.refusal[number] = _REFUSALS.get(record["error"], 0)


def _place(file: int, offset: int) -> int:
    return file << _OFFSET_BITS | offset


def _whole(path: Path, line: int, text: bytes) -> dict[str, Any]:
    record = record_in(text)
    if record is None:
        raise damaged(path, line)
    return record


def _key_in(record: dict[str, Any]) -> bytes:
    return key_of(_names_in(record))


def _names_in(record: dict[str, Any]) -> bytes:
    return names_of(UUID(record["lineage_id"]), UUID(record["request_key"]))


def _uuids(names: bytes) -> tuple[UUID, UUID]:
    text = names.decode()
    return UUID(text[:_UUID_LENGTH]), UUID(text[-_UUID_LENGTH:])


@lru_cache(maxsize=4_096)  # asked for again at every step of a request
def _key(lineage: UUID, request_key: UUID) -> bytes:
    return key_of(names_of(lineage, request_key))


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
