"""
Anthropic's Messages API, in its versions 2023-06-01 and 2026-10-21.

Source: https://docs.anthropic.com/en/api/messages and the `anthropic` SDK 2.12's type files.
Differs from our words: the system prompt is a top-level field, a schema goes into `output_config`,
results of tools are the user's, and the newest version takes no sampling settings at all, so a request
that has one is sent under the older.
"""

from collections.abc import Iterator, Mapping

from minference_core.errors import Unsupported
from minference_core.providers.anthropic_reply import read_reply
from minference_core.providers.asked import Asked, check
from minference_core.providers.base import JsonObject, WireRequest, merged
from minference_core.providers.cache_marks import marked
from minference_core.threads import ChatThread, Reply, views
from minference_core.threads.anthropic_schema import anthropic_form
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
        body = merged(_body(thread, asked), config.extra_body, deep=("output_config",))
        written = body if config.service_tier is None else {**body, "service_tier": config.service_tier}
        if config.use_cache and "cache_control" not in body:
            written = marked(written)
        headers = {"anthropic-version": _version(thread, body)}
        return WireRequest("/v1/messages", written, headers, asked=body)

    def decode(self, body: object) -> Reply:
        return read_reply(body)

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        if wire.headers.get("anthropic-version") == _NEWEST:
            return {"authorization": f"Bearer {key}"}
        return {"x-api-key": key}


def _body(thread: ChatThread, asked: Asked) -> JsonObject:
    config = thread.llm_config
    system, messages = views.anthropic_messages(thread)
    body: JsonObject = {"model": config.model, "max_tokens": config.max_tokens, "messages": messages}
    if system:
        body["system"] = system[0]["text"]
    body |= asked.settings
    if config.stop is not None:
        body["stop_sequences"] = list(config.stop)
    body |= _tools(thread, messages, asked)
    body |= _thinking(thread, asked, messages)
    if output_config := _output_config(thread, asked):
        body["output_config"] = output_config
    return body


def _version(thread: ChatThread, body: JsonObject) -> str:
    """The one that is asked for, or the newest that takes what is in the body."""
    sampling = next((field for field in _SAMPLING if field in body), None)
    wanted = thread.llm_config.api_version
    if wanted == _NEWEST and sampling is not None:
        problem = f"it has {sampling}, which api_version {_NEWEST} does not take"
        raise Unsupported("extra_body", problem, f"leave it out, or use api_version {_TAKES_SAMPLING}")
    return wanted or (_NEWEST if sampling is None else _TAKES_SAMPLING)


# ── tools ─────────────────────────────────────────────────────────────────────


def _tools(thread: ChatThread, messages: list[JsonObject], asked: Asked) -> JsonObject:
    tools = views.tools(thread)
    if tools is not None:
        forced = thread.forced_tool if asked.takes.forced_calls else None
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
    form = None if tool is None else views.past_tool(tool)
    return form or {"name": name, "input_schema": {"type": "object"}}


# ── thinking and schemas ──────────────────────────────────────────────────────


def _thinking(thread: ChatThread, asked: Asked, messages: list[JsonObject]) -> JsonObject:
    """As it is asked for; a model that nobody tells thinks or does not, as it is made."""
    budget, effort = thread.llm_config.reasoning_max_tokens, asked.effort
    if effort == "none":
        off = asked.takes.thinking_off
        return {} if off is None else {"thinking": {"type": off}}
    if budget is None and effort is None:
        return {}
    if thread.forced_tool is not None and asked.takes.forced_calls:
        field = "reasoning_effort" if budget is None else "reasoning_max_tokens"
        form = thread.llm_config.response_format
        problem = f"response_format {form} forces a call, and the model cannot think before one"
        raise Unsupported(field, problem, "use auto_tools, or leave it null")
    if budget is None:
        return {"thinking": {"type": "adaptive"}} if "adaptive" in asked.takes.thinking else {}
    if _goes_on_without_thoughts(messages):
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _goes_on_without_thoughts(messages: list[JsonObject]) -> bool:
    """
    Whether the results of calls are sent whose model did not think, or whose thoughts mean nothing here.

    "When thinking is enabled, a final assistant message must start with a thinking block".
    """
    if len(messages) < 2 or messages[-2]["role"] != "assistant":
        return False
    blocks = messages[-2]["content"]
    if isinstance(blocks, str) or not any(block["type"] == "tool_use" for block in blocks):
        return False
    return blocks[0]["type"] not in ("thinking", "redacted_thinking")


def _output_config(thread: ChatThread, asked: Asked) -> JsonObject:
    config: JsonObject = {}
    if asked.effort not in (None, "none"):
        config["effort"] = asked.effort
    wanted = thread.forced_output
    if thread.llm_config.response_format == "structured_output" and isinstance(wanted, StructuredTool):
        schema = anthropic_form(wanted.json_schema)
        if schema is None:
            problem = (
                "Anthropic cannot hold a reply to its schema, which refers to itself or has open objects"
            )
            raise Unsupported("forced_output", problem, "use response_format tool")
        config["format"] = {"type": "json_schema", "schema": schema}
    return config
