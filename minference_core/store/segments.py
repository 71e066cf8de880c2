"""
Segments: what one materialization adds to the store, as a folder in the inbox.

A segment is written aside and renamed into the inbox, so it is there whole or not at all. Any number
of processes write segments at once, without a lock. Taking them into DuckDB is `fold.py`'s.
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from minference_core.errors import DiskError, StoreError
from minference_core.store.files import fsync
from minference_core.store.tables import KEYS, OF_THE_STORE, SCHEMAS

__all__ = [
    "SEGMENT_ROWS",
    "Segment",
    "discard",
    "read_segment",
    "reject",
    "rejected",
    "size_of",
    "sweep",
    "waiting",
    "write_segment",
]

# One DuckDB row group: larger transactions leave a third of the file as free blocks.
SEGMENT_ROWS = 120_000

# What a fold holds in memory of a segment at any time, however long its texts are.
_PIECE_BYTES = 32 * 1024 * 1024
_MANIFEST = "segment.json"
_ASIDE = ".tmp-"
_REJECTED = ".rejected-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,199}")
_NAMED_AGAIN = re.compile(r"-again-[0-9a-f]{8}$")
# A writer that takes longer than this to write one segment is taken for dead.
_STALE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as found in the inbox, its files opened and checked; the rows are read in pieces."""

    name: str
    mat_id: UUID
    files: Mapping[str, pq.ParquetFile]

    @property
    def rows(self) -> int:
        return sum(file.metadata.num_rows for file in self.files.values())

    def pieces(self, table: str) -> Iterator[pa.Table]:
        """
        The rows of one table in key order, a few megabytes at a time.

        Raises:
            StoreError: A page is damaged.
        """
        file = self.files[table]
        for piece in range(file.num_row_groups):
            try:
                rows = file.read_row_group(piece)
            except (OSError, pa.ArrowException) as error:
                raise StoreError(f"segment {self.name} cannot be read: {table}: {error}") from error
            yield rows

    def close(self) -> None:
        for file in self.files.values():
            file.close()


