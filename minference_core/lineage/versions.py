"""
Specs and exchanges to entity versions: the conversations are walked through once more, and every
version they went through becomes a row of a segment.

Pure: the same specs and exchanges make the same rows and segments, whoever makes them and when.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from minference_core import ids
from minference_core.entities import Entity
from minference_core.errors import ErrorClass
from minference_core.lineage.rows import entity_row, exchange_row, naive_utc, thread_row, tool_run_row
from minference_core.providers import Unsupported
from minference_core.requests import ConversationRecord, ExchangeRecord, Step, replay, stamped
from minference_core.specs import SpecSource, read_conversations
from minference_core.store import write_segment
from minference_core.store.tables import table
from minference_core.threads import ChatThread, Conversation

__all__ = ["VersionReport", "write_versions"]

E = TypeVar("E", bound=Entity)

# Well under the store's row group, as one conversation's rows are added at once; and so few bytes
# of text that a fold's memory stays small whatever people write.
_SEGMENT_ROWS = 15_000
_SEGMENT_BYTES = 32_000_000
_WIDE = ("content", "reasoning", "response_body", "extra", "arguments", "result")


@dataclass(frozen=True, slots=True)
class VersionReport:
    """What a partition's versions are; all of it may have been in the store before."""

    mat_id: UUID
    threads: int
    thread_versions: int
    messages: int
    exchanges: int
    segments: tuple[str, ...]


def write_versions(
    source: SpecSource, *, exchanges: Path, inbox: Path, code_version: str, run_id: str
) -> VersionReport:
    """
    Put every version of a partition's entities into the store's inbox.

    Args:
        source: The partition's specs.
        exchanges: Its table of attempts.
        inbox: Where the store finds segments.
        code_version: Of this step; another one makes another materialization.
        run_id: Of whoever runs this.

    Raises:
        NotMadeYet: There are no exchanges.
        SpecError: The specs cannot be read.
        DiskError: There is no room beside the exchanges.
        StoreError: A segment cannot be written.
    """
    with ExchangeRecord(exchanges) as record:
        mat_id = _materialization(source, exchanges, code_version)
        writer = _SegmentWriter(inbox, mat_id)
        _PartitionRows(source, record, mat_id, writer).add_all()
    writer.add(
        "materialization",
        {
            "mat_id": mat_id,
            "dataset": source.partition.dataset,
            "asset_key": f"{source.partition.dataset}/entity_versions",
            "partition_key": source.partition.key,
            "generation": source.generation,
            "run_id": run_id,
            "code_version": code_version,
            "committed_at": naive_utc(datetime.now(UTC)),
            "n_threads": writer.counts["thread_head"],
            "n_exchanges": writer.counts["exchange"],
        },
    )
    writer.flush()
    return VersionReport(
        mat_id=mat_id,
        threads=writer.counts["thread_head"],
        thread_versions=writer.counts["thread_version"],
        messages=writer.counts["message_version"],
        exchanges=writer.counts["exchange"],
        segments=tuple(writer.segments),
    )


def _materialization(source: SpecSource, exchanges: Path, code_version: str) -> UUID:
    with exchanges.open("rb") as file:
        recorded = hashlib.file_digest(file, "sha256").hexdigest()
    place = source.partition
    return ids.hash_uuid(
        "entity_versions",
        place.dataset,
        place.key,
        source.fingerprint(),
        source.sequence,
        recorded,
        code_version,
    )


class _SegmentWriter:
    """Gathers rows and writes a segment whenever there are enough."""

    def __init__(self, inbox: Path, mat_id: UUID) -> None:
        self._inbox = inbox
        self._mat_id = mat_id
        self._rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._bytes = 0
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.segments: list[str] = []

    def add(self, name: str, row: dict[str, Any]) -> None:
        self._rows[name].append(row)
        self._bytes += sum(len(row.get(column) or "") for column in _WIDE)
        self.counts[name] += 1

    def flush_if_full(self) -> None:
        rows = max(map(len, self._rows.values()), default=0)
        if rows >= _SEGMENT_ROWS or self._bytes >= _SEGMENT_BYTES:
            self.flush()

    def flush(self) -> None:
        name = f"{self._mat_id}-{len(self.segments):05d}"
        tables = {kind: table(kind, rows) for kind, rows in self._rows.items()}
        write_segment(self._inbox, name, self._mat_id, tables)
        self.segments.append(name)
        self._rows.clear()
        self._bytes = 0


