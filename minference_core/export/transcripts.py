"""Specs and exchanges to transcripts: one row per conversation, as Parquet and as JSON Lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from minference_core import ids
from minference_core.parquet import aside, write_rows
from minference_core.providers import Unsupported
from minference_core.requests import ExchangeRecord, Step, replay, settling
from minference_core.specs import SpecSource, ThreadSpec, read_conversations
from minference_core.threads import Conversation

__all__ = ["TRANSCRIPTS", "TranscriptReport", "write_transcripts"]

TRANSCRIPTS = pa.schema(
    [
        ("dataset", pa.string()),
        ("partition_key", pa.string()),
        ("thread_key", pa.string()),
        ("sample", pa.int32()),
        ("generation", pa.int32()),
        ("lineage_id", pa.string()),
        ("thread_id", pa.string()),
        ("client", pa.string()),
        ("model", pa.string()),
        ("complete", pa.bool_()),
        ("error_class", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("output", pa.string()),
        ("meta", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class TranscriptReport:
    """What was exported."""

    threads: int
    complete: int
    files: tuple[Path, ...]


def write_transcripts(source: SpecSource, *, exchanges: Path, target_folder: Path) -> TranscriptReport:
    """
    Write a partition's conversations as they stand: `<key>.parquet` and `<key>.jsonl`.

    A conversation that ended early is there too, with its `error_class` and `complete` false; what
    is not on record yet ends it, with no class.

    Raises:
        SpecError: The specs cannot be read.
        OSError: The folder cannot be written; older files there stay as they are.
    """
    tables = target_folder / f"{source.partition.key}.parquet"
    lines = target_folder / f"{source.partition.key}.jsonl"
    complete = 0

    def also_as_lines(text: BinaryIO) -> Iterator[dict[str, Any]]:
        nonlocal complete
        for row in _rows(source, ExchangeRecord(exchanges)):
            text.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            complete += row["complete"]
            yield row

    with aside(lines) as partial, partial.open("wb") as text:
        threads = write_rows(tables, TRANSCRIPTS, also_as_lines(text))
    return TranscriptReport(threads, complete, (tables, lines))


def _rows(source: SpecSource, record: ExchangeRecord) -> Iterator[dict[str, Any]]:
    for row, conversation in read_conversations(source):
        if conversation is None or row.spec is None:
            continue
        attempts = record.take(conversation.thread.lineage_id)
        try:
            yield _row(source, conversation, replay(conversation, bound(settling, attempts)), row.spec)
        except Unsupported:
            continue


def _row(source: SpecSource, given: Conversation, steps: Iterator[Step], spec: ThreadSpec) -> dict[str, Any]:
    thread, last = given.thread, None
    for last in steps:
        thread = last.after.thread if last.attempt is not None else thread
    said = [{"role": message.role, "content": message.content} for message in thread.history]
    if thread.system_prompt is not None:
        said.insert(0, {"role": "system", "content": thread.system_prompt.content})
    output = None if last is None or last.json_object is None else ids.json_text(last.json_object)
    return {
        "dataset": source.partition.dataset,
        "partition_key": source.partition.key,
        "thread_key": given.thread_key,
        "sample": given.sample,
        "generation": given.generation,
        "lineage_id": str(thread.lineage_id),
        "thread_id": str(thread.id),
        "client": thread.llm_config.client,
        "model": thread.llm_config.model,
        "complete": last is None or (last.attempt is not None and last.error is None),
        "error_class": last.error if last else None,
        "messages": said,
        "output": output,
        "meta": spec.meta_json,
    }
