"""
The tables of the store as Arrow schemas: what a segment's Parquet files hold.

`sql/schema.sql` says the same to DuckDB, with a comment on every table and column; a test holds the
two together. Ids are UUIDs, times are UTC without a zone, JSON is text, which DuckDB checks when it
is folded in.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import pyarrow as pa

from minference_core.errors import StoreError

__all__ = ["KEYS", "OF_THE_STORE", "SCHEMAS", "table"]

_UUID = pa.uuid()
_UUIDS = pa.list_(pa.uuid())
_TEXT = pa.string()
_JSON = pa.string()
_INT = pa.int32()
_BIG = pa.int64()
_BOOL = pa.bool_()
_FLOAT = pa.float64()
_TIME = pa.timestamp("us")
_DOLLARS = pa.decimal128(18, 9)

# A name that ends in "?" may be null.
_VERSION = {
    "id": _UUID,
    "lineage_id": _UUID,
    "parent_id?": _UUID,
    "version_no": _INT,
    "created_at": _TIME,
    "content_hash": _UUID,
    "mat_id": _UUID,
}
_COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "thread_version": {
        **_VERSION,
        "dataset?": _TEXT,
        "partition_key?": _TEXT,
        "thread_key?": _TEXT,
        "sample?": _INT,
        "name?": _TEXT,
        "system_prompt_id?": _UUID,
        "llm_config_id": _UUID,
        "tool_ids": _UUIDS,
        "forced_output_id?": _UUID,
        "keep_n": _INT,
        "new_message_ids": _UUIDS,
        "n_messages": _INT,
        "message_ids?": _UUIDS,
        "new_message?": _TEXT,
        "use_history": _BOOL,
        "workflow_step?": _INT,
        "request_key?": _UUID,
        "generation": _INT,
        "meta?": _JSON,
        "extra?": _JSON,
    },
    "message_version": {
        **_VERSION,
        "role": _TEXT,
        "content?": _TEXT,
        "reasoning?": _TEXT,
        "tool_name?": _TEXT,
        "tool_id?": _UUID,
        "tool_call_id?": _TEXT,
        "tool_call?": _JSON,
        "finish_reason?": _TEXT,
        "n_tokens?": _INT,
        "extra?": _JSON,
        "beside?": _JSON,
        "refs?": _JSON,
    },
    "system_prompt_version": {**_VERSION, "name?": _TEXT, "content": _TEXT, "extra?": _JSON},
    "llm_config_version": {
        **_VERSION,
        "client": _TEXT,
        "model?": _TEXT,
        "max_tokens": _INT,
        "temperature?": _FLOAT,
        "response_format": _TEXT,
        "params": _JSON,
    },
    "tool_version": {
        **_VERSION,
        "kind": _TEXT,
        "name": _TEXT,
        "description?": _TEXT,
        "json_schema": _JSON,
        "callable_text?": _TEXT,
        "extra?": _JSON,
    },
    "other_version": {
        **_VERSION,
        "kind": _TEXT,
        "module": _TEXT,
        "record": _JSON,
        "beside?": _JSON,
        "refs?": _JSON,
    },
    "exchange": {
        "id": _UUID,
        "mat_id": _UUID,
        "request_key": _UUID,
        "dataset": _TEXT,
        "partition_key": _TEXT,
        "thread_key": _TEXT,
        "sample": _INT,
        "lineage_id": _UUID,
        "in_thread_id": _UUID,
        "out_thread_id?": _UUID,
        "out_message_id?": _UUID,
        "turn": _INT,
        "step": _INT,
        "attempt": _INT,
        "client": _TEXT,
        "model": _TEXT,
        "resolved_model?": _TEXT,
        "provider_request_id?": _TEXT,
        "url": _TEXT,
        "status_code?": _INT,
        "response_body?": _TEXT,
        "error_class?": _TEXT,
        "error_message?": _TEXT,
        "finish_reason?": _TEXT,
        "json_object?": _JSON,
        "sent_at": _TIME,
        "finished_at?": _TIME,
        "prompt_tokens?": _INT,
        "completion_tokens?": _INT,
        "cached_tokens?": _INT,
        "cache_creation_tokens?": _INT,
        "reasoning_tokens?": _INT,
        "total_tokens?": _INT,
        "cost_usd?": _DOLLARS,
        "price_id?": _TEXT,
        "simulated": _BOOL,
        "uncertain": _BOOL,
        "run_id": _TEXT,
        "generation": _INT,
        "accepted_prediction_tokens?": _INT,
        "rejected_prediction_tokens?": _INT,
        "audio_tokens?": _INT,
        "prompt_audio_tokens?": _INT,
        "service_tier?": _TEXT,
        "provider_cost_usd?": _DOLLARS,
        "reused_from?": _UUID,
    },
    "tool_run": {
        "id": _UUID,
        "mat_id": _UUID,
        "lineage_id": _UUID,
        "in_thread_id": _UUID,
        "turn": _INT,
        "step": _INT,
        "tool_call_id?": _TEXT,
        "tool_id?": _UUID,
        "tool_name": _TEXT,
        "arguments?": _JSON,
        "result?": _JSON,
        "error?": _TEXT,
        "started_at": _TIME,
        "duration_ms": _FLOAT,
        "run_id": _TEXT,
        "generation": _INT,
    },
    "materialization": {
        "mat_id": _UUID,
        "dataset?": _TEXT,
        "asset_key": _TEXT,
        "partition_key": _TEXT,
        "generation": _INT,
        "run_id": _TEXT,
        "code_version": _TEXT,
        "committed_at": _TIME,
        "n_threads": _BIG,
        "n_exchanges": _BIG,
    },
    "thread_head": {
        "lineage_id": _UUID,
        "thread_id": _UUID,
        "mat_id": _UUID,
        "sequence": _INT,
        "moved_at": _TIME,
        "error_class?": _TEXT,
    },
    "segment": {"segment_id": _TEXT, "mat_id": _UUID, "n_rows": _BIG, "folded_at": _TIME},
    "redaction": {
        "id": _UUID,
        "in_table": _TEXT,
        "subject_id": _UUID,
        "redacted_at": _TIME,
        "redacted_by": _TEXT,
        "reason": _TEXT,
    },
}


def _field(column: str, kind: pa.DataType) -> pa.Field:
    return pa.field(column.removesuffix("?"), kind, nullable=column.endswith("?"))


SCHEMAS: Mapping[str, pa.Schema] = {
    name: pa.schema([_field(column, kind) for column, kind in columns.items()])
    for name, columns in _COLUMNS.items()
}

# What makes a row the same row: a second one with the same key is never added. The first column has a
# time prefix where there is much of it, so that only a narrow range of what is there need be looked at.
KEYS: Mapping[str, tuple[str, ...]] = {
    "thread_version": ("id",),
    "message_version": ("id",),
    "system_prompt_version": ("id",),
    "llm_config_version": ("id",),
    "tool_version": ("id",),
    "other_version": ("id",),
    "exchange": ("id",),
    "tool_run": ("id",),
    "materialization": ("mat_id",),
    "thread_head": ("lineage_id", "thread_id", "mat_id"),
    "segment": ("segment_id",),
    "redaction": ("id", "in_table"),
}

# What the store says of itself: no segment brings rows of these.
OF_THE_STORE = frozenset({"segment", "redaction"})


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """
    Rows as a table of the store; a column that a row does not name is null.

    Args:
        name: Which table.
        rows: Ids as `UUID`, times as `datetime` (one without a zone is taken for UTC), JSON as text.

    Raises:
        StoreError: A row has a column that the table does not have.
    """
    schema = SCHEMAS[name]
    given = list(rows)
    unknown = sorted({column for row in given for column in row} - set(schema.names))
    if unknown:
        raise StoreError(f"table {name} has no column {', '.join(unknown)}: it has {', '.join(schema.names)}")
    columns = [_column([row.get(field.name) for row in given], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    # pyarrow makes no list of UUIDs from Python values, but casts one of 16-byte strings.
    if kind == _UUIDS:
        as_bytes = [None if ids is None else [_bytes(one) for one in ids] for ids in values]
        return pa.array(as_bytes, pa.list_(pa.binary(16))).cast(_UUIDS)
    return pa.array(values, kind)


def _bytes(one: UUID) -> bytes:
    return one.bytes
