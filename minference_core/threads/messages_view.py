"""How a thread looks to Anthropic's Messages API."""

from typing import TYPE_CHECKING, Any

from minference_core.threads.asking import spoken, system_text, use_prefill
from minference_core.threads.images import Image
from minference_core.threads.messages import MessageRole
from minference_core.threads.said import AnsweredCall, Said

if TYPE_CHECKING:
    from minference_core.threads.thread import ChatThread

__all__ = ["GO_ON", "anthropic_messages"]

JsonObject = dict[str, Any]

# Anthropic wants the first word and the last one to be the user's, and none of them to be blank.
_OPENING = "(The conversation begins.)"
GO_ON = "Continue."
_NOTHING = "(nothing)"


def anthropic_messages(thread: "ChatThread") -> tuple[list[JsonObject], list[JsonObject]]:
    """
    The system blocks, at most one, and the messages.

    System messages inside the history go to the end of the system text, in order. What follows the
    results of calls is in one message with them; plain texts stay plain.
    """
    said = spoken(thread, "messages")
    system = [system_text(thread), *(one.text for one in said if one.role == MessageRole.system)]
    written: list[JsonObject] = []
    for one in said:
        if one.role == MessageRole.assistant:
            written += _reply(one)
        elif one.role == MessageRole.user:
            _add_question(written, one)
    if written and written[0]["role"] == "assistant":
        written.insert(0, {"role": "user", "content": _OPENING})
    if said and (not written or written[-1]["role"] == "assistant"):
        written.append({"role": "user", "content": GO_ON})
    if use_prefill(thread):
        # "final assistant content cannot end with trailing whitespace"
        written.append({"role": "assistant", "content": thread.prefill.rstrip()})
    text = "\n\n".join(part for part in system if part)
    return ([_text(text)] if text else []), written


def _reply(one: Said) -> list[JsonObject]:
    """An assistant message and the results of its calls; nothing for one that says nothing."""
    is_blank = not one.text.strip()
    if not one.calls:
        return [] if is_blank else [{"role": "assistant", "content": one.text}]
    blocks = [] if is_blank else [_text(one.text)]
    blocks += [
        {"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.arguments}
        for call in one.calls
    ]
    results = [_result(call) for call in one.calls]
    return [
        {"role": "assistant", "content": _as_it_came(one) or blocks},
        {"role": "user", "content": results},
    ]


def _as_it_came(one: Said) -> list[JsonObject]:
    """The blocks of the reply itself, without what a request may not say: nulls, and texts of nothing."""
    said = (part for part in one.carried if part.get("type") != "text" or str(part.get("text") or "").strip())
    return [{name: value for name, value in part.items() if value is not None} for part in said]


def _result(call: AnsweredCall) -> JsonObject:
    return {
        "type": "tool_result",
        "tool_use_id": call.call_id,
        "content": call.result,
        "is_error": call.is_error,
    }


def _add_question(written: list[JsonObject], one: Said) -> None:
    text = one.text if one.text.strip() or one.images else _NOTHING
    blocks = [*map(_image, one.images), *([_text(text)] if text.strip() else [])]
    if written and written[-1]["role"] == "user" and _holds_results(written[-1]):
        written[-1]["content"] += blocks
    else:
        written.append({"role": "user", "content": blocks if one.images else text})


def _holds_results(message: JsonObject) -> bool:
    content = message["content"]
    return isinstance(content, list) and content[0]["type"] == "tool_result"


def _image(image: Image) -> JsonObject:
    if image.url is not None:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    source = {"type": "base64", "media_type": image.media_type, "data": image.data}
    return {"type": "image", "source": source}


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}
