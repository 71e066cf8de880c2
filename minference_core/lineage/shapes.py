"""
Where each kind of entity is stored: which table, and which of its fields has a column of its own.

What has none goes into a JSON column by its name, so a field added to a class needs no new column.
A class that is not named here, a user's own or a subclass of one that is, goes into `other_version`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from minference_core.entities import Entity
from minference_core.threads import ChatMessage, ChatThread, LLMConfig, SystemPrompt
from minference_core.tools import CallableTool, StructuredTool

__all__ = ["OTHER", "TABLES", "Shape", "shape_of", "stored_as"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """
    How one kind is stored.

    Attributes:
        columns: The column of each field that has one.
        as_json: Of these fields, the ones whose value is JSON.
        apart: Fields that are stored in another way: a thread's parts, as their ids.
        rest: The column of all other fields.
    """

    table: str
    columns: Mapping[str, str] = field(default_factory=dict)
    as_json: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    rest: str = "extra"


def _same(*names: str, **renamed: str) -> dict[str, str]:
    return {**{name: name for name in names}, **renamed}


_SHAPES: Mapping[type[Entity], Shape] = {
    ChatThread: Shape(
        table="thread_version",
        columns=_same("name", "new_message", "use_history", "workflow_step"),
        apart=frozenset({"llm_config", "system_prompt", "history", "forced_output", "tools"}),
    ),
    ChatMessage: Shape(
        table="message_version",
        columns=_same(
            "role", "content", "reasoning", "finish_reason", "tool_name", "tool_call",
            tool_uuid="tool_id", oai_tool_call_id="tool_call_id",
        ),
        as_json=frozenset({"tool_call"}),
    ),
    SystemPrompt: Shape(table="system_prompt_version", columns=_same("name", "content")),
    LLMConfig: Shape(
        table="llm_config_version",
        columns=_same("client", "model", "max_tokens", "temperature", "response_format"),
        rest="params",
    ),
    StructuredTool: Shape(
        table="tool_version",
        columns=_same("name", "description", "json_schema"),
        as_json=frozenset({"json_schema"}),
    ),
    CallableTool: Shape(
        table="tool_version",
        columns=_same("name", "callable_text", docstring="description", input_schema="json_schema"),
        as_json=frozenset({"input_schema"}),
    ),
}  # fmt: skip
OTHER = Shape(table="other_version", rest="record")

TABLES = tuple(dict.fromkeys(shape.table for shape in (*_SHAPES.values(), OTHER)))


def shape_of(kind: type[Entity]) -> Shape:
    """How entities of exactly this class are stored."""
    return _SHAPES.get(kind, OTHER)


def stored_as(table: str, kind: str | None) -> tuple[type[Entity] | None, Shape]:
    """
    What a row is of and how it was stored; None in place of a class that is not one of ours.

    Args:
        kind: The column of that name, in the tables of more than one kind.
    """
    for own, shape in _SHAPES.items():
        if shape.table == table and kind in (None, own.entity_kind):
            return own, shape
    return None, OTHER
