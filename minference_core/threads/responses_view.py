"""How a thread looks to OpenAI's Responses API."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from minference_core import ids
from minference_core.threads.asking import spoken, use_postfill
from minference_core.threads.chat_view import instructor, openai_response_format
from minference_core.threads.config import ResponseFormat
from minference_core.threads.images import Image
from minference_core.threads.messages import MessageRole
from minference_core.threads.messages_view import GO_ON
from minference_core.threads.said import Said

if TYPE_CHECKING:
    from minference_core.threads.thread import ChatThread

__all__ = ["responses_input", "responses_text_format"]

JsonObject = dict[str, Any]


def responses_input(thread: "ChatThread") -> list[JsonObject]:
    """The input items: messages, calls and their results; the prompt is not among them."""
    # The word that json_object has to be asked with must be in the input: the instructions do not count.
    is_json_mode = thread.llm_config.response_format == ResponseFormat.json_object
    said = spoken(thread, "responses", postfill=is_json_mode or use_postfill(thread))
    items: list[JsonObject] = []
    for one in said:
        match one.role:
            case MessageRole.assistant:
                items += _reply(one)
            case MessageRole.system:
                items.append({"role": instructor(thread), "content": one.text})
            case _:
                items.append({"role": "user", "content": _content(one)})
    return items or [{"role": "user", "content": GO_ON}]


def responses_text_format(thread: "ChatThread") -> JsonObject | None:
    """`text.format`: what is one level deeper in Chat Completions."""
    form = openai_response_format(thread)
    if form is None or "json_schema" not in form:
        return form
    return {"type": form["type"], **form["json_schema"]}


def _reply(one: Said) -> Iterator[JsonObject]:
    if one.carried and _is_whole(one.carried):
        yield from map(_as_input, one.carried)
    else:
        if one.text.strip():
            yield {"role": "assistant", "content": one.text}
        for call in one.calls:
            arguments = ids.json_text(call.arguments)
            yield {
                "type": "function_call",
                "call_id": call.call_id,
                "name": call.name,
                "arguments": arguments,
            }
    for call in one.calls:
        yield {"type": "function_call_output", "call_id": call.call_id, "output": call.result}


def _is_whole(items: Iterable[Any]) -> bool:
    """Whether the API can read them again: it keeps nothing itself, so reasoning must be all there."""
    return all(item.get("encrypted_content") for item in items if item.get("type") == "reasoning")


def _as_input(value: Any) -> Any:
    """An output item as an input item: the same, but for the nulls, which only an answer may have."""
    if isinstance(value, dict):
        return {name: _as_input(inner) for name, inner in value.items() if inner is not None}
    return [_as_input(inner) for inner in value] if isinstance(value, list) else value


def _content(one: Said) -> str | list[JsonObject]:
    if not one.images:
        return one.text
    parts = [_image(image) for image in one.images]
    return [*parts, {"type": "input_text", "text": one.text}] if one.text else parts


def _image(image: Image) -> JsonObject:
    return {"type": "input_image", "image_url": image.as_url, "detail": image.detail or "auto"}
