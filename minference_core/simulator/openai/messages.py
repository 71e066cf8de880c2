"""Reading the `messages` of a Chat Completions request: are they in order, and what do they say."""

from typing import Any

from minference_core.simulator.openai.images import TOKENS_PER_IMAGE, check_image_url
from minference_core.simulator.openai.refusals import bad, missing
from minference_core.simulator.tokens import count_tokens
from minference_core.simulator.wire import JsonObject

__all__ = ["check_messages", "prompt_tokens", "text_of"]

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_TOKENS_PER_MESSAGE = 4  # the role and the separators
_TOKENS_PER_REPLY = 3


def check_messages(body: JsonObject) -> None:
    """
    Raises:
        Refused: `messages` is missing, empty, of the wrong shape, or a tool call is left unanswered.
    """
    if "messages" not in body:
        raise missing("messages")
    messages = body["messages"]
    if not messages:
        rule = "Expected an array with minimum length 1, but got an empty array instead."
        raise bad(f"Invalid 'messages': empty array. {rule}", "messages", "empty_array")
    waiting: set[str] = set()
    for at, message in enumerate(messages):
        waiting = _check_message(at, message, waiting)
    _all_answered(waiting)


def text_of(content: Any) -> str:
    """The words of a message's content, whether it is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return ""


def prompt_tokens(body: JsonObject) -> int:
    """What the request weighs before it is answered."""
    total = _TOKENS_PER_REPLY
    for message in body["messages"]:
        content = message.get("content")
        total += _TOKENS_PER_MESSAGE + count_tokens(text_of(content))
        if isinstance(content, list):
            total += TOKENS_PER_IMAGE * sum(part.get("type") == "image_url" for part in content)
        for call in message.get("tool_calls") or ():
            total += count_tokens(str(call.get("function", {})))
    for field in ("tools", "response_format", "structured_outputs"):
        if body.get(field):
            total += count_tokens(str(body[field]))
    return total


def _check_message(at: int, message: JsonObject, waiting: set[str]) -> set[str]:
    """Check one message; returns the ids of tool calls that still want their answer after it."""
    where = f"messages[{at}]"
    role = message.get("role")
    if role is None:
        raise missing(f"{where}.role")
    if role not in _ROLES:
        supported = ", ".join(f"'{r}'" for r in _ROLES[:-1]) + f", and '{_ROLES[-1]}'"
        text = f"Invalid value: '{role}'. Supported values are: {supported}."
        raise bad(text, f"{where}.role", "invalid_value")
    calls = message.get("tool_calls") if role == "assistant" else None
    _check_content(where, message.get("content"), required=not (calls or message.get("function_call")))
    _check_images(where, message)
    if role == "tool":
        return _answered(where, message.get("tool_call_id"), waiting)
    _all_answered(waiting)
    return {call["id"] for call in calls or () if "id" in call}


def _check_content(where: str, content: str | list[JsonObject] | None, *, required: bool) -> None:
    if content is None:
        if required:
            raise bad("Invalid value for 'content': expected a string, got null.", f"{where}.content")
        return
    if isinstance(content, str):
        return
    for at, part in enumerate(content):
        if "type" not in part:
            raise missing(f"{where}.content[{at}].type")


def _check_images(where: str, message: JsonObject) -> None:
    content = message.get("content")
    for at, part in enumerate(content if isinstance(content, list) else ()):
        if part["type"] != "image_url":
            continue
        if (role := message["role"]) != "user":
            rule = "Image URLs are only allowed for messages with role 'user'"
            found = f"but this message with role '{role}' contains an image URL."
            raise bad(f"Invalid '{where}'. {rule}, {found}", where, "invalid_value")
        place = f"{where}.content[{at}].image_url"
        for name, holder in ((place, part), (f"{place}.url", part.get("image_url", {}))):
            if name.rpartition(".")[2] not in holder:
                raise missing(name)
        check_image_url(part["image_url"]["url"], f"{place}.url")


def _answered(where: str, call_id: str | None, waiting: set[str]) -> set[str]:
    if call_id is None:
        raise missing(f"{where}.tool_call_id")
    if call_id not in waiting:
        text = "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
        raise bad(f"Invalid parameter: {text}", f"{where}.role")
    return waiting - {call_id}


def _all_answered(waiting: set[str]) -> None:
    if waiting:
        ids = ", ".join(sorted(waiting))
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each"
            f" 'tool_call_id'. The following tool_call_ids did not have response messages: {ids}"
        )
        raise bad(text, "messages")
