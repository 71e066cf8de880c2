"""
Parquet for Hugging Face `datasets`: every column has one type, whatever is in the rows.

`messages` is what TRL and chat templates read; arguments and tools are JSON text, since a struct of every
tool's own fields would be another type with every tool. Beside it stands what tells where a row is from.
"""

import pyarrow as pa

from minference_core.export.chat import JsonObject, called, with_system_prompt
from minference_core.export.conversation import Conversation, Said

__all__ = ["PARQUET", "parquet_row"]

_CALL = pa.struct(
    [
        ("id", pa.string()),
        ("type", pa.string()),
        ("function", pa.struct([("name", pa.string()), ("arguments", pa.string())])),
    ]
)
_MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("reasoning_content", pa.string()),
        ("tool_calls", pa.list_(_CALL)),
        ("tool_call_id", pa.string()),
        ("name", pa.string()),
        ("images", pa.list_(pa.string())),  # addresses and data URIs
    ]
)
PARQUET = pa.schema(
    [
        ("messages", pa.list_(_MESSAGE)),
        ("tools", pa.string()),
        ("dataset", pa.string()),
        ("partition_key", pa.string()),
        ("thread_key", pa.string()),
        ("sample", pa.int32()),
        ("generation", pa.int32()),
        ("lineage_id", pa.string()),
        ("thread_id", pa.string()),
        ("client", pa.string()),
        ("model", pa.string()),
        ("error_class", pa.string()),
        ("meta", pa.string()),
    ]
)


def parquet_row(conversation: Conversation, *, reasoning: bool) -> JsonObject:
    return {
        "messages": [_message(one, reasoning=reasoning) for one in with_system_prompt(conversation)],
        "tools": conversation.tools,
        "dataset": conversation.dataset,
        "partition_key": conversation.partition_key,
        "thread_key": conversation.thread_key,
        "sample": conversation.sample,
        "generation": conversation.generation,
        "lineage_id": conversation.lineage_id,
        "thread_id": conversation.thread_id,
        "client": conversation.client,
        "model": conversation.model,
        "error_class": conversation.error_class,
        "meta": conversation.meta,
    }


def _message(said: Said, *, reasoning: bool) -> JsonObject:
    return {
        "role": said.role,
        "content": said.content,
        "reasoning_content": said.reasoning if reasoning else None,
        "tool_calls": called(said) or None,
        "tool_call_id": said.call_id,
        "name": said.name,
        "images": [image.url for image in said.images] or None,
    }
