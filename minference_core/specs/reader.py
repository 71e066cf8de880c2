"""
Spec files to rows, streaming: a bad row is a row with a problem, a bad file is an error.
"""

import difflib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from minference_core.errors import SpecError
from minference_core.parquet import open_file, rows_of
from minference_core.specs.columns import META_PREFIX, SPEC_COLUMNS, ThreadSpec, explain
from minference_core.specs.source import SpecSource, spec_files
from minference_core.specs.tools import ToolSet
from minference_core.tools import StructuredTool

__all__ = [
    "RowProblem",
    "RowReader",
    "SpecCells",
    "SpecReport",
    "SpecRow",
    "inspect_specs",
    "read_cells",
    "read_rows",
]

_ROWS_AT_A_TIME = 1_000
_UNREADABLE = "\0unreadable"  # no Parquet column is called that
_UNIQUE = "(keys are unique in a partition: rename one, or use samples to ask the same thing again)"
_FEWEST_SLOTS = 1_024
# What a row says, and how often; all else is how it is asked.
_SAID = frozenset(
    {"thread_key", "prompt", "user_turns", "messages", "images", "system_prompt", "samples", "past"}
)
# What a dataset says, and no row.
_NO_COLUMNS = {"tools_module", "prices"}
# Defaults that are meant for the default client's model, and would be another's undoing.
_OF_THE_CLIENT = frozenset(
    {"model", "temperature", "top_p", "seed", "stop", "reasoning_effort", "extra_body", "api"}
)
# And those that are meant for the default format.
_OF_THE_FORMAT = frozenset({"tools", "forced_output", "output_schema"})


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row cannot be run; `row` counts from 1 in its file."""

    file: str
    row: int
    thread_key: str | None
    reason: str

    def __str__(self) -> str:
        return f"{self.file} row {self.row} (thread_key {self.thread_key!r}): {self.reason}"


@dataclass(frozen=True, slots=True)
class SpecRow:
    """One row: a spec, or the problem that kept it from being one."""

    file: str
    row: int
    spec: ThreadSpec | None
    problem: RowProblem | None = None
    hash: str = ""  # of its cells


class SpecCells(NamedTuple):
    """One row as it is in its file, not looked at yet; `row` counts from 1."""

    file: str
    row: int
    cells: dict[str, Any]

    @property
    def hash(self) -> str:
        """The same while the row says the same."""
        return blake2b(_as_bytes(self.cells), digest_size=16).hexdigest()

    def asked_alike(self) -> bytes:
        """The same for rows that differ in nothing but their key and what is said in them."""
        return _as_bytes(
            {
                name: value
                for name, value in self.cells.items()
                if value is not None and name not in _SAID and not name.startswith(META_PREFIX)
            }
        )


def _as_bytes(cells: dict[str, Any]) -> bytes:
    return orjson.dumps(cells, default=repr)


@dataclass(frozen=True, slots=True)
class SpecReport:
    """What a partition's spec files hold."""

    files: int
    rows: int
    valid: int
    conversations: int
    invalid: tuple[RowProblem, ...]


def read_rows(source: SpecSource) -> Iterator[SpecRow]:
    """
    Every row of the partition, in file and row order, a thousand in memory at a time.

    Raises:
        SpecError: The folder is missing or empty, or a file is unreadable, empty, or has a column
            nobody knows; the message names the file.
    """
    reader, taken = RowReader(source), _KeysTaken(source)
    for cells in read_cells(source):
        row = reader.read(cells)
        if row.spec is not None and (earlier := taken.take(row.spec.thread_key, cells)) is not None:
            row = _bad(
                cells, f"column thread_key is {row.spec.thread_key!r}: already used in {earlier} {_UNIQUE}"
            )
        yield row


