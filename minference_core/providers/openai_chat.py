"""
OpenAI's Chat Completions, and the servers that speak it: one `Dialect` value each.

Source: https://platform.openai.com/docs/api-reference/chat, the `openai` SDK 3.54's type files,
and each server's documentation as of November 2026.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from minference_core.errors import Undecodable
from minference_core.providers.asked import check
from minference_core.providers.base import JsonObject, WireRequest
from minference_core.providers.calls import Found, arguments_from_text, tool_calls
from minference_core.providers.reading import count, mapping, text_or_none
from minference_core.threads import ChatThread, FinishReason, Reply, TokenUsage, views

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

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


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
        top = mapping(body, "the body")
        if error := top.get("error"):
            raise Undecodable(f"an error inside a 200: {error!r}")
        choices = top.get("choices")
        if not isinstance(choices, list) or not choices:
            raise Undecodable("choices is empty or missing")
        choice = mapping(choices[0], "choices[0]")
        if error := choice.get("error"):
            raise Undecodable(f"an error inside a choice: {error!r}")
        message = mapping(choice.get("message"), "choices[0].message")
        refusal = text_or_none(message.get("refusal"))
        finish_reason = text_or_none(choice.get("finish_reason"))
        calls = tool_calls(_calls(message))
        return Reply(
            text=refusal or text_or_none(message.get("content")) or "",
            finish="refusal" if refusal else _finish(finish_reason, called=bool(calls)),
            finish_reason="refusal" if refusal else finish_reason,
            reasoning=self._reasoning(message),
            tool_calls=calls,
            usage=_usage(top.get("usage")),
            model=text_or_none(top.get("model")),
        )

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}"}

    def _effort(self, effort: str) -> JsonObject:
        if self._dialect.reasoning_object:
            return {"reasoning": {"effort": effort}}
        return {"reasoning_effort": effort}

    def _reasoning(self, message: JsonObject) -> str | None:
        found = (text_or_none(message.get(field)) for field in self._dialect.reasoning_fields)
        return next((text for text in found if text), None)


def _tool_choice(thread: ChatThread) -> str | JsonObject:
    if thread.forced_tool is None:
        return "auto"
    return {"type": "function", "function": {"name": thread.forced_tool.name}}


def _calls(message: JsonObject) -> Iterator[Found]:
    """The calls of a message, be they in `tool_calls` or in the older `function_call`."""
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield Found(call.get("id"), function.get("name"), arguments_from_text(function.get("arguments")))
    if not calls and isinstance(function := message.get("function_call"), dict):
        yield Found(None, function.get("name"), arguments_from_text(function.get("arguments")))


def _finish(finish_reason: str | None, *, called: bool) -> FinishReason:
    """A call that was forced by name ends as "stop"."""
    finish = _FINISH.get(finish_reason or "", "other")
    return "tool_calls" if called and finish in ("stop", "other") else finish


def _usage(value: object) -> TokenUsage:
    if not isinstance(value, dict):
        return TokenUsage()
    prompt = value.get("prompt_tokens_details")
    completion = value.get("completion_tokens_details")
    return TokenUsage(
        prompt_tokens=count(value, "prompt_tokens"),
        completion_tokens=count(value, "completion_tokens"),
        cached_tokens=count(prompt, "cached_tokens"),
        cache_creation_tokens=count(prompt, "cache_write_tokens"),
        reasoning_tokens=count(completion, "reasoning_tokens"),
        accepted_prediction_tokens=count(completion, "accepted_prediction_tokens"),
        rejected_prediction_tokens=count(completion, "rejected_prediction_tokens"),
        audio_tokens=count(completion, "audio_tokens"),
    )
