"""The request table: its columns, and reading and writing it in bounded memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from minference_core.errors import DiskError, NotMadeYet
from minference_core.parquet import open_file, rows_of, write_rows

__all__ = ["REQUESTS", "only_failures", "planned_from", "read_requests", "write_requests"]

_ROWS_AT_A_TIME = 500

REQUESTS = pa.schema(
    [
        ("request_key", pa.string()),
        ("thread_key", pa.string()),
        ("sample", pa.int32()),
        ("generation", pa.int32()),
        ("lineage_id", pa.string()),
        ("thread_id", pa.string()),
        ("in_thread_id", pa.string()),
        ("client", pa.string()),
        ("model", pa.string()),
        ("url_path", pa.string()),
        ("headers", pa.string()),
        ("body", pa.string()),
        ("turn", pa.int32()),
        ("turns", pa.int32()),
        ("estimated_prompt_tokens", pa.int64()),
        ("most_prompt_tokens", pa.int64()),
        ("max_output_tokens", pa.int64()),
        ("cost_low_usd", pa.decimal128(18, 9)),
        ("cost_high_usd", pa.decimal128(18, 9)),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("file", pa.string()),
        ("row", pa.int64()),
        ("spec_hash", pa.string()),
    ]
)


_ONLY_FAILURES = b"minference.only_failures"
_FINGERPRINT = b"minference.specs.2"  # the number is the columns': an older table is one of someone else's


def write_requests(
    target: Path, rows: Iterable[dict[str, Any]], *, fingerprint: str, only_failures: bool = False
) -> None:
    """
    Write the table; an older one stays until the new one is whole.

    Args:
        fingerprint: The specs' and defaults' it was made from; a run refuses a table of others.
        only_failures: Whether a run is to leave alone what is not `new`.

    Raises:
        DiskError: It cannot be written.
    """
    said = {_FINGERPRINT: fingerprint.encode(), _ONLY_FAILURES: b"yes" if only_failures else b""}
    try:
        write_rows(target, REQUESTS.with_metadata(said), rows)
    except OSError as exc:
        raise DiskError(target, exc, "Nothing was sent") from exc


def planned_from(path: Path) -> str:
    """
    The fingerprint of the specs that the table was made from; "" for a table of someone else's.

    Raises:
        NotMadeYet: There is no table.
    """
    if not path.exists():
        raise NotMadeYet(path, "requests")
    return _said(path).get(_FINGERPRINT, b"").decode()


def only_failures(path: Path) -> bool:
    """Whether a run is to leave alone what the table does not call new."""
    return bool(_said(path).get(_ONLY_FAILURES))


def _said(path: Path) -> dict[bytes, bytes]:
    return pq.read_schema(path).metadata or {}


def read_requests(path: Path, columns: list[str], *, client: str | None = None) -> Iterator[dict[str, Any]]:
    """
    Some columns of every row, in order, a few hundred in memory at a time.

    Args:
        client: Only of the rows that are to be sent to it.
    """
    with open_file(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=columns):
            yield from rows_of(batch if client is None else batch.filter(_sent_to(client, batch)))


def _sent_to(client: str, batch: pa.RecordBatch) -> pa.BooleanArray:
    is_valid = pc.not_equal(batch.column("state"), "invalid")
    return pc.and_(pc.equal(batch.column("client"), client), is_valid)
