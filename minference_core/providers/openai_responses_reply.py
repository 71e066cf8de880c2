"""Reading what OpenAI's Responses API answers, and the servers that speak it."""

from collections.abc import Iterator, Mapping

from minference_core.errors import Undecodable
from minference_core.providers.base import JsonObject
from minference_core.providers.calls import Found, carried, tool_calls
from minference_core.providers.embedded_calls import call_from_text
from minference_core.providers.failures import error_text
from minference_core.providers.reading import mapping, objects, text_or_none
from minference_core.providers.usage import responses_usage
from minference_core.threads import FinishReason, Reply

__all__ = ["read_reply"]

_FINISH: Mapping[str, FinishReason] = {
    "completed": "stop",
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}
_UNFINISHED = ("queued", "in_progress", "cancelled")


def read_reply(body: object) -> Reply:
    """
    Read a 2xx body.

    Items of other kinds than messages, reasoning and calls of our tools are passed over.

    Raises:
        Undecodable: The body is not what OpenAI documents, or no answer.
    """
    top = mapping(body, "the body")
    _check_answered(top)
    if not isinstance(top.get("output"), list):
        raise Undecodable("output is missing or not a list")
    items = list(objects(top["output"]))
    refusal = _joined(items, "refusal", "refusal")
    finish_reason = _finish_reason(top)
    finish = _FINISH.get(finish_reason or "", "length" if top.get("status") == "incomplete" else "other")
    found = list(_calls(items))
    calls = tool_calls(found)
    if calls and (finish == "stop" or finish_reason is None):
        finish = "tool_calls"
    thought = any(item.get("type") == "reasoning" for item in items)
    return Reply(
        text=refusal or _joined(items, "output_text", "text"),
        finish="refusal" if refusal else finish,
        finish_reason="refusal" if refusal else finish_reason,
        reasoning="\n\n".join(_thoughts(items)) or None,
        tool_calls=calls,
        carried=carried(items, found, calls) if thought else (),
        usage=responses_usage(top.get("usage"), top.get("service_tier")),
        model=text_or_none(top.get("model")),
    )


def _check_answered(top: JsonObject) -> None:
    status = top.get("status")
    if status == "failed" or top.get("error"):
        raise Undecodable(f"the response failed: {error_text(top.get('error') or 'it does not say why')}")
    if status in _UNFINISHED:
        raise Undecodable(f"the response is {status}: there is no answer in it")


def _finish_reason(top: JsonObject) -> str | None:
    """The status, or why it is not `completed`."""
    details = top.get("incomplete_details")
    reason = text_or_none(details.get("reason")) if isinstance(details, dict) else None
    status = text_or_none(top.get("status"))
    return status if status == "completed" else reason or status


def _joined(items: list[JsonObject], kind: str, field: str) -> str:
    """The texts of every part of one type, of all messages, in order."""
    parts = (part for item in objects(items, "message") for part in objects(item.get("content"), kind))
    return "".join(text_or_none(part.get(field)) or "" for part in parts)


def _thoughts(items: list[JsonObject]) -> Iterator[str]:
    """OpenAI summarizes the model's reasoning, servers of open models give it whole."""
    for item in objects(items, "reasoning"):
        parts = [*objects(item.get("summary")), *objects(item.get("content"))]
        yield from filter(None, (text_or_none(part.get("text")) for part in parts))


def _calls(items: list[JsonObject]) -> Iterator[Found]:
    for item in objects(items, "function_call"):
        yield call_from_text(item.get("call_id"), item.get("name"), item.get("arguments"))
