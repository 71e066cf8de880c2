"""What the store says of one lineage, as plain values for the page."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb

__all__ = ["Rows", "attempts", "current", "forks", "messages", "origins", "versions"]

Rows = list[dict[str, Any]]

_TABLES = {
    "ChatThread": "thread_version",
    "ChatMessage": "message_version",
    "SystemPrompt": "system_prompt_version",
    "LLMConfig": "llm_config_version",
    "CallableTool": "tool_version",
    "StructuredTool": "tool_version",
}
# Of a version itself; everything else in its row is what it says.
_BOOKKEEPING = (
    "id", "lineage_id", "parent_id", "version_no", "created_at", "content_hash", "mat_id", "keep_n",
    "new_message_ids", "n_messages", "message_ids", "system_prompt_id", "llm_config_id", "tool_ids",
    "forced_output_id", "dataset", "partition_key", "thread_key", "sample", "request_key", "beside", "refs",
)  # fmt: skip
_OBJECTS = ("params", "extra", "record")  # columns that hold several fields by name


def versions(connection: duckdb.DuckDBPyConnection, lineage: UUID) -> Rows:
    """All versions, parents before their children, each with `fields`: what it says, as text by name."""
    found = _rows(connection, _VERSIONS, lineage)
    if not found:
        return []
    table = _TABLES.get(found[0]["kind"], "other_version")
    own = {row["id"]: row for row in _rows(connection, f"from {table} where lineage_id = $1", lineage)}
    parts = _parts(connection, own.values())
    return [
        {**own.get(row["id"], {}), **row, "fields": _fields(own.get(row["id"], {}), parts)} for row in found
    ]


def messages(connection: duckdb.DuckDBPyConnection, ids: Sequence[UUID]) -> Rows:
    """Those messages, in no particular order."""
    if not ids:
        return []
    asked = [list(ids), min(ids), max(ids)]
    return _rows(connection, _MESSAGES, *asked)


def attempts(connection: duckdb.DuckDBPyConnection, lineage: UUID) -> Rows:
    """Every attempt of the conversation, in the order they were sent."""
    return _rows(connection, _ATTEMPTS, lineage)


def current(connection: duckdb.DuckDBPyConnection, lineage: UUID) -> UUID | None:
    """The version that counts now, of a conversation."""
    rows = _rows(connection, "select id from thread_current where lineage_id = $1", lineage)
    return rows[0]["id"] if rows else None


def forks(connection: duckdb.DuckDBPyConnection, lineage: UUID) -> Rows:
    return _rows(connection, "from forks($1)", lineage)


def origins(connection: duckdb.DuckDBPyConnection, found: Rows) -> dict[UUID, dict[str, Any]]:
    """Of versions that came from another lineage: the version there, by id."""
    known = {row["id"] for row in found}
    elsewhere = {row["parent_id"] for row in found if row["parent_id"]} - known
    return {
        one: origin
        for one in sorted(elsewhere)
        for origin in _rows(connection, "from thread_version where id = $1", one)
    }


def _parts(connection: duckdb.DuckDBPyConnection, rows: Any) -> dict[UUID, dict[str, Any]]:
    """The prompts, configs and tools that threads are made of, by id."""
    wanted: set[UUID] = set()
    for row in rows:
        wanted |= {row.get("system_prompt_id"), row.get("llm_config_id"), row.get("forced_output_id")}
        wanted.update(row.get("tool_ids") or ())
    wanted.discard(None)
    return {
        row["id"]: row
        for table in ("system_prompt_version", "llm_config_version", "tool_version")
        for row in _rows(connection, f"from {table} where id in (select unnest($1::uuid[]))", list(wanted))
    }


def _fields(row: Mapping[str, Any], parts: Mapping[UUID, Mapping[str, Any]]) -> dict[str, str]:
    fields = _own_fields(row)
    if prompt := parts.get(row.get("system_prompt_id")):  # type: ignore[arg-type]
        fields["system prompt"] = prompt["content"]
    if config := parts.get(row.get("llm_config_id")):  # type: ignore[arg-type]
        fields |= _own_fields(config)
    if tools := [parts[tool] for tool in row.get("tool_ids") or () if tool in parts]:
        fields["tools"] = "\n".join(_tool(tool) for tool in tools)
    if forced := parts.get(row.get("forced_output_id")):  # type: ignore[arg-type]
        fields["forced output"] = _tool(forced)
    return fields


def _own_fields(row: Mapping[str, Any]) -> dict[str, str]:
    said = {name: value for name, value in row.items() if name not in (*_BOOKKEEPING, *_OBJECTS)}
    for name in _OBJECTS:
        said |= json.loads(row.get(name) or "{}")
    return {
        name.replace("_", " "): _text(value) for name, value in said.items() if value not in (None, [], {})
    }


def _tool(row: Mapping[str, Any]) -> str:
    return f"{row['name']}: {row['description'] or row['kind']} {row['json_schema']}"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, *asked: Any) -> Rows:
    result = connection.execute(sql, list(asked))
    names = [column[0] for column in result.description]
    return [dict(zip(names, map(_plain, row), strict=True)) for row in result.fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return float(value) if isinstance(value, Decimal) else value


_VERSIONS = """
select tree.kind, tree.id, tree.parent_id, tree.version_no, tree.created_at, made.run_id, made.code_version,
    made.asset_key, made.partition_key as made_in, made.committed_at
from lineage_tree($1) as tree
left join materialization as made on made.mat_id = tree.mat_id
"""

_MESSAGES = """
select id, role, content, reasoning, tool_name, tool_call, finish_reason, n_tokens, extra
from message_version
where id in (select unnest($1::uuid[])) and id between $2 and $3
"""

_ATTEMPTS = """
select in_thread_id, out_thread_id, turn, step, attempt, client, model, resolved_model, status_code,
    error_class, error_message, finish_reason, sent_at, epoch(finished_at - sent_at) as seconds,
    prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, total_tokens, cost_usd, price_id,
    simulated, run_id, generation, request_key, provider_request_id, reused_from
from exchange
where lineage_id = $1
order by exchange.sent_at, turn, step, attempt
"""
