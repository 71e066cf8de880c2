"""Entities and exchanges as rows of the store's tables."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from minference_core import ids
from minference_core.entities import Entity
from minference_core.errors import ErrorClass
from minference_core.lineage.references import plain
from minference_core.lineage.shapes import OTHER, Shape, shape_of
from minference_core.requests import Step
from minference_core.specs import Partition
from minference_core.threads import ChatMessage, ChatThread, Usage

__all__ = [
    "Row",
    "entity_row",
    "exchange_row",
    "kept_with_its_message",
    "naive_utc",
    "thread_row",
    "tool_run_row",
]

Row = dict[str, Any]

# A full list of message ids beside the delta, while it is short: it saves the walk up the parents.
_LISTED_MESSAGES = 64
_MOST = 2**31 - 1  # of an INTEGER column

_SHARED_EXCHANGE_COLUMNS = (
    "thread_key", "sample", "turn", "step", "attempt", "client", "model", "resolved_model",
    "provider_request_id", "url", "status_code", "response_body", "error_class", "error_message",
    "finish_reason", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_tokens",
    "reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens", "audio_tokens",
    "prompt_audio_tokens", "service_tier", "cost_usd", "price_id", "provider_cost_usd", "simulated",
    "uncertain", "run_id", "generation",
)  # fmt: skip


def entity_row(entity: Entity, mat_id: UUID, *, beside: bool) -> tuple[str, Row]:
    """
    Any version but a thread's, and the table it belongs to.

    Args:
        beside: Whether to keep the facts that are no part of its id, too.
    """
    shape, pointers = shape_of(type(entity)), list[str]()
    row = _version(entity, mat_id) | _fields(entity, shape, pointers)
    if shape.table in ("tool_version", OTHER.table):
        row["kind"] = entity.entity_kind
    if shape is OTHER:
        row["module"] = type(entity).__module__
    if isinstance(entity, ChatMessage) and entity.usage is not None:
        row["n_tokens"] = _fitting(entity.usage.completion_tokens)
    if beside:
        row |= _beside(entity, pointers)
    if pointers:
        row["refs"] = ids.json_text(pointers)
    return shape.table, row


def thread_row(thread: ChatThread, parent: ChatThread | None, mat_id: UUID, **of_dataset: Any) -> Row:
    """
    A thread version, stored as what it changed of its parent.

    Args:
        parent: The version that it came from; None keeps all of its messages with the version itself.
        of_dataset: The columns that say which conversation of which dataset it is.
    """
    keep = _common_prefix(thread.history, parent.history) if parent else 0
    n_messages = len(thread.history)
    return {
        **_version(thread, mat_id),
        **_fields(thread, shape_of(ChatThread), []),
        "system_prompt_id": thread.system_prompt.id if thread.system_prompt else None,
        "llm_config_id": thread.llm_config.id,
        "tool_ids": [tool.id for tool in thread.tools],
        "forced_output_id": thread.forced_output.id if thread.forced_output else None,
        "keep_n": keep,
        "new_message_ids": [message.id for message in thread.history[keep:]],
        "n_messages": n_messages,
        "message_ids": [m.id for m in thread.history] if n_messages <= _LISTED_MESSAGES else None,
        "generation": 0,
        **of_dataset,
    }


def exchange_row(
    recorded: Row,
    *,
    partition: Partition,
    mat_id: UUID,
    step: Step | None = None,
) -> Row:
    """
    An attempt, linked to what it made.

    Args:
        recorded: The attempt as the table of exchanges has it.
        step: What its answer made; None when there is none or it did not settle the request.
    """
    lineage = UUID(recorded["lineage_id"])
    key = UUID(recorded["request_key"])
    name: list[Any] = ["exchange", key, recorded["attempt"]]
    if recorded["attempt"] == 0:  # never sent: one row for each reason
        name.append(recorded["error_class"])
    tokens = recorded["prompt_tokens"], recorded["completion_tokens"]
    row = {column: recorded.get(column) for column in _SHARED_EXCHANGE_COLUMNS}
    if row["error_class"] == ErrorClass.MAX_STEPS:  # the conversation's, and another bound's only
        row |= {"error_class": None, "error_message": None}
    return {
        **row,
        "id": ids.prefixed_uuid(lineage, *name),
        "reused_from": UUID(origin) if (origin := recorded.get("reused_from")) else None,
        "mat_id": mat_id,
        "request_key": key,
        "dataset": partition.dataset,
        "partition_key": partition.key,
        "lineage_id": lineage,
        "in_thread_id": UUID(recorded["in_thread_id"]),
        "out_thread_id": step.after.thread.id if step and step.reply_message else None,
        "out_message_id": step.reply_message.id if step and step.reply_message else None,
        "json_object": None if step is None or step.json_object is None else ids.json_text(step.json_object),
        "total_tokens": None if None in tokens else sum(tokens),
        "sent_at": naive_utc(recorded["sent_at"]),
        "finished_at": naive_utc(recorded["finished_at"]) if recorded["finished_at"] else None,
    }


def tool_run_row(recorded: Row, mat_id: UUID) -> Row:
    """
    One execution of a tool.

    Args:
        recorded: The execution as the table of exchanges has it.
    """
    lineage, key = UUID(recorded["lineage_id"]), UUID(recorded["request_key"])
    took = recorded["finished_at"] - recorded["sent_at"]
    call = recorded["tool_call_id"]
    return {
        **{
            name: recorded[name]
            for name in ("turn", "step", "tool_name", "arguments", "run_id", "generation")
        },
        "id": ids.prefixed_uuid(lineage, "tool_run", key, recorded["attempt"], call),
        "mat_id": mat_id,
        "lineage_id": lineage,
        "in_thread_id": UUID(recorded["in_thread_id"]),
        "tool_call_id": call,
        "tool_id": UUID(recorded["tool_id"]),
        "result": None if recorded["error_message"] else recorded["result"],
        "error": recorded["error_message"],
        "started_at": naive_utc(recorded["sent_at"]),
        "duration_ms": took.total_seconds() * 1000,
    }


def naive_utc(at: datetime) -> datetime:
    """UTC without saying so, as DuckDB's TIMESTAMP columns hold it."""
    return at.astimezone(UTC).replace(tzinfo=None)


