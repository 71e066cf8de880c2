"""
OpenAI's Chat Completions, and the servers that speak it: one `Dialect` value each.

Source: https://platform.openai.com/docs/api-reference/chat, the `openai` SDK 3.54's type files,
and each server's documentation as of November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from minference_core.errors import Undecodable
from minference_core.providers.asked import check
from minference_core.providers.base import JsonObject, WireRequest
from minference_core.providers.reading import count, mapping, text_or_none
from minference_core.providers.strict import is_strict_legal
from minference_core.threads import ChatThread, FinishReason, Reply, Usage

__all__ = ["LITELLM", "OPENAI", "OPENROUTER", "VLLM", "Dialect", "OpenAIChat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One server's reading of the Chat Completions API."""

    name: str
    output_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning_fields: tuple[str, ...] = ()  # where thinking text arrives, if it does
    reasoning_object: bool = False  # effort goes into `reasoning: {"effort": …}`


OPENAI = Dialect(name="openai", output_limit_field="max_completion_tokens")
VLLM = Dialect(name="vllm", reasoning_fields=("reasoning", "reasoning_content"))
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
        check(thread)
        config = thread.llm_config
        body: JsonObject = {"model": config.model, "messages": _messages(thread)}
        body[self._dialect.output_limit_field] = config.max_tokens
        for field in ("temperature", "top_p", "seed"):
            if (value := getattr(config, field)) is not None:
                body[field] = value
        if config.stop is not None:
            body["stop"] = list(config.stop)
        if config.reasoning_effort is not None:
            body |= self._effort(config.reasoning_effort)
        if config.response_format == "structured_output":
            body["response_format"] = _response_format(thread)
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
        return Reply(
            text=refusal or text_or_none(message.get("content")) or "",
            finish="refusal" if refusal else _FINISH.get(finish_reason or "", "other"),
            finish_reason="refusal" if refusal else finish_reason,
            reasoning=self._reasoning(message),
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


def _messages(thread: ChatThread) -> list[JsonObject]:
    said = [{"role": m.role, "content": m.content} for m in thread.history]
    if thread.system_prompt is None:
        return said
    return [{"role": "system", "content": thread.system_prompt.content}, *said]


def _response_format(thread: ChatThread) -> JsonObject:
    output = thread.forced_output
    assert output is not None  # noqa: S101 (ChatThread validates it)
    return {
        "type": "json_schema",
        "json_schema": {
            "name": output.name,
            "description": output.description,
            "schema": output.json_schema,
            "strict": output.strict_schema and is_strict_legal(output.json_schema),
        },
    }


def _usage(value: object) -> Usage:
    if not isinstance(value, dict):
        return Usage()
    prompt = value.get("prompt_tokens_details")
    completion = value.get("completion_tokens_details")
    return Usage(
        prompt_tokens=count(value, "prompt_tokens"),
        completion_tokens=count(value, "completion_tokens"),
        cached_tokens=count(prompt, "cached_tokens"),
        cache_creation_tokens=count(prompt, "cache_write_tokens"),
        reasoning_tokens=count(completion, "reasoning_tokens"),
    )
