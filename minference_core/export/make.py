"""
Making an export: chosen conversations of one published store, as the files of a format.

One read-only connection sees one state of the store. Rows are written as they come, and nothing is in
its place before all files are whole: the manifest comes last.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from minference_core.errors import ConfigError, DiskError, ExportError, StoreError
from minference_core.export.conversation import Conversation, Unfit
from minference_core.export.files import VERSIONS, Places, Rows, sha256_of, writing
from minference_core.export.formats import Format, format_named
from minference_core.export.manifest import (
    FileEntry,
    Manifest,
    Selected,
    read_manifest,
    store_state,
    write_manifest,
)
from minference_core.export.reading import conversations
from minference_core.export.selection import Selection, choose, choose_again, left_out
from minference_core.export.splits import NO_SPLITS, Splits
from minference_core.parquet import aside
from minference_core.store import connect

__all__ = ["ExportOrder", "ExportReport", "export", "export_again"]

# What does not fit is sorted on disk, beside the files.
_MEMORY = "1GB"
_PREVIEWED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOrder:
    """
    What is to be exported, and how.

    Attributes:
        format: One of `FORMATS`.
        reasoning: Whether what the models thought is in it; None wherever the format has a place for it.

    Raises:
        ConfigError: There is no such format, or it cannot have reasoning.
    """

    format: str
    selection: Selection
    reasoning: bool | None = None
    splits: Splits = NO_SPLITS

    def __post_init__(self) -> None:
        form = format_named(self.format)
        if self.reasoning and not form.has_reasoning:
            raise ConfigError(f"the format {self.format} has no place for reasoning: leave it out")

    @property
    def has_reasoning(self) -> bool:
        return format_named(self.format).has_reasoning if self.reasoning is None else self.reasoning


@dataclass(frozen=True, slots=True)
class ExportReport:
    """
    What was exported.

    Attributes:
        preview: Its first conversations, each as how it begins and ends.
        changed: Files whose bytes are not those that the manifest they were made again from names.
    """

    manifest: Manifest
    places: Places
    preview: tuple[Mapping[str, Any], ...]
    changed: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(self.places.target.with_name(entry.file) for entry in self.manifest.files)


def export(store: Path, order: ExportOrder, target: Path, *, may_be_empty: bool = False) -> ExportReport:
    """
    Export what is selected; the same order of the same store makes the same bytes.

    Args:
        store: The published file.
        target: The file to be; what belongs to it is beside it.
        may_be_empty: Whether to write an export that nothing is left of.

    Raises:
        ConfigError: The order cannot be understood: no such format, dataset, partition or column.
        ExportError: Nothing is left of it.
        StoreError: There is no store, or it cannot be read.
        DiskError: The files cannot be written; older ones there stay as they are.
    """
    form = format_named(order.format)
    _check_ending(target, order.format, form)
    with _reading(store, target) as connection:
        choose(connection, order.selection, order.splits)
        reasons = left_out(connection)
        selected = asdict(order.selection) | {"partitions": [*order.selection.partitions]}
        written = _Written(
            order.format, form, order.has_reasoning, order.splits, Selected(**selected), Counter(reasons)
        )
        return written.to(target, connection, may_be_empty=may_be_empty)


def export_again(store: Path, manifest_file: Path, target: Path | None = None) -> ExportReport:
    """
    Make an export again from exactly the versions it had, whatever was added to the store since.

    Args:
        target: The file to be; beside the manifest under its old name if not said.

    Raises:
        ConfigError: That is no manifest.
        ExportError: The store does not have all of its versions, or the list of them is gone.
        StoreError: There is no store, or it cannot be read.
        DiskError: The files cannot be written; older ones there stay as they are.
    """
    before = read_manifest(manifest_file)
    form, splits = format_named(before.format), Splits(before.splits)
    name = manifest_file.name.removesuffix(".manifest.json")
    target = target or manifest_file.with_name(f"{name}{form.suffix}")
    _check_ending(target, before.format, form)
    with _reading(store, target) as connection:
        choose_again(connection, manifest_file.with_name(before.versions.file), splits)
        reasons = Counter(before.left_out)
        written = _Written(before.format, form, before.reasoning, splits, before.selected, reasons)
        report = written.to(target, connection, may_be_empty=True)
    now = {entry.split: entry.sha256 for entry in report.manifest.files}
    changed = tuple(entry.file for entry in before.files if now.get(entry.split) != entry.sha256)
    return ExportReport(report.manifest, report.places, report.preview, changed)


def _check_ending(target: Path, name: str, form: Format) -> None:
    if target.suffix != form.suffix:
        raise ConfigError(f"{target.name}: a file of the format {name} ends in {form.suffix}")


@contextmanager
def _reading(store: Path, target: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".export-", dir=target.parent) as spill, connect(store) as connection:
            connection.execute(f"set memory_limit = '{_MEMORY}'")
            connection.execute("set temp_directory = $1", [spill])
            yield connection
    except OSError as error:
        raise DiskError(target.parent, error, "The store is as it was") from error
    except duckdb.Error as error:
        raise StoreError(f"{store} cannot be read: {error}") from error


@dataclass(slots=True)
class _Written:
    """An export on its way into its files."""

    format: str
    form: Format
    reasoning: bool
    splits: Splits
    selected: Selected
    left_out: Counter[str]
    rows: Counter[int] = field(default_factory=Counter)
    messages: int = 0
    reply_tokens: int = 0
    preview: list[Mapping[str, Any]] = field(default_factory=list)

    def to(self, target: Path, connection: duckdb.DuckDBPyConnection, *, may_be_empty: bool) -> ExportReport:
        places = Places(target)
        state = store_state(connection)
        files = [places.rows(split) for split in self.splits.names]
        with ExitStack() as in_place:
            # Those entered first are put into their places last.
            manifest_file, versions_file, *row_files = (
                in_place.enter_context(aside(file)) for file in (places.manifest, places.versions, *files)
            )
            self._write(row_files, versions_file, conversations(connection))
            if not self.rows and not may_be_empty:
                raise ExportError(_nothing(self.left_out))
            manifest = Manifest(
                format=self.format,
                reasoning=self.reasoning,
                splits=dict(self.splits.shares),
                selected=self.selected,
                store=state,
                code_version=installed("minference"),
                conversations=self.rows.total(),
                messages=self.messages,
                reply_tokens=self.reply_tokens,
                left_out=dict(self.left_out),
                versions=_entry(places.versions, None, self.rows.total(), versions_file),
                files=[
                    _entry(file, split, self.rows[number], partial)
                    for number, (file, split, partial) in enumerate(
                        zip(files, self.splits.names, row_files, strict=True)
                    )
                ],
            )
            write_manifest(manifest_file, manifest)
        return ExportReport(manifest, places, tuple(self.preview))

    def _write(self, row_files: list[Path], versions_file: Path, told: Iterable[Conversation]) -> None:
        columns = self.form.columns if self.form.suffix == ".parquet" else None
        with ExitStack() as opened:
            outputs = [opened.enter_context(writing(file, columns)) for file in row_files]
            versions = opened.enter_context(writing(versions_file, VERSIONS))
            for conversation in told:
                self._add(conversation, outputs[conversation.split], versions)

    def _add(self, conversation: Conversation, output: Rows, versions: Rows) -> None:
        row = self.form.row(conversation, reasoning=self.reasoning)
        if isinstance(row, Unfit):
            self.left_out[row] += 1
            return
        output.add(row)
        versions.add(
            {
                "thread_id": conversation.thread_id,
                "lineage_id": conversation.lineage_id,
                "split": self.splits.names[conversation.split],
                "error_class": conversation.error_class,
            }
        )
        self.rows[conversation.split] += 1
        self.messages += len(conversation.messages)
        self.reply_tokens += conversation.reply_tokens
        if len(self.preview) < _PREVIEWED:
            self.preview.append(_glimpse(conversation))


def _entry(file: Path, split: str | None, rows: int, partial: Path) -> FileEntry:
    return FileEntry(file=file.name, split=split, rows=rows, sha256=sha256_of(partial))


def _glimpse(conversation: Conversation) -> dict[str, Any]:
    said = conversation.messages
    return {
        "thread_key": conversation.thread_key,
        "sample": conversation.sample,
        "messages": len(said),
        "begins": said[0].content,
        "ends": said[-1].content,
    }


def _nothing(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return "nothing to export: no conversation is selected"
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    return f"nothing to export: all conversations that are selected are left out ({told})"
