"""
Answers to the same requests in a dataset's other partitions, by their tables of exchanges.

No journal is read, and of a table only the columns of keys, but for the conversations that match. A later
turn can only have been asked in a conversation whose first request was the same.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from minference_core.parquet import open_file

__all__ = ["answered_in", "first_requests"]

_ROWS_AT_A_TIME = 20_000
_KEYS = ["request_key", "lineage_id", "status_code", "simulated"]
_ANSWER = [*_KEYS, "attempt", "run_id", "response_body", "provider_request_id"]


def first_requests(keys: pa.Array, tables: Iterable[Path], *, simulated: bool) -> dict[str, dict[Path, str]]:
    """
    Which of some requests were answered, and in which conversation.

    Args:
        keys: Request keys, as text.
        tables: Tables of exchanges; one that is not there has none.
        simulated: Whether the simulator's answers are meant, or all others.

    Returns:
        By request key, the table and the conversation's lineage.
    """
    found: dict[str, dict[Path, str]] = {}
    for path in tables:
        for batch in _answers(path, _KEYS, simulated):
            mine = batch.filter(pc.is_in(batch.column("request_key"), keys))
            for row in mine.select(["request_key", "lineage_id"]).to_pylist():
                found.setdefault(row["request_key"], {path: row["lineage_id"]})
    return found


def answered_in(found: dict[str, dict[Path, str]], *, simulated: bool) -> Iterator[dict[str, Any]]:
    """
    Every answer in the conversations that were found, its partition beside it.

    Args:
        found: As `first_requests` gives it.
    """
    wanted: dict[Path, set[str]] = {}
    for places in found.values():
        for path, lineage in places.items():
            wanted.setdefault(path, set()).add(lineage)
    for path, lineages in wanted.items():
        those = pa.array(sorted(lineages), pa.string())
        for batch in _answers(path, _ANSWER, simulated):
            mine = batch.filter(pc.is_in(batch.column("lineage_id"), those))
            yield from ({**row, "partition": path.stem} for row in mine.to_pylist())


def _answers(path: Path, columns: list[str], simulated: bool) -> Iterator[pa.RecordBatch]:  # noqa: FBT001
    try:
        with open_file(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=columns):
                status = batch.column("status_code")
                answered = pc.and_(pc.greater_equal(status, 200), pc.less(status, 300))
                asked = pc.equal(batch.column("simulated"), simulated)
                yield batch.filter(pc.and_(answered, asked))
    except (OSError, pa.ArrowInvalid):  # none yet, or a damaged one, which its partition's next run replaces
        return