def _version(entity: Entity, mat_id: UUID) -> Row:
    return {
        "id": entity.id,
        "lineage_id": entity.lineage_id,
        "parent_id": entity.parent_id,
        "version_no": entity.version_no,
        "created_at": naive_utc(entity.created_at),
        "content_hash": ids.content_hash(entity.entity_kind, entity.entity_record),
        "mat_id": mat_id,
    }


def _fields(entity: Entity, shape: Shape, pointers: list[str]) -> Row:
    """The columns that some fields have, and the one that has the others."""
    apart = shape.columns.keys() | shape.apart
    rest = {name: value for name, value in entity.entity_record.items() if name not in apart}
    for name in rest:
        plain(getattr(entity, name), f"/{name}", pointers)
    row: Row = {}
    for name, column in shape.columns.items():
        value = getattr(entity, name)
        if name in shape.as_json:
            value = None if value is None else ids.json_text(value)
        elif value != _fitting(value):
            rest[name] = value  # what is there holds over the column, which says as much as it can
        row[column] = _fitting(value)
    row[shape.rest] = ids.json_text(rest) if rest or shape.rest != "extra" else None
    return row


def _fitting(value: Any) -> Any:
    """The value; of a number too large for an INTEGER column, the largest it can say."""
    return max(-_MOST, min(value, _MOST)) if isinstance(value, int) else value


def _beside(entity: Entity, pointers: list[str]) -> Row:
    """The facts that are no part of the id, as far as there are any."""
    fields = type(entity).model_fields
    facts = {
        name: _fact(getattr(entity, name), f"/{name}", pointers)
        for name in sorted(entity.beside_the_content)
        if getattr(entity, name) is not None or fields[name].default is not None
    }
    return {"beside": ids.json_text(facts)} if facts else {}


def _fact(value: Any, at: str, pointers: list[str]) -> Any:
    """A message's usage is kept in the message's own row: one more row a reply would be a sixth of all."""
    if not kept_with_its_message(value):
        return plain(value, at, pointers)
    bookkeeping = {"id": str(value.id), "lineage_id": str(value.lineage_id)}
    return {**bookkeeping, "created_at": value.created_at.isoformat(), **value.entity_record}


def kept_with_its_message(value: object) -> bool:
    """Whether a message's usage has no history of its own, so that the message's row says all of it."""
    return type(value) is Usage and value.parent_id is None and value.version_no == 1


def _common_prefix(now: Sequence[ChatMessage], before: Sequence[ChatMessage]) -> int:
    same = 0
    for one, other in zip(now, before, strict=False):
        if one is not other and one.id != other.id:
            break
        same += 1
    return same
