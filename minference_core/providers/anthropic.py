"""
Anthropic's Messages API, in its versions 2023-06-01 and 2026-10-21.

Source: https://docs.anthropic.com/en/api/messages and the `anthropic` SDK 2.12's type files.
Differs from our words: the system prompt is a top-level field, a schema goes into `output_config`,
results of tools are the user's, and the newest version takes no sampling settings at all, so a request
that has one is sent under the older.
"""

from collections.abc import Iterator, Mapping

from minference_core.providers.anthropic_reply import read_reply
from minference_core.providers.asked import check
from minference_core.providers.base import JsonObject, WireRequest
from minference_core.threads import ChatThread, Reply, views
from minference_core.tools import StructuredTool

__all__ = ["Anthropic"]

_NEWEST = "2026-10-21"
_TAKES_SAMPLING = "2023-06-01"
_SAMPLING = ("temperature", "top_p", "top_k")


class Anthropic:
    """Writes and reads Messages API bodies."""

    name = "anthropic"
    dialect = "messages"

    def encode(self, thread: ChatThread) -> WireRequest:
        asked = check(thread)
        config = thread.llm_config
        system, messages = views.anthropic_messages(thread)
        body: JsonObject = {"model": config.model, "max_tokens": config.max_tokens, "messages": messages}
        if system:
            body["system"] = system[0]["text"]
        body |= asked.settings
        if config.stop is not None:
            body["stop_sequences"] = list(config.stop)
        body |= _tools(thread, messages)
        if output_config := _output_config(thread, asked.effort):
            body["output_config"] = output_config
        extra = dict(config.extra_body or {})
        if isinstance(more := extra.get("output_config"), dict):
            extra["output_config"] = {**body.get("output_config", {}), **more}
        body |= extra
        version = _TAKES_SAMPLING if any(field in body for field in _SAMPLING) else _NEWEST
        return WireRequest("/v1/messages", body, {"anthropic-version": version})

    def decode(self, body: object) -> Reply:
        return read_reply(body)

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        if wire.headers.get("anthropic-version") == _NEWEST:
            return {"authorization": f"Bearer {key}"}
        return {"x-api-key": key}


def _tools(thread: ChatThread, messages: list[JsonObject]) -> JsonObject:
    tools = views.tools(thread)
    if tools is not None:
        forced = thread.forced_tool
        choice = {"type": "auto"} if forced is None else {"type": "tool", "name": forced.name}
        return {"tools": tools, "tool_choice": choice}
    called = {call["name"]: None for message in messages for call in _called(message)}
    if not called:
        return {}
    return {"tools": [_known(thread, name) for name in called], "tool_choice": {"type": "none"}}


def _called(message: JsonObject) -> Iterator[JsonObject]:
    if isinstance(message["content"], list):
        yield from (block for block in message["content"] if block["type"] == "tool_use")


def _known(thread: ChatThread, name: str) -> JsonObject:
    """A tool of the past: "Requests which include `tool_use` or `tool_result` blocks must define tools"."""
    tool = thread.get_tool_by_name(name)
    form = None if tool is None else views.tool_form(tool, thread.llm_config.client)
    if form is not None and form["input_schema"]["type"] == "object":
        return form
    return {"name": name, "input_schema": {"type": "object"}}


def _output_config(thread: ChatThread, effort: str | None) -> JsonObject:
    config: JsonObject = {}
    if effort is not None:
        config["effort"] = effort
    wanted = thread.forced_output
    if thread.llm_config.response_format == "structured_output" and isinstance(wanted, StructuredTool):
        config["format"] = {"type": "json_schema", "schema": wanted.json_schema}
    return config
