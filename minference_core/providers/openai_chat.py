"""
OpenAI's Chat Completions, and the servers that speak it: one `Dialect` value each.

Source: https://platform.openai.com/docs/api-reference/chat, the `openai` SDK 3.54's type files,
and each server's documentation as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from minference_core.providers.asked import check
from minference_core.providers.base import JsonObject, WireRequest
from minference_core.providers.openai_chat_reply import read_reply
from minference_core.threads import ChatThread, Reply, views

__all__ = ["LITELLM", "OPENAI", "OPENROUTER", "VLLM", "Dialect", "OpenAIChat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One server's reading of the Chat Completions API."""

    name: str
    output_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning_fields: tuple[str, ...] = ()  # where thinking text arrives, if it does
    reasoning_object: bool = False  # effort goes into `reasoning: {"effort": …}`
    with_prefill: Mapping[str, Any] = field(default_factory=dict)  # without which a begun reply is history


OPENAI = Dialect(name="openai", output_limit_field="max_completion_tokens")
VLLM = Dialect(
    name="vllm",
    reasoning_fields=("reasoning", "reasoning_content"),
    with_prefill={"add_generation_prompt": False, "continue_final_message": True},
)
LITELLM = Dialect(name="litellm", reasoning_fields=("reasoning_content",))
OPENROUTER = Dialect(name="openrouter", reasoning_fields=("reasoning",), reasoning_object=True)


class OpenAIChat:
    """Writes and reads Chat Completions bodies in one server's dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    @property
    def name(self) -> str:
        return self._dialect.name

    @property
    def dialect(self) -> str:
        return f"chat/{self._dialect.name}"

    def encode(self, thread: ChatThread) -> WireRequest:
        asked = check(thread)
        config = thread.llm_config
        body: JsonObject = {"model": config.model, "messages": views.openai_messages(thread)}
        body[self._dialect.output_limit_field] = config.max_tokens
        body |= asked.settings
        if config.stop is not None:
            body["stop"] = list(config.stop)
        if asked.effort is not None:
            body |= self._effort(asked.effort)
        if (form := views.openai_response_format(thread)) is not None:
            body["response_format"] = form
        if (tools := views.tools(thread)) is not None:
            body |= {"tools": tools, "tool_choice": _tool_choice(thread)}
        if views.use_prefill(thread):
            body |= self._dialect.with_prefill
        return WireRequest("/v1/chat/completions", body | (config.extra_body or {}))

    def decode(self, body: object) -> Reply:
        return read_reply(body, self._dialect.reasoning_fields)

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    def _effort(self, effort: str) -> JsonObject:
        if self._dialect.reasoning_object:
            return {"reasoning": {"effort": effort}}
        return {"reasoning_effort": effort}


def _tool_choice(thread: ChatThread) -> str | JsonObject:
    if thread.forced_tool is None:
        return "auto"
    return {"type": "function", "function": {"name": thread.forced_tool.name}}
