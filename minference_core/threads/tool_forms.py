"""How tools look on the wire, in each provider's form."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minference_core.threads.anthropic_schema import anthropic_form
from minference_core.threads.config import LLMClient
from minference_core.threads.settings import takes
from minference_core.threads.strict import openai_strict
from minference_core.tools import StructuredTool

if TYPE_CHECKING:
    from minference_core.threads.thread import ChatThread, Tool

__all__ = ["arguments_schema", "past_tool", "responses_tools", "tools"]

JsonObject = dict[str, Any]


def arguments_schema(tool: "Tool") -> dict[str, Any]:
    """The schema of a call's arguments."""
    return tool.json_schema if isinstance(tool, StructuredTool) else tool.input_schema


def tools(thread: "ChatThread") -> list[JsonObject] | None:
    """The tools on offer in the form of the thread's own client; None if there are none."""
    client, strict = thread.llm_config.client, _keeps_schemas(thread)
    if client == LLMClient.anthropic:
        forms = [_anthropic_tool(tool, strict=strict) for tool in thread.offered_tools]
    else:
        forms = [_openai_tool(tool, strict=strict) for tool in thread.offered_tools]
    return [form for form in forms if form is not None] or None


def responses_tools(thread: "ChatThread") -> list[JsonObject] | None:
    """The tools on offer in the form of the Responses API, which wants to be told what is not strict."""
    return [{"type": "function", "strict": False, **form["function"]} for form in tools(thread) or ()] or None


def past_tool(tool: "Tool") -> JsonObject | None:
    """A tool that was called, and may not be any more, in Anthropic's form; None if it has none."""
    form = _anthropic_tool(tool, strict=False)
    return form if form is not None and form["input_schema"]["type"] == "object" else None


def _keeps_schemas(thread: "ChatThread") -> bool:
    """Whether the model can be held to a tool's schema, and its server knows how to ask for it."""
    config = thread.llm_config
    return config.client in (LLMClient.openai, LLMClient.anthropic) and (
        takes(config.__dict__).structured_output
    )


def _openai_tool(tool: "Tool", *, strict: bool) -> JsonObject | None:
    form = tool.get_openai_tool()
    if form is None:
        return None
    closed = openai_strict(arguments_schema(tool)) if strict and tool.strict_schema else None
    parameters = _of_object(form["function"]["parameters"])
    bound = {"parameters": parameters} if closed is None else {"parameters": closed, "strict": True}
    return {**form, "function": {**form["function"], **bound}}


def _anthropic_tool(tool: "Tool", *, strict: bool) -> JsonObject | None:
    form = tool.get_anthropic_tool(use_cache=False)
    if form is None:
        return None
    closed = anthropic_form(arguments_schema(tool)) if strict and tool.strict_schema else None
    if closed is None or closed.get("type") != "object":
        return {**form, "input_schema": _of_object(form["input_schema"])}
    return {**form, "input_schema": closed, "strict": True}


def _of_object(schema: Mapping[str, Any]) -> JsonObject:
    """A call's arguments are an object, and the schema must say so: one that refers to others may not."""
    return dict(schema) if "type" in schema else {"type": "object", **schema}
