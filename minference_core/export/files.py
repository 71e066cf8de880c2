"""The files of an export: where they are, and how rows get into one as they come."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["VERSIONS", "Places", "Rows", "sha256_of", "writing"]

_ROWS_AT_A_TIME = 1_000

# Which versions an export has: in the order of its rows, those of its first file first.
VERSIONS = pa.schema(
    [
        ("thread_id", pa.string()),
        ("lineage_id", pa.string()),
        ("split", pa.string()),
        ("error_class", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Places:
    """
    Where an export's files are, all beside each other.

    Attributes:
        target: Its one file; with splits, each has its name before the ending: `x-train.jsonl`.
    """

    target: Path

    def rows(self, split: str | None) -> Path:
        return self.target if split is None else self._named(f"-{split}{self.target.suffix}")

    @property
    def versions(self) -> Path:
        return self._named(".versions.parquet")

    @property
    def manifest(self) -> Path:
        return self._named(".manifest.json")

    def _named(self, ending: str) -> Path:
        return self.target.with_name(f"{self.target.stem}{ending}")


class Rows(Protocol):
    """A file that takes rows."""

    def add(self, row: Mapping[str, Any], /) -> None: ...


@contextmanager
def writing(file: Path, columns: pa.Schema | None) -> Iterator[Rows]:
    """
    Rows into a file.

    Args:
        columns: Of a Parquet file; None writes JSON lines.
    """
    if columns is None:
        with file.open("wb") as lines:
            yield _Lines(lines)
        return
    with pq.ParquetWriter(file, columns, compression="zstd") as writer:
        rows = _Parquet(writer, columns)
        yield rows
        rows.flush()


def sha256_of(file: Path) -> str:
    with file.open("rb") as read:
        return hashlib.file_digest(read, "sha256").hexdigest()


class _Lines:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, row: Mapping[str, Any]) -> None:
        self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


class _Parquet:
    def __init__(self, writer: pq.ParquetWriter, columns: pa.Schema) -> None:
        self._writer = writer
        self._columns = columns
        self._rows: list[Mapping[str, Any]] = []

    def add(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_A_TIME:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._columns))
            self._rows.clear()
