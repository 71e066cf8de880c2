"""
The table of exchanges, read back: every attempt of a partition by the conversation it belongs to.
"""

import tempfile
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from minference_core.errors import DiskError, ErrorClass, NotMadeYet
from minference_core.parquet import open_file, rows_of
from minference_core.providers import error_within
from minference_core.requests.outcome import Attempt
from minference_core.requests.prepare import PreparedRequest
from minference_core.requests.replay import RecordedResult

__all__ = ["ConversationRecord", "ExchangeRecord"]

Row = dict[str, Any]

# So many rows are read from disk at once, and so many times that are kept.
_ROWS = 32
_BATCHES = 64


class ExchangeRecord:
    """
    One partition's exchanges, by conversation and in bounded memory; leave it as a context.

    Memory holds some 50 bytes a row, to find it by, and two thousand rows. The rows themselves are in a file
    without a name beside the table, which is not compressed: a few of them are read at a time. Conversations
    are asked for about in the order in which they were answered, so most are at hand by then.
    """

    def __init__(self, path: Path) -> None:
        """
        Raises:
            NotMadeYet: There are no exchanges.
            DiskError: There is no room beside them.
        """
        if not path.exists():
            raise NotMadeYet(path, "responses")
        self._lineages, self._ends, self._order = _index(path)
        self._untaken = bytearray(b"\1") * len(self._lineages)
        try:
            self._file, self._starts = _spread(path)
        except OSError as exc:
            if exc.errno is None:  # it is the table that cannot be read
                raise
            raise DiskError(path.parent, exc, "Every answer is in the table of exchanges") from exc
        self._batch = lru_cache(_BATCHES)(pa.ipc.open_file(self._file).get_batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._batch.cache_clear()
        self._file.close()

    def take(self, lineage: UUID) -> "ConversationRecord":
        """What is on record of one conversation, which is then no longer among the rest."""
        name, count = str(lineage), len(self._lineages)
        place = bisect_left(range(count), name, key=lambda n: self._lineages[n].as_py())
        if place == count or self._lineages[place].as_py() != name or not self._untaken[place]:
            return ConversationRecord([])
        self._untaken[place] = 0
        return self._read(place)

    def rest(self) -> Iterator["ConversationRecord"]:
        """Of conversations that nobody took: their rows are no longer in the specs."""
        for place, untaken in enumerate(self._untaken):
            if untaken:
                yield self._read(place)

    def _read(self, place: int) -> "ConversationRecord":
        start = self._ends[place - 1].as_py() if place else 0
        numbers = self._order[start : self._ends[place].as_py()].to_pylist()
        return ConversationRecord([self._row(number) for number in numbers])

    def _row(self, number: int) -> Row:
        at = bisect_right(self._starts, number) - 1
        (row,) = rows_of(self._batch(at).slice(number - self._starts[at], 1))
        return row


def _index(path: Path) -> tuple[pa.Array, pa.Array, pa.Array]:
    """The conversations in order, where the rows of each end in that order, and the numbers of the rows."""
    with open_file(path) as table:
        column = table.read(["lineage_id"]).column(0).combine_chunks()
    order = pc.sort_indices(column)  # stable: a conversation's rows stay in order
    runs = pc.run_end_encode(column.take(order))
    return runs.values, runs.run_ends, order


def _spread(path: Path) -> tuple[BinaryIO, list[int]]:
    """The rows so that any can be read by itself, and which of them is the first of each batch."""
    starts: list[int] = []
    rows = 0
    with ExitStack() as on_failure:
        file = on_failure.enter_context(tempfile.TemporaryFile(dir=path.parent))
        with open_file(path) as table, pa.ipc.new_file(file, table.schema_arrow) as out:
            for batch in table.iter_batches(_ROWS):
                out.write_batch(batch)
                starts.append(rows)
                rows += len(batch)
        file.flush()
        on_failure.pop_all()
    return file, starts


class ConversationRecord:
    """The attempts of one conversation, and what the tools gave that they called."""

    def __init__(self, rows: list[Row]) -> None:
        self.attempts = [row for row in rows if row.get("tool_name") is None]
        self.tool_runs = [row for row in rows if row.get("tool_name") is not None]
        self._attempts = _by_request(self.attempts)
        self._tool_runs = _by_request(self.tool_runs)

    def settled(self, request: PreparedRequest) -> Attempt | None:
        """The attempt that decided a request: its answer if it has one, else the last failure."""
        mine = self._attempts[str(request.key)]
        if not mine:
            return None
        row = max(mine, key=lambda row: (_answered(row), row["sent_at"]))
        return _attempt(row, first_sent_at=min(row["sent_at"] for row in mine))

    def results(self, request: PreparedRequest) -> dict[str, RecordedResult]:
        """What the tools gave that its answer called, by the calls' ids."""
        return {
            row["tool_call_id"]: RecordedResult(row["result"], row["error_message"] is not None)
            for row in self._tool_runs[str(request.key)]
        }


def _by_request(rows: list[Row]) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["request_key"]].append(row)
    return found


def _answered(row: Row) -> bool:
    """Whether an answer came, and not an error in the shape of one."""
    if row["status_code"] is None or not 200 <= row["status_code"] < 300:
        return False
    return error_within(row["response_body"] or "") is None


def _attempt(row: Row, *, first_sent_at: datetime) -> Attempt:
    unanswered = row["status_code"] is None
    return Attempt(
        number=row["attempt"],
        status=row["status_code"],
        body=row["response_body"],
        error=ErrorClass(row["error_class"]) if unanswered else None,
        error_message=row["error_message"] if unanswered else None,
        provider_request_id=row["provider_request_id"],
        first_sent_at=first_sent_at,
        finished_at=row["finished_at"] or row["sent_at"],
        provider_cost_usd=row.get("provider_cost_usd"),
    )
