"""
An answer that another conversation was given to the same request: taken over instead of asked for.

The same request is the same key: client, dialect, model, body, sample and generation. What is taken over is
written into this partition's own journal, so that everything after it needs nobody else's.
"""

import asyncio
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import pyarrow as pa

from minference_core.conversations.elsewhere import answered_in, first_requests
from minference_core.conversations.seen import Seen
from minference_core.conversations.table import read_requests
from minference_core.engine import Engine, History, Journal, Lane, RunStats, attempt_from, reused
from minference_core.requests import Attempt, Meaning, PreparedRequest

__all__ = ["NO_REUSE", "Answers", "Given", "Pool", "Reuse", "Scope"]

_IN_MEMORY = 32_000_000  # bytes of answers that are kept for others; what is more goes to a temporary file


class Scope(StrEnum):
    """Whose answers count as answers to the same request."""

    ROWS = "rows"  # each conversation has its own
    PARTITION = "partition"  # all of the partition
    ALL = "all"  # all of the dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """
    When an answer is taken over.

    Attributes:
        elsewhere: The other partitions' tables of exchanges, for all of the dataset.
        simulated: Whether the simulator is asked: its answers are never taken for a provider's, nor theirs
            for its.
    """

    scope: Scope = Scope.ROWS
    elsewhere: tuple[Path, ...] = ()
    simulated: bool = False

    def answered_elsewhere(self, keys: Iterable[str]) -> dict[str, dict[Path, str]]:
        """
        Which requests were answered in another partition, by their keys.

        Args:
            keys: Gone through only if there is somewhere to look.
        """
        if self.scope is not Scope.ALL or not self.elsewhere:
            return {}
        return first_requests(pa.array(keys, pa.string()), self.elsewhere, simulated=self.simulated)


NO_REUSE = Reuse()


class Given(NamedTuple):
    """An answer, and whether anything was sent for it."""

    attempt: Attempt
    meaning: Meaning
    sent: bool


class Pool:
    """The answers of a run that others may take over."""

    def __init__(self, reuse: Reuse, requests: Path, history: History, partition: str, run_id: str) -> None:
        """
        Args:
            requests: The partition's request table.
            history: Of its journals.
            partition: Its key.
        """
        self._history = history
        self._partition = partition
        self._run_id = run_id
        self._lineages: set[UUID] = set()
        self._own: dict[UUID, UUID] = {}  # by request key, the conversation of this partition
        self._places: dict[UUID, tuple[int, int]] = {}
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (it lives as long as the run)
        self.asking: dict[UUID, asyncio.Event] = {}
        if reuse.scope is not Scope.ROWS:
            self._fill(reuse, requests)

    def may_share(self, request: PreparedRequest) -> bool:
        """Whether another conversation begins, or began, with the same request."""
        return request.name[0] in self._lineages

    def find(self, key: UUID) -> dict[str, Any] | None:
        """An answer to the request, as its journal had it, and where it is from."""
        if (place := self._places.get(key)) is not None:
            offset, length = place
            self._file.seek(offset)
            return orjson.loads(self._file.read(length))  # type: ignore[no-any-return]
        if (lineage := self._own.get(key)) is None:
            return None
        record = self._history.record(lineage, key)
        if record is None:
            return None
        return {"from": self._origin(lineage, record["attempt"], None), **record}

    def keep(self, request: PreparedRequest, attempt: Attempt, *, simulated: bool) -> None:
        """Let others have an answer of this run."""
        self._put(
            request.key,
            {
                "status": attempt.status,
                "body": attempt.body,
                "provider_request_id": attempt.provider_request_id,
                "simulated": simulated,
                "from": self._origin(request.name[0], attempt.number, self._run_id),
            },
        )

    def close(self) -> None:
        self._file.close()

    def _origin(self, lineage: UUID, attempt: int, run_id: str | None) -> dict[str, Any]:
        where = {"partition": self._partition, "run_id": run_id}
        return {**where, "lineage_id": str(lineage), "attempt": attempt}

    def _put(self, key: UUID, record: dict[str, Any]) -> None:
        self._file.seek(0, 2)
        offset = self._file.tell()
        self._places[key] = offset, self._file.write(orjson.dumps(record))

    def _fill(self, reuse: Reuse, requests: Path) -> None:
        shared = self._asked_twice(requests) | self._answered_here(requests)
        found = reuse.answered_elsewhere(_waiting(requests))
        shared |= {UUID(key) for key in found}
        self._lineages = {
            UUID(row["lineage_id"]) for row in _rows(requests) if UUID(row["request_key"]) in shared
        }
        self._own = self._answers_of(
            {lineage for lineage, key in self._history.settled_names() if key in shared}
        )
        for row in answered_in(found, simulated=reuse.simulated):
            key = UUID(row["request_key"])
            if key not in self._places:
                origin = {name: row[name] for name in ("partition", "run_id", "lineage_id", "attempt")}
                said = {"status": row["status_code"], "body": row["response_body"], "from": origin}
                of_it = {name: row[name] for name in ("provider_request_id", "simulated")}
                self._put(key, {**said, **of_it})

    def _asked_twice(self, requests: Path) -> set[UUID]:
        """The requests that more than one conversation begins with."""
        seen, twice = Seen(), set()
        for row in _rows(requests):
            key = UUID(row["request_key"])
            if not seen.add(key):
                twice.add(key)
        return twice

    def _answered_here(self, requests: Path) -> set[UUID]:
        """Those that wait, and were answered in a conversation whose row is not there any more."""
        waiting = Seen()
        for key in _waiting(requests):
            waiting.add(UUID(key))
        return {key for _, key in self._history.settled_names() if key in waiting}

    def _answers_of(self, lineages: set[UUID]) -> dict[UUID, UUID]:
        return {key: lineage for lineage, key in self._history.settled_names() if lineage in lineages}


class Answers:
    """Gives one lane's requests their answers: another conversation's, if it may be, else the engine's."""

    def __init__(
        self,
        engine: Engine,
        lane: Lane,
        journal: Journal,
        history: History,
        stats: RunStats,
        pool: Pool,
        run_id: str,
    ) -> None:
        self._engine = engine
        self._lane = lane
        self._journal = journal
        self._history = history
        self._stats = stats
        self._pool = pool
        self._run_id = run_id

    async def to(self, request: PreparedRequest) -> Given:
        """
        The answer to a request that has none on record.

        Of conversations that wait for the same one, one asks; if that comes to nothing, the next does.

        Raises:
            JournalError: The journal cannot be written; nothing more may be sent.
            Draining: The run is stopping and the request is not settled.
        """
        if not self._pool.may_share(request):
            return Given(*await self._engine.ask(request), sent=True)
        asking = self._pool.asking
        while (other := asking.get(request.key)) is not None:
            await other.wait()
        if (taken := await self._taken_over(request)) is not None:
            return taken
        asking[request.key] = asyncio.Event()
        try:
            attempt, meaning = await self._engine.ask(request)
            if meaning.reply is not None:
                self._pool.keep(request, attempt, simulated=self._lane.simulated)
            return Given(attempt, meaning, sent=True)
        finally:
            asking.pop(request.key).set()

    async def _taken_over(self, request: PreparedRequest) -> Given | None:
        found = self._pool.find(request.key)
        if found is None:
            return None
        now = datetime.now(UTC)
        record = reused(request, self._lane, 0, found, now, self._run_id)
        meaning = request.interpret(attempt_from(record, now))
        if meaning.reply is None:  # a refusal: it costs nothing to be refused oneself
            return None
        record["attempt"], first_sent_at = self._history.begin(request, now)
        await self._journal.write(record)
        self._history.end(request)
        self._stats.shared += 1
        return Given(attempt_from(record, first_sent_at), meaning, sent=False)


def _rows(requests: Path) -> Iterator[dict[str, Any]]:
    rows = read_requests(requests, ["request_key", "lineage_id", "state"])
    return (row for row in rows if row["request_key"] is not None)


def _waiting(requests: Path) -> Iterator[str]:
    return (row["request_key"] for row in _rows(requests) if row["state"] in ("new", "shared"))
