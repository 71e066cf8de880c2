"""
Anthropic's Messages API, in its versions 2023-06-01 and 2026-10-21.

Source: https://docs.anthropic.com/en/api/messages and the `anthropic` SDK 2.12's type files.
Differs from our words: the system prompt is a top-level field, a schema goes into `output_config`,
and the newest version takes no sampling settings at all, so a request that has one is sent under
the older.
"""

from collections.abc import Mapping
from typing import Any

from minference_core.errors import Undecodable
from minference_core.providers.asked import check
from minference_core.providers.base import JsonObject, WireRequest
from minference_core.providers.reading import count, mapping, text_or_none
from minference_core.threads import ChatThread, FinishReason, Reply, Usage

__all__ = ["Anthropic"]

_NEWEST = "2026-10-21"
_TAKES_SAMPLING = "2023-06-01"
_SAMPLING = ("temperature", "top_p", "top_k")

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


class Anthropic:
    """Writes and reads Messages API bodies."""

    name = "anthropic"
    dialect = "messages"

    def encode(self, thread: ChatThread) -> WireRequest:
        check(thread)
        config = thread.llm_config
        body: JsonObject = {
            "model": config.model,
            "max_tokens": config.max_tokens,
            "messages": [{"role": m.role, "content": m.content} for m in thread.history],
        }
        if thread.system_prompt is not None:
            body["system"] = thread.system_prompt.content
        for field in ("temperature", "top_p"):
            if (value := getattr(config, field)) is not None:
                body[field] = value
        if config.stop is not None:
            body["stop_sequences"] = list(config.stop)
        if output_config := _output_config(thread):
            body["output_config"] = output_config
        extra = dict(config.extra_body or {})
        if isinstance(more := extra.get("output_config"), dict):
            extra["output_config"] = {**body.get("output_config", {}), **more}
        body |= extra
        version = _TAKES_SAMPLING if any(field in body for field in _SAMPLING) else _NEWEST
        return WireRequest("/v1/messages", body, {"anthropic-version": version})

    def decode(self, body: object) -> Reply:
        top = mapping(body, "the body")
        if top.get("type") == "error":
            raise Undecodable(f"an error inside a 200: {top.get('error')!r}")
        blocks = top.get("content")
        if not isinstance(blocks, list):
            raise Undecodable("content is missing or not a list")
        finish_reason = text_or_none(top.get("stop_reason"))
        return Reply(
            text=_joined(blocks, "text"),
            finish=_FINISH.get(finish_reason or "", "other"),
            finish_reason=finish_reason,
            reasoning=_joined(blocks, "thinking") or None,
            usage=_usage(top.get("usage")),
            model=text_or_none(top.get("model")),
        )

    def authorization(self, key: str, wire: WireRequest) -> Mapping[str, str]:
        if wire.headers.get("anthropic-version") == _NEWEST:
            return {"authorization": f"Bearer {key}"}
        return {"x-api-key": key}


def _output_config(thread: ChatThread) -> JsonObject:
    config: JsonObject = {}
    if thread.llm_config.reasoning_effort is not None:
        config["effort"] = thread.llm_config.reasoning_effort
    if thread.llm_config.response_format == "structured_output" and thread.forced_output is not None:
        config["format"] = {"type": "json_schema", "schema": thread.forced_output.json_schema}
    return config


def _joined(blocks: list[Any], kind: str) -> str:
    """The text of every block of one type, in order."""
    found = (text_or_none(b.get(kind)) for b in blocks if isinstance(b, dict) and b.get("type") == kind)
    return "".join(text for text in found if text is not None)


def _usage(value: object) -> Usage:
    """Anthropic counts cached and newly cached input beside `input_tokens`; ours is the sum of all."""
    read = count(value, "input_tokens")
    cached = count(value, "cache_read_input_tokens")
    created = count(value, "cache_creation_input_tokens")
    details = value.get("output_tokens_details") if isinstance(value, dict) else None
    return Usage(
        prompt_tokens=None if read is None else read + (cached or 0) + (created or 0),
        completion_tokens=count(value, "output_tokens"),
        cached_tokens=cached,
        cache_creation_tokens=created,
        reasoning_tokens=count(details, "thinking_tokens"),
    )
