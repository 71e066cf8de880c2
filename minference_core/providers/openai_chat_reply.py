"""Reading what a server that speaks Chat Completions answers."""

from collections.abc import Iterator, Mapping
from typing import Any

from minference_core.errors import Undecodable
from minference_core.providers.base import JsonObject
from minference_core.providers.calls import Found, carried, tool_calls
from minference_core.providers.embedded_calls import call_from_text
from minference_core.providers.failures import error_text
from minference_core.providers.reading import mapping, objects, text_or_none
from minference_core.providers.thinking import split_thinking
from minference_core.providers.usage import chat_usage
from minference_core.threads import FinishReason, Reply

__all__ = ["read_reply"]

# OpenAI's words, and those of models and servers that a proxy passes on as they are.
_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "refusal",
}
_BROKEN = ("error", "abort")  # OpenRouter's and vLLM's words for a reply that came to no end
_DETAILS = "reasoning_details"


def read_reply(
    body: object,
    reasoning_fields: tuple[str, ...],
    *,
    inlines_thinking: bool = False,
    carried_field: str | None = None,
) -> Reply:
    """
    Read a 2xx body.

    Args:
        reasoning_fields: Where in a message the server puts the model's thinking, the first that is there.
        inlines_thinking: Whether it may have left it in the text.
        carried_field: Where in a message that is which has to be sent back with its calls.

    Raises:
        Undecodable: The body is not what the servers document.
    """
    top = mapping(body, "the body")
    choice = _choice(top)
    finish_reason = text_or_none(choice.get("finish_reason"))
    finish = _finish(choice, finish_reason)
    message = _message(choice, finish)
    text, refusal = _said(message.get("content")), _refusal(message)
    reasoning = _reasoning(message, reasoning_fields)
    if inlines_thinking and reasoning is None:
        reasoning, text = split_thinking(text, cut_off=finish == "length")
    found = list(_calls(message))
    calls = tool_calls(found)
    if calls and finish in ("stop", "other"):  # a call that was forced by name ends as "stop"
        finish = "tool_calls"
    details = [] if carried_field is None else list(objects(message.get(carried_field)))
    return Reply(
        text=refusal or text,
        finish="refusal" if refusal else finish,
        finish_reason="refusal" if refusal else finish_reason,
        reasoning=reasoning,
        tool_calls=calls,
        carried=carried(details, found, calls),
        usage=chat_usage(top.get("usage"), top.get("service_tier")),
        model=text_or_none(top.get("model")),
    )


def _choice(top: JsonObject) -> JsonObject:
    if error := top.get("error"):
        raise Undecodable(f"an error inside a 200: {error_text(error)}")
    choices = top.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Undecodable("choices is empty or missing")
    choice = mapping(choices[0], "choices[0]")
    if error := choice.get("error"):
        raise Undecodable(f"an error inside a choice: {error_text(error)}")
    if choice.get("finish_reason") in _BROKEN:
        raise Undecodable(f"the reply was broken off: its finish_reason is {choice['finish_reason']}")
    return choice


def _finish(choice: JsonObject, finish_reason: str | None) -> FinishReason:
    """Azure says what its filter found beside the reason, whatever that is."""
    found = choice.get("content_filter_results")
    results = found.values() if isinstance(found, dict) else ()
    if any(isinstance(result, dict) and result.get("filtered") is True for result in results):
        return "content_filter"
    return _FINISH.get((finish_reason or "").lower(), "other")


def _message(choice: JsonObject, finish: FinishReason) -> JsonObject:
    message = choice.get("message")
    if message is None and finish == "content_filter":
        return {}
    return mapping(message, "choices[0].message")


def _said(content: object) -> str:
    """A text, or the texts of its parts."""
    if not isinstance(content, list):
        return text_or_none(content) or ""
    return "".join(_texts(content))


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
            part = part.get("text")
        yield text_or_none(part) or ""


def _refusal(message: JsonObject) -> str | None:
    parts = (text_or_none(part.get("refusal")) for part in objects(message.get("content"), "refusal"))
    return text_or_none(message.get("refusal")) or "".join(filter(None, parts)) or None


def _reasoning(message: JsonObject, fields: tuple[str, ...]) -> str | None:
    """What the server says apart from the reply; some say it only in detail."""
    if not fields:
        return None
    plain = (text_or_none(message.get(field)) for field in fields)
    detailed = "\n\n".join(_thoughts(message))
    return next(filter(None, plain), None) or detailed or None


def _thoughts(message: JsonObject) -> Iterator[str]:
    for detail in objects(message.get(_DETAILS)):
        yield from filter(None, (text_or_none(detail.get(field)) for field in ("text", "summary")))
    for part in objects(message.get("content"), "thinking"):
        if thought := _said(part.get("thinking")):
            yield thought


def _calls(message: JsonObject) -> Iterator[Found]:
    """The calls of a message, be they in `tool_calls` or in the older `function_call`."""
    calls = message.get("tool_calls")
    for call in objects([calls] if isinstance(calls, dict) else calls):
        if isinstance(function := call.get("function"), dict):
            yield call_from_text(call.get("id"), function.get("name"), function.get("arguments"))
    if not calls and isinstance(function := message.get("function_call"), dict):
        yield call_from_text(None, function.get("name"), function.get("arguments"))
