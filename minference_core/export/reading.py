"""Rows of the store to conversations, as a stream: memory depends on one batch, not on the export."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from minference_core import ids
from minference_core.export.conversation import Call, Conversation, Picture, Said
from minference_core.export.selection import statement
from minference_core.threads import MessageRole
from minference_core.threads.images import Image

__all__ = ["conversations"]

_ROWS_AT_A_TIME = 8_192

Row = Mapping[str, Any]


def conversations(connection: duckdb.DuckDBPyConnection) -> Iterator[Conversation]:
    """What `candidate` and `mention` choose, in order; until the end nothing else may be asked."""
    tools = _tools(connection)
    reader = connection.sql(statement("rows")).to_arrow_reader(_ROWS_AT_A_TIME)
    head, said, tokens = None, list[Said](), 0
    for batch in reader or ():
        # By column: twice as fast as rows with names.
        for _, begins, *message, n_tokens in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            if begins is not None:
                if head is not None:
                    yield _conversation(head, said, tokens, tools)
                head, said, tokens = json.loads(begins), list[Said](), 0
            said.append(_said(*message))
            tokens += n_tokens or 0
    if head is not None:
        yield _conversation(head, said, tokens, tools)


def _conversation(
    head: dict[str, Any], said: list[Said], reply_tokens: int, tools: Mapping[str, str]
) -> Conversation:
    offered = ", ".join(tools[tool] for tool in head.pop("tool_ids"))
    return Conversation(
        **head, tools=f"[{offered}]" if offered else None, messages=tuple(said), reply_tokens=reply_tokens
    )


def _said(
    role: str,
    content: str | None,
    reasoning: str | None,
    tool_name: str | None,
    tool_call_id: str | None,
    tool_call: str | None,
    extra: str | None,
) -> Said:
    """A row of `message_version`: see `lineage/shapes.py` for what is where."""
    rest = json.loads(extra) if extra else {}
    calls: tuple[Call, ...] = ()
    if role == MessageRole.assistant and tool_name is not None:
        first = Call(tool_call_id or "", tool_name, tool_call or "{}")
        calls = (first, *map(_call, rest.get("more_tool_calls") or ()))
    is_result = role == MessageRole.tool
    return Said(
        role,
        content or "",
        reasoning,
        calls,
        tool_call_id if is_result else None,
        tool_name if is_result else None,
        tuple(map(_picture, rest.get("images") or ())),
        rest.get("is_error", False),
    )


def _call(stored: Row) -> Call:
    return Call(stored["call_id"], stored["name"], ids.json_text(stored.get("arguments") or {}))


def _picture(stored: Row) -> Picture:
    image = Image.model_validate(stored)
    return Picture(image.as_url, image.detail)


def _tools(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Every tool that one of the conversations may name, in OpenAI's form, as JSON text."""
    found = connection.execute(
        """
        select id::varchar, name, coalesce(description, ''), json_schema::varchar
        from tool_version
        where id in (
            select unnest(list_append(tool_ids, forced_output_id)) from candidate where reason is null
        )
        """
    ).fetchall()
    return {tool: _tool(name, description, schema) for tool, name, description, schema in found}


def _tool(name: str, description: str, schema: str) -> str:
    """The schema of a call's arguments has to say that they are an object."""
    parameters = json.loads(schema)
    if "type" not in parameters:
        parameters = {"type": "object", **parameters}
    function = {"name": name, "description": description, "parameters": parameters}
    return ids.json_text({"type": "function", "function": function})
