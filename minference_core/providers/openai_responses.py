"""
OpenAI's Responses API.

Source: https://platform.openai.com/docs/api-reference/responses and the `openai` SDK 3.54's type files.
Differs from Chat Completions: the prompt is `instructions`, what is said are items, calls and results
among them, and the model's reasoning comes as items that are sent back with its calls. Nothing is kept by
OpenAI (`store: false`), so reasoning comes encrypted.
"""

from collections.abc import Mapping

from minference_core.providers.asked import Asked, check
from minference_core.providers.base import JsonObject, WireRequest, merged
from minference_core.providers.openai_responses_reply import read_reply
from minference_core.threads import ChatThread, Reply, settings, views

__all__ = ["OpenAIResponses"]


class OpenAIResponses:
    """Writes and reads Responses API bodies."""

    name = "openai"
    dialect = "responses"

    def encode(self, thread: ChatThread) -> WireRequest:
        asked = check(thread)
        config = thread.llm_config
        settings.check_responses(config.__dict__, asked.takes)
        said = merged(_body(thread, asked), config.extra_body, deep=("text", "reasoning"))
        beside = {"service_tier": config.service_tier, "prompt_cache_key": config.prompt_cache_key}
        unsaid = {name: value for name, value in beside.items() if value is not None and name not in said}
        return WireRequest("/v1/responses", said | unsaid, asked=said)

    def decode(self, body: object) -> Reply:
        return read_reply(body)

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}


def _body(thread: ChatThread, asked: Asked) -> JsonObject:
    config = thread.llm_config
    body: JsonObject = {"model": config.model, "input": views.responses_input(thread)}
    if instructions := views.system_text(thread):
        body["instructions"] = instructions
    body |= {"max_output_tokens": config.max_tokens, "store": False}
    body |= asked.settings
    if asked.takes.efforts and asked.effort != "none":
        body["include"] = ["reasoning.encrypted_content"]
    if asked.effort is not None:
        body["reasoning"] = {"effort": asked.effort}
    if text := _text(thread):
        body["text"] = text
    if (tools := views.responses_tools(thread)) is not None:
        body |= {"tools": tools, "tool_choice": _tool_choice(thread)}
    return body


def _text(thread: ChatThread) -> JsonObject:
    wanted = {"format": views.responses_text_format(thread), "verbosity": thread.llm_config.verbosity}
    return {name: value for name, value in wanted.items() if value is not None}


def _tool_choice(thread: ChatThread) -> str | JsonObject:
    if thread.forced_tool is None:
        return "auto"
    return {"type": "function", "name": thread.forced_tool.name}
