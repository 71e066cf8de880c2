"""Reading what a server that speaks Chat Completions answers."""

from collections.abc import Iterator, Mapping

from minference_core.errors import Undecodable
from minference_core.providers.base import JsonObject
from minference_core.providers.calls import Found, arguments_from_text, tool_calls
from minference_core.providers.reading import count, mapping, text_or_none
from minference_core.threads import FinishReason, Reply, TokenUsage

__all__ = ["read_reply"]

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


def read_reply(body: object, reasoning_fields: tuple[str, ...]) -> Reply:
    """
    Read a 2xx body.

    Args:
        reasoning_fields: Where in a message the server puts the model's thinking, the first that is there.

    Raises:
        Undecodable: The body is not what the servers document.
    """
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
        reasoning=_reasoning(message, reasoning_fields),
        tool_calls=calls,
        usage=_usage(top.get("usage")),
        model=text_or_none(top.get("model")),
    )


def _reasoning(message: JsonObject, fields: tuple[str, ...]) -> str | None:
    found = (text_or_none(message.get(field)) for field in fields)
    return next((text for text in found if text), None)


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
