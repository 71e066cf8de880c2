"""Reading what Anthropic's Messages API answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from minference_core.errors import Undecodable
from minference_core.providers.calls import Found, arguments_from_json, carried, tool_calls
from minference_core.providers.failures import error_text
from minference_core.providers.reading import mapping, objects, text_or_none
from minference_core.providers.usage import anthropic_usage
from minference_core.threads import FinishReason, Reply

__all__ = ["read_reply"]

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "length",  # of tools on Anthropic's side, which only an extra_body asks for
}
_THINKING = ("thinking", "redacted_thinking")


def read_reply(body: object) -> Reply:
    """
    Read a 2xx body.

    Blocks of tools on Anthropic's side are passed over: their results are in the text.

    Raises:
        Undecodable: The body is not what Anthropic documents.
    """
    top = mapping(body, "the body")
    if top.get("type") == "error" or top.get("error"):
        raise Undecodable(f"an error inside a 200: {error_text(top.get('error'))}")
    if not isinstance(top.get("content"), list):
        raise Undecodable("content is missing or not a list")
    blocks = list(objects(top["content"]))
    finish_reason = text_or_none(top.get("stop_reason"))
    finish = _FINISH.get(finish_reason or "", "other")
    found = list(_calls(blocks))
    calls = tool_calls(found)
    thought = any(block.get("type") in _THINKING for block in blocks)
    return Reply(
        text=_joined(blocks, "text") or (_explanation(top) if finish == "refusal" else ""),
        finish="tool_calls" if calls and finish in ("stop", "other") else finish,
        finish_reason=finish_reason,
        reasoning=_joined(blocks, "thinking") or None,
        tool_calls=calls,
        carried=carried(blocks, found, calls) if thought else (),
        usage=anthropic_usage(top.get("usage")),
        model=text_or_none(top.get("model")),
    )


def _calls(blocks: list[dict[str, Any]]) -> Iterator[Found]:
    for block in objects(blocks, "tool_use"):
        yield Found(block.get("id"), block.get("name"), arguments_from_json(block.get("input")))


def _joined(blocks: list[dict[str, Any]], kind: str) -> str:
    """The text of every block of one type, in order."""
    return "".join(text_or_none(block.get(kind)) or "" for block in objects(blocks, kind))


def _explanation(top: dict[str, Any]) -> str:
    details = top.get("stop_details")
    return (text_or_none(details.get("explanation")) if isinstance(details, dict) else None) or ""