def read_cells(source: SpecSource) -> Iterator[SpecCells]:
    """
    The same, as it is in the files.

    Raises:
        SpecError: As `read_rows`.
    """
    for path in spec_files(source.folder):
        with _opened(path) as file:
            for row, cells in enumerate(_records(path, file), start=1):
                yield SpecCells(path.name, row, cells)


def inspect_specs(source: SpecSource) -> SpecReport:
    """
    Count and check everything, spend nothing.

    Raises:
        SpecError: As `read_rows`.
    """
    rows = conversations = 0
    invalid: list[RowProblem] = []
    for row in read_rows(source):
        rows += 1
        if row.spec is not None:
            conversations += row.spec.samples
        if row.problem is not None:
            invalid.append(row.problem)
    return SpecReport(
        files=len(spec_files(source.folder)),
        rows=rows,
        valid=rows - len(invalid),
        conversations=conversations,
        invalid=tuple(invalid),
    )


def _opened(path: Path) -> pq.ParquetFile:
    try:
        file = open_file(path)
    except (pa.ArrowInvalid, OSError) as exc:
        raise SpecError(f"{path} cannot be read as Parquet: {exc}. Write it again, or remove it") from exc
    if file.metadata.num_rows == 0:
        raise SpecError(f"{path} has no rows: write it again, or remove it")
    _check_columns(path, file.schema_arrow.names)
    return file


def _check_columns(path: Path, names: list[str]) -> None:
    unknown = [name for name in names if name not in SPEC_COLUMNS and not name.startswith(META_PREFIX)]
    if unknown:
        hints = {name: difflib.get_close_matches(name, SPEC_COLUMNS, n=1) for name in unknown}
        said = ", ".join(
            f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else "") for name, near in hints.items()
        )
        raise SpecError(
            f"{path} has unknown columns: {said}. Rename them, or prefix them with {META_PREFIX!r}"
        )
    if "thread_key" not in names:
        raise SpecError(f"{path} has no column 'thread_key': add one that is unique in the partition")


def _records(path: Path, file: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    try:
        for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME):
            yield from _cells(_with_times_as_text(batch))
    except (pa.ArrowInvalid, OSError) as exc:
        raise SpecError(f"{path} is damaged: {exc}. Write it again, or remove it") from exc


def _with_times_as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Python's times hold no nanoseconds and no year 10000; a text holds any."""
    columns = [
        column.cast(pa.string()) if pa.types.is_temporal(column.type) else column for column in batch.columns
    ]
    return pa.record_batch(columns, names=batch.schema.names)


