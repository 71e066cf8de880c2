"""
The table of exchanges, read back: every attempt of a partition by the conversation it belongs to.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from minference_core.errors import ErrorClass, NotMadeYet
from minference_core.providers import error_within
from minference_core.requests.outcome import Attempt
from minference_core.requests.prepare import PreparedRequest
from minference_core.requests.replay import RecordedResult

__all__ = ["ConversationRecord", "ExchangeRecord"]

Row = dict[str, Any]


class ExchangeRecord:
    """One partition's exchanges; memory holds their raw bodies once."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            NotMadeYet: There are no exchanges.
        """
        if not path.exists():
            raise NotMadeYet(path, "responses")
        table = pq.read_table(path).sort_by([("lineage_id", "ascending")])
        self._table: pa.Table = table
        runs = pc.run_end_encode(table.column("lineage_id").combine_chunks())
        ends = runs.run_ends.to_pylist()
        starts = [0, *ends][:-1]
        self._spans = {
            lineage: (start, end - start)
            for lineage, start, end in zip(runs.values.to_pylist(), starts, ends, strict=True)
        }

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def take(self, lineage: UUID) -> "ConversationRecord":
        """What is on record of one conversation, which is then no longer among the rest."""
        span = self._spans.pop(str(lineage), None)
        return ConversationRecord([] if span is None else self._table.slice(*span).to_pylist())

    def rest(self) -> Iterator["ConversationRecord"]:
        """Of conversations that nobody took: their rows are no longer in the specs."""
        for span in self._spans.values():
            yield ConversationRecord(self._table.slice(*span).to_pylist())


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