def write_segment(inbox: Path, name: str, mat_id: UUID, tables: Mapping[str, pa.Table]) -> Path:
    """
    Put a segment into the inbox, durably and all at once; nothing happens if it waits there already.

    Args:
        inbox: Made if it is not there.
        name: Derived from what the segment holds, so that making it again gives the same name.
        mat_id: The materialization it belongs to, recorded when it is folded.
        tables: At most `SEGMENT_ROWS` rows each, in any order; a row given twice is kept once.

    Returns:
        The segment's folder.

    Raises:
        StoreError: A name, a column or a row count that no store can take.
        DiskError: It cannot be written; nothing of it is in the inbox.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(f"a segment cannot be called {name!r}: use letters, digits and . _ = + -")
    target = inbox / name
    if target.exists():
        return target
    ready = {table: _ready(table, rows) for table, rows in tables.items() if rows.num_rows}
    aside = inbox / f"{_ASIDE}{name[:100]}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        aside.mkdir(parents=True)
        _write_files(aside, mat_id, ready)
        _commit(aside, target)
    except OSError as exc:
        raise DiskError(target, exc, "What it is made of, and every segment before it, is kept") from exc
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def waiting(inbox: Path) -> list[Path]:
    """The segments in the inbox, in name order."""
    if not inbox.exists():
        return []
    return sorted(folder for folder in inbox.iterdir() if folder.is_dir() and folder.name[0] != ".")


def read_segment(folder: Path) -> Segment:
    """
    Open a segment and check it against its manifest and the tables' schemas.

    Raises:
        StoreError: It is not what `write_segment` left there.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        files = {table: _open_file(folder, table, rows) for table, rows in manifest["rows"].items()}
        return Segment(folder.name, UUID(manifest["mat_id"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise StoreError(f"segment {folder.name} cannot be read: {error}") from error


def size_of(folder: Path) -> int | None:
    """Bytes that the segment's rows take in memory; None if it does not say."""
    try:
        return int(json.loads((folder / _MANIFEST).read_bytes())["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def discard(folder: Path) -> None:
    """Remove a segment that is in the store; what a crash leaves of it is swept later."""
    aside = folder.with_name(f"{_ASIDE}{folder.name[:100]}-{os.getpid()}-{secrets.token_hex(4)}")
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def reject(folder: Path) -> Path:
    """Move a segment out of the way, whole, and say where to."""
    target = folder.with_name(f"{_REJECTED}{folder.name}")
    if target.exists():
        target = folder.with_name(f"{target.name}-again-{secrets.token_hex(4)}")
    folder.rename(target)
    return target


def rejected(inbox: Path) -> list[tuple[Path, str]]:
    """The segments that were moved out of the way, each with the name it had."""
    folders = sorted(inbox.glob(f"{_REJECTED}*"))
    return [(folder, _NAMED_AGAIN.sub("", folder.name.removeprefix(_REJECTED))) for folder in folders]


def sweep(inbox: Path) -> None:
    """Remove what writers left that died more than an hour ago."""
    for folder in inbox.glob(f"{_ASIDE}*"):
        try:
            age_s = time.time() - folder.stat().st_mtime
        except FileNotFoundError:
            continue  # its writer has just renamed it
        if age_s > _STALE_S:
            shutil.rmtree(folder, ignore_errors=True)


def _ready(name: str, rows: pa.Table) -> pa.Table:
    """The rows as the store takes them: its columns, in key order, none twice."""
    if name not in SCHEMAS or name in OF_THE_STORE:
        possible = ", ".join(table for table in SCHEMAS if table not in OF_THE_STORE)
        raise StoreError(f"a segment has no table {name}: {possible}")
    schema = SCHEMAS[name]
    if rows.num_rows > SEGMENT_ROWS:
        raise StoreError(f"{rows.num_rows} rows of {name} in one segment: write several, of {SEGMENT_ROWS}")
    try:
        fitting = rows.select(schema.names).cast(schema)
    except (KeyError, ValueError, pa.ArrowException) as error:
        raise StoreError(f"these are not rows of {name}: {error}") from error
    empty = [field.name for field in schema if not field.nullable and fitting.column(field.name).null_count]
    if empty:
        raise StoreError(f"rows of {name} without {', '.join(empty)}")
    return _distinct(fitting, KEYS[name])


def _distinct(rows: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    # Arrow neither sorts nor groups UUIDs, but does both with the bytes they are kept in.
    stored = pa.table({key: _storage(rows.column(key)) for key in keys})
    stored = stored.append_column("row", pa.array(range(rows.num_rows), pa.int64()))
    first = stored.group_by(list(keys), use_threads=False).aggregate([("row", "min")])
    order = pc.sort_indices(first, sort_keys=[(key, "ascending") for key in keys])
    return rows.take(first.column("row_min").take(order))


def _storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def _write_files(folder: Path, mat_id: UUID, tables: Mapping[str, pa.Table]) -> None:
    for name, rows in tables.items():
        path = folder / f"{name}.parquet"
        piece = max(1, rows.num_rows * _PIECE_BYTES // max(rows.nbytes, 1))
        # Checksums, so that a damaged page is found when it is read and not when somebody reads the text.
        pq.write_table(rows, path, compression="zstd", write_page_checksum=True, row_group_size=piece)
        fsync(path)
    manifest = {
        "mat_id": str(mat_id),
        "rows": {name: rows.num_rows for name, rows in tables.items()},
        "bytes": sum(rows.nbytes for rows in tables.values()),
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))
    fsync(folder / _MANIFEST)
    fsync(folder)


def _commit(aside: Path, target: Path) -> None:
    try:
        aside.rename(target)
    except OSError:
        if not target.exists():
            raise
        return  # another writer made the same segment first
    fsync(target.parent)


def _open_file(folder: Path, name: str, rows: int) -> pq.ParquetFile:
    file = pq.ParquetFile(folder / f"{name}.parquet", page_checksum_verification=True, pre_buffer=False)
    if not _fits(file.schema_arrow, SCHEMAS[name]):
        raise ValueError(f"{name}.parquet has other columns than the table")
    if file.metadata.num_rows != rows:
        raise ValueError(f"{name}.parquet has {file.metadata.num_rows} rows, not {rows}")
    return file


def _fits(given: pa.Schema, wanted: pa.Schema) -> bool:
    """Whether a file can be taken in; one of an earlier schema may lack columns that may be null."""
    columns = {field.name: field for field in given}
    known = len(columns) == len(given) and columns.keys() <= set(wanted.names)
    return known and all(_fits_column(columns.get(field.name), field) for field in wanted)


def _fits_column(given: pa.Field | None, wanted: pa.Field) -> bool:
    if given is None:
        return bool(wanted.nullable)
    return bool(given.type == wanted.type and (wanted.nullable or not given.nullable))
