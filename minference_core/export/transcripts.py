"""Specs and exchanges to transcripts: one row per conversation, as Parquet and as JSON Lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import pyarrow as pa

from minference_core import ids
from minference_core.errors import DiskError
from minference_core.parquet import aside, write_rows
from minference_core.providers import Unsupported
from minference_core.requests import ExchangeRecord, Step, replay
from minference_core.specs import SpecSource, ThreadSpec, read_conversations
from minference_core.threads import ChatMessage, Conversation, MessageRole

__all__ = ["TRANSCRIPTS", "TranscriptReport", "write_transcripts"]

_MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("tool_calls", pa.string()),  # [{"id", "name", "arguments"}]
        ("tool_call_id", pa.string()),
        ("images", pa.list_(pa.string())),  # addresses and data URIs
    ]
)
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
        ("messages", pa.list_(_MESSAGE)),
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
        DiskError: The folder cannot be written; older files there stay as they are.
    """
    tables = target_folder / f"{source.partition.key}.parquet"
    lines = target_folder / f"{source.partition.key}.jsonl"
    complete = 0

    def also_as_lines(text: BinaryIO) -> Iterator[dict[str, Any]]:
        nonlocal complete
        with ExchangeRecord(exchanges) as record:
            for row in _rows(source, record):
                text.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                complete += row["complete"]
                yield row

    try:
        with aside(lines) as partial, partial.open("wb") as text:
            threads = write_rows(tables, TRANSCRIPTS, also_as_lines(text))
    except OSError as exc:
        raise DiskError(target_folder, exc, "Every answer is in the table of exchanges") from exc
    return TranscriptReport(threads, complete, (tables, lines))


def _rows(source: SpecSource, record: ExchangeRecord) -> Iterator[dict[str, Any]]:
    for row, conversation in read_conversations(source):
        if conversation is None or row.spec is None:
            continue
        steps = replay(conversation, record.take(conversation.thread.lineage_id))
        try:
            yield _row(source, conversation, steps, row.spec)
        except Unsupported:
            continue


def _row(source: SpecSource, given: Conversation, steps: Iterator[Step], spec: ThreadSpec) -> dict[str, Any]:
    thread, last = given.thread, None
    for last in steps:
        thread = last.after.thread if last.attempt is not None else thread
    said = [_said(message) for message in thread.history]
    if thread.system_prompt is not None:
        said.insert(0, _message("system", thread.system_prompt.content))
    output = None if last is None or last.json_object is None else ids.json_text(last.json_object)
    return {
        "dataset": source.partition.dataset,
        "partition_key": source.partition.key,
        "thread_key": given.thread_key,
        "sample": given.sample,
        "generation": given.generation if last is None else last.request.conversation.generation,
        "lineage_id": str(thread.lineage_id),
        "thread_id": str(thread.id),
        "client": thread.llm_config.client,
        "model": thread.llm_config.model,
        "complete": last is None or last.is_complete,
        "error_class": last.after.failed if last else None,
        "messages": said,
        "output": output,
        "meta": spec.meta_json,
    }


def _said(message: ChatMessage) -> dict[str, Any]:
    calls = [{"id": call.call_id, "name": call.name, "arguments": call.arguments} for call in message.calls]
    return {
        **_message(message.role, message.content),
        "tool_calls": ids.json_text(calls) if calls else None,
        "tool_call_id": message.oai_tool_call_id if message.role == MessageRole.tool else None,
        "images": [image.as_url for image in message.images] if message.images else None,
    }


def _message(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": content, "tool_calls": None, "tool_call_id": None, "images": None}
