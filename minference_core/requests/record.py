"""
The table of exchanges, read back: every attempt of a partition by the conversation it belongs to.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from minference_core.errors import ErrorClass, NotMadeYet
from minference_core.requests.outcome import Attempt
from minference_core.requests.prepare import PreparedRequest

__all__ = ["ExchangeRecord", "settling"]

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
        starts = [0, *ends[:-1]]
        self._spans = {
            lineage: (start, end - start)
            for lineage, start, end in zip(runs.values.to_pylist(), starts, ends, strict=True)
        }

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def take(self, lineage: UUID) -> list[Row]:
        """One conversation's attempts, which are then no longer among the rest."""
        span = self._spans.pop(str(lineage), None)
        return [] if span is None else self._table.slice(*span).to_pylist()

    def rest(self) -> Iterator[Row]:
        """The attempts of conversations that nobody took: their rows are no longer in the specs."""
        for span in self._spans.values():
            yield from self._table.slice(*span).to_pylist()


def settling(rows: list[Row], request: PreparedRequest) -> Attempt | None:
    """The attempt that decided a request: its answer if it has one, else the last failure."""
    mine = [row for row in rows if row["request_key"] == str(request.key)]
    if not mine:
        return None
    row = max(mine, key=lambda row: (_answered(row), row["sent_at"]))
    return _attempt(row, first_sent_at=min(row["sent_at"] for row in mine))


def _answered(row: Row) -> bool:
    return row["status_code"] is not None and 200 <= row["status_code"] < 300


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
    )