class _PartitionRows:
    """Walks through a partition's conversations and adds their rows."""

    def __init__(
        self, source: SpecSource, record: ExchangeRecord, mat_id: UUID, writer: _SegmentWriter
    ) -> None:
        self._source = source
        self._record = record
        self._mat_id = mat_id
        self._writer = writer
        self._shared: set[UUID] = set()  # prompts, configs, tools: few in a partition
        self._said: set[UUID] = set()  # messages of the current spec row: its samples share them

    def add_all(self) -> None:
        current = None
        for row, conversation in read_conversations(self._source):
            if conversation is None or row.spec is None:
                continue
            if conversation.thread_key != current:
                current = conversation.thread_key
                self._said.clear()
            self._add(conversation, row.spec.meta_json)
            self._writer.flush_if_full()
        for gone in self._record.rest():
            self._add_record(gone)

    def _add(self, conversation: Conversation, meta: str | None) -> None:
        record = self._record.take(conversation.thread.lineage_id)
        made: dict[tuple[str, int], Step] = {}
        versions: dict[UUID, ChatThread] = {}
        head = _Version(conversation.thread, conversation.generation)
        for branch in _branches(conversation, record):
            for head in _walk(branch, record):
                thread, step = head.thread, head.made_by
                if step is not None and step.attempt is not None:
                    made[str(step.request.key), step.attempt.number] = step
                if thread.id not in versions:
                    versions[thread.id] = thread
                    parent = versions.get(thread.parent_id) if thread.parent_id else None
                    self._add_version(head, parent, branch, meta)
        self._add_record(record, made)
        self._add_head(head)

    def _add_record(
        self, record: ConversationRecord, made: Mapping[tuple[str, int], Step] | None = None
    ) -> None:
        """What was sent and run, with what came of it."""
        for attempt in record.attempts:
            step = (made or {}).get((attempt["request_key"], attempt["attempt"]))
            row = exchange_row(attempt, partition=self._source.partition, mat_id=self._mat_id, step=step)
            self._writer.add("exchange", row)
        for run in record.tool_runs:
            self._writer.add("tool_run", tool_run_row(run, self._mat_id))

    def _add_head(self, head: "_Version") -> None:
        row = {
            "lineage_id": head.thread.lineage_id,
            "thread_id": head.thread.id,
            "mat_id": self._mat_id,
            "sequence": self._source.sequence,
            "moved_at": naive_utc(head.thread.created_at),
            "error_class": head.error,
        }
        self._writer.add("thread_head", row)

    def _add_version(
        self,
        version: "_Version",
        parent: ChatThread | None,
        branch: Conversation,
        meta: str | None,
    ) -> None:
        thread, step = version.thread, version.made_by
        self._add_parts(thread)
        row = thread_row(
            thread,
            parent,
            self._mat_id,
            dataset=self._source.partition.dataset,
            partition_key=self._source.partition.key,
            thread_key=branch.thread_key,
            sample=branch.sample,
            request_key=step.request.key if step else None,
            generation=version.generation,
            meta=meta,
        )
        self._writer.add("thread_version", row)

    def _add_parts(self, thread: ChatThread) -> None:
        """What a version is made of, each once."""
        if thread.version_no == 1:
            for part in (thread.llm_config, thread.system_prompt, thread.forced_output, *thread.tools):
                if part is not None:
                    self._add_part(part, self._shared)
        for message in thread.history:
            self._add_part(message, self._said)

    def _add_part(self, part: Entity, added: set[UUID]) -> None:
        if part.id not in added:
            added.add(part.id)
            # Of a message, what stands beside its content is in the exchange that brought it.
            self._writer.add(*entity_row(part, self._mat_id, beside=False))


def _branches(conversation: Conversation, record: ConversationRecord) -> Iterator[Conversation]:
    """The conversation as each generation on record held it, then as it was amended; what counts now last."""
    as_given, known = conversation, [*conversation.before, conversation]
    if conversation.before:
        as_given = conversation.before[0]
    amended = {generation for branch in known for generation in (branch.generation, *branch.again.values())}
    on_record = {attempt["generation"] for attempt in record.attempts}
    for generation in sorted(on_record - amended):
        yield replace(as_given, generation=generation)
    yield from known


@dataclass(frozen=True, slots=True)
class _Version:
    """A version a thread went through, the step whose reply made it, and why nothing came after it."""

    thread: ChatThread
    generation: int
    made_by: Step | None = None
    error: ErrorClass | None = None


def _walk(conversation: Conversation, record: ConversationRecord) -> Iterator[_Version]:
    """Every version the thread went through, oldest first; one may come twice in a row."""
    yield _Version(conversation.thread, conversation.generation)
    try:
        for step in replay(conversation, record):
            if step.attempt is None:
                return
            asked = step.request.conversation
            sent = stamped(asked, step.attempt.first_sent_at).thread
            if step.after.thread.id == sent.id:
                yield _Version(sent, asked.generation, None, step.after.failed)
            else:
                yield _Version(sent, asked.generation)
                yield _Version(step.after.thread, asked.generation, step, step.after.failed)
    except Unsupported:
        return  # the request table says why; there is nothing but the thread as it was given
