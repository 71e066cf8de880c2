"""Entities and exchanges as rows of the store's tables."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from minference_core import ids
from minference_core.entities import Entity
from minference_core.specs import Partition
from minference_core.threads import ChatMessage, ChatThread, Conversation, LLMConfig, SystemPrompt
from minference_core.tools import StructuredTool

__all__ = ["config_row", "exchange_row", "message_row", "prompt_row", "thread_row", "tool_row"]

Row = dict[str, Any]

# A full list of message ids beside the delta, while it is short: it saves the walk up the parents.
_LISTED_MESSAGES = 64

_CONFIG_COLUMNS = frozenset({"client", "model", "max_tokens", "temperature", "response_format"})
_SHARED_EXCHANGE_COLUMNS = (
    "thread_key", "sample", "turn", "step", "attempt", "client", "model", "resolved_model",
    "provider_request_id", "url", "status_code", "response_body", "error_class", "error_message",
    "finish_reason", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_tokens",
    "reasoning_tokens", "cost_usd", "price_id", "simulated", "uncertain", "run_id", "generation",
)  # fmt: skip


def thread_row(
    thread: ChatThread,
    parent: ChatThread | None,
    conversation: Conversation,
    *,
    partition: Partition,
    mat_id: UUID,
    request_key: UUID | None,
    meta: str | None,
) -> Row:
    """A thread version, stored as what it changed of its parent."""
    messages = [message.id for message in thread.history]
    keep = _common_prefix(messages, [message.id for message in parent.history] if parent else [])
    return {
        **_version(thread, mat_id),
        "dataset": partition.dataset,
        "partition_key": partition.key,
        "thread_key": conversation.thread_key,
        "sample": conversation.sample,
        "name": thread.name,
        "system_prompt_id": thread.system_prompt.id if thread.system_prompt else None,
        "llm_config_id": thread.llm_config.id,
        "tool_ids": [],
        "forced_output_id": thread.forced_output.id if thread.forced_output else None,
        "keep_n": keep,
        "new_message_ids": messages[keep:],
        "n_messages": len(messages),
        "message_ids": messages if len(messages) <= _LISTED_MESSAGES else None,
        "new_message": thread.new_message,
        "use_history": True,
        "request_key": request_key,
        "generation": conversation.generation,
        "meta": meta,
    }


def message_row(message: ChatMessage, mat_id: UUID, *, n_tokens: int | None = None) -> Row:
    return {
        **_version(message, mat_id),
        "role": message.role,
        "content": message.content,
        "reasoning": message.reasoning,
        "finish_reason": message.finish_reason,
        "n_tokens": n_tokens,
    }


def prompt_row(prompt: SystemPrompt, mat_id: UUID) -> Row:
    return {**_version(prompt, mat_id), "name": prompt.name, "content": prompt.content}


def config_row(config: LLMConfig, mat_id: UUID) -> Row:
    others = {name: value for name, value in config.record.items() if name not in _CONFIG_COLUMNS}
    columns = {name: getattr(config, name) for name in _CONFIG_COLUMNS}
    return {**_version(config, mat_id), **columns, "params": ids.json_text(others)}


def tool_row(tool: StructuredTool, mat_id: UUID) -> Row:
    return {
        **_version(tool, mat_id),
        "kind": tool.kind,
        "name": tool.name,
        "description": tool.description,
        "json_schema": ids.json_text(tool.json_schema),
    }


def exchange_row(
    recorded: Row,
    *,
    partition: Partition,
    mat_id: UUID,
    after: ChatThread | None = None,
    json_object: Any = None,
) -> Row:
    """
    An attempt, linked to what it made.

    Args:
        recorded: The attempt as the table of exchanges has it.
        after: The thread version its reply made; None when it made none.
        json_object: The valid object in a structured reply.
    """
    lineage = UUID(recorded["lineage_id"])
    key = UUID(recorded["request_key"])
    name: list[Any] = ["exchange", key, recorded["attempt"]]
    if recorded["attempt"] == 0:  # never sent: one row for each reason
        name.append(recorded["error_class"])
    tokens = recorded["prompt_tokens"], recorded["completion_tokens"]
    return {
        **{column: recorded[column] for column in _SHARED_EXCHANGE_COLUMNS},
        "id": ids.prefixed_uuid(lineage, *name),
        "mat_id": mat_id,
        "request_key": key,
        "dataset": partition.dataset,
        "partition_key": partition.key,
        "lineage_id": lineage,
        "in_thread_id": UUID(recorded["in_thread_id"]),
        "out_thread_id": after.id if after else None,
        "out_message_id": after.history[-1].id if after else None,
        "json_object": None if json_object is None else ids.json_text(json_object),
        "total_tokens": None if None in tokens else sum(tokens),
        "sent_at": naive_utc(recorded["sent_at"]),
        "finished_at": naive_utc(recorded["finished_at"]) if recorded["finished_at"] else None,
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
        "content_hash": ids.content_hash(entity.kind, entity.record),
        "mat_id": mat_id,
    }


def _common_prefix(ids_now: Sequence[UUID], ids_before: Sequence[UUID]) -> int:
    same = 0
    for now, before in zip(ids_now, ids_before, strict=False):
        if now != before:
            break
        same += 1
    return same