def _cells(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows as Python values; one that cannot be is its key, if that can be read, and the reason."""
    try:
        return list(rows_of(batch))
    except (ValueError, OverflowError):
        return [_row_by_itself(batch.slice(row, 1)) for row in range(batch.num_rows)]


def _row_by_itself(batch: pa.RecordBatch) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            cells[name] = column[0].as_py()
        except (ValueError, OverflowError) as exc:
            cells[_UNREADABLE] = f"column {name} cannot be read: {exc} (write it again in another type)"
    return cells


class RowReader:
    """Makes specs of rows, each by itself: that keys are unique is `read_rows`'s to see to."""

    def __init__(self, source: SpecSource) -> None:
        self._defaults = source.defaults.model_dump(exclude_none=True, exclude=_NO_COLUMNS)
        self._tools = source.tools

    def read(self, cells: SpecCells) -> SpecRow:
        """The spec that a row is, or why it is none."""
        given = {name: value for name, value in cells.cells.items() if value is not None and value != []}
        meta = {name: given.pop(name) for name in list(given) if name.startswith(META_PREFIX)}
        if _UNREADABLE in given:
            return _bad(cells, given[_UNREADABLE])
        try:
            spec = ThreadSpec.model_validate({**self._defaults_for(given), **given, "meta": meta})
        except ValidationError as exc:
            return _bad(cells, explain(exc))
        if (problem := _tool_problem(spec, self._tools)) is not None:
            return _bad(cells, problem)
        return SpecRow(cells.file, cells.row, spec, hash=cells.hash)

    def _defaults_for(self, given: dict[str, Any]) -> dict[str, Any]:
        """Without those that are meant for another client, format or output than the row's own."""
        if "past" in given:  # a fork says itself all of how it is asked
            return {}
        defaults = self._defaults
        if given.get("client", defaults.get("client")) != defaults.get("client"):
            defaults = {name: value for name, value in defaults.items() if name not in _OF_THE_CLIENT}
        if given.get("response_format", defaults.get("response_format")) != defaults.get("response_format"):
            defaults = {name: value for name, value in defaults.items() if name not in _OF_THE_FORMAT}
        for own, other in (("forced_output", "output_schema"), ("output_schema", "forced_output")):
            if own in given:
                defaults = {name: value for name, value in defaults.items() if name != other}
        return defaults


def _bad(cells: SpecCells, reason: str) -> SpecRow:
    key = cells.cells.get("thread_key")
    problem = RowProblem(cells.file, cells.row, None if key in (None, []) else str(key), reason)
    return SpecRow(cells.file, cells.row, None, problem, cells.hash)


class _KeysTaken:
    """
    The keys of the rows so far, in 16 to 32 bytes each: a partition may have millions.

    Which row has which is found out once one comes twice.
    """

    def __init__(self, source: SpecSource) -> None:
        self._source = source
        self._slots = array("Q", bytes(8 * _FEWEST_SLOTS))  # open addressing; 0 is a free one
        self._taken = 0
        self._rows: dict[str, str] | None = None

    def take(self, key: str, cells: SpecCells) -> str | None:
        """Note a row's key; where it was used before, if it was."""
        if self._rows is None:
            if not self._is_known(key):
                return None
            self._rows = self._rows_before(cells)
        if (earlier := self._rows.get(key)) is None:
            self._rows[key] = f"{cells.file} row {cells.row}"
        return earlier

    def _is_known(self, key: str) -> bool:
        """Whether a key, or in a case in millions of millions another of its hash, was noted; notes it."""
        mark = int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()) or 1
        at = self._place(mark)
        if self._slots[at]:
            return True
        self._slots[at] = mark
        self._taken += 1
        if 2 * self._taken > len(self._slots):
            self._grow()
        return False

    def _place(self, mark: int) -> int:
        """Where a mark is, or would be."""
        slots, last = self._slots, len(self._slots) - 1
        at = mark & last
        while slots[at] not in (0, mark):
            at = (at + 1) & last
        return at

    def _grow(self) -> None:
        marks, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for mark in filter(None, marks):
            self._slots[self._place(mark)] = mark

    def _rows_before(self, cells: SpecCells) -> dict[str, str]:
        reader = RowReader(self._source)
        rows: dict[str, str] = {}
        for earlier in read_cells(self._source):
            if (earlier.file, earlier.row) == (cells.file, cells.row):
                break
            if (spec := reader.read(earlier).spec) is not None:
                rows.setdefault(spec.thread_key, f"{earlier.file} row {earlier.row}")
        return rows


def _tool_problem(spec: ThreadSpec, tools: ToolSet) -> str | None:
    """Why the tools that a row names cannot be used; None if they can."""
    named = [(f"tools[{place}]", name) for place, name in enumerate(spec.tools or ())]
    if spec.forced_output is not None:
        named.append(("forced_output", spec.forced_output))
    there = ", ".join(tools.tools) or "none: name its module in tools_module"
    for column, name in named:
        if tools.kind(name) is None:
            return (
                f"column {column} is {name!r}: the dataset registers no tool of that name (there are {there})"
            )
    if spec.response_format == "structured_output" and spec.forced_output is not None:
        kind = tools.kind(spec.forced_output)
        if kind is not StructuredTool:
            return (
                f"column forced_output is {spec.forced_output!r}: that is a function, and structured_output "
                f"takes a schema (use response_format tool)"
            )
    return None
