"""Reading what Anthropic's Messages API answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from minference_core.errors import Undecodable
from minference_core.providers.calls import Found, arguments_from_json, tool_calls
from minference_core.providers.reading import count, mapping, text_or_none
from minference_core.threads import FinishReason, Reply, TokenUsage

__all__ = ["read_reply"]

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}


def read_reply(body: object) -> Reply:
    """
    Read a 2xx body.

    Raises:
        Undecodable: The body is not what Anthropic documents.
    """
    top = mapping(body, "the body")
    if top.get("type") == "error":
        raise Undecodable(f"an error inside a 200: {top.get('error')!r}")
    blocks = top.get("content")
    if not isinstance(blocks, list):
        raise Undecodable("content is missing or not a list")
    finish_reason = text_or_none(top.get("stop_reason"))
    finish = _FINISH.get(finish_reason or "", "other")
    calls = tool_calls(_calls(blocks))
    return Reply(
        text=_joined(blocks, "text"),
        finish="tool_calls" if calls and finish in ("stop", "other") else finish,
        finish_reason=finish_reason,
        reasoning=_joined(blocks, "thinking") or None,
        tool_calls=calls,
        usage=_usage(top.get("usage")),
        model=text_or_none(top.get("model")),
    )


def _calls(blocks: list[Any]) -> Iterator[Found]:
    for block in blocks:
        if isinstance(block, dict) and block.get("type") == "tool_use":
            yield Found(block.get("id"), block.get("name"), arguments_from_json(block.get("input")))


def _joined(blocks: list[Any], kind: str) -> str:
    """The text of every block of one type, in order."""
    found = (text_or_none(b.get(kind)) for b in blocks if isinstance(b, dict) and b.get("type") == kind)
    return "".join(text for text in found if text is not None)


def _usage(value: object) -> TokenUsage:
    """Anthropic counts cached and newly cached input beside `input_tokens`; ours is the sum of all."""
    read = count(value, "input_tokens")
    cached = count(value, "cache_read_input_tokens")
    created = count(value, "cache_creation_input_tokens")
    details = value.get("output_tokens_details") if isinstance(value, dict) else None
    return TokenUsage(
        prompt_tokens=None if read is None else read + (cached or 0) + (created or 0),
        completion_tokens=count(value, "output_tokens"),
        cached_tokens=cached,
        cache_creation_tokens=created,
        reasoning_tokens=count(details, "thinking_tokens"),
    )
