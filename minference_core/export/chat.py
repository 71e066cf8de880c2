"""Messages in the form of OpenAI's Chat Completions, which fine-tuning files and chat templates share."""

from typing import Any

from minference_core.export.conversation import Conversation, Said
from minference_core.threads import MessageRole

__all__ = ["JsonObject", "called", "chat_message", "with_system_prompt"]

JsonObject = dict[str, Any]


def with_system_prompt(conversation: Conversation) -> list[Said]:
    """Everything that is said, the system prompt first."""
    if conversation.system_prompt is None:
        return [*conversation.messages]
    return [Said(role=MessageRole.system, content=conversation.system_prompt), *conversation.messages]


def chat_message(said: Said) -> JsonObject:
    """One message; of the keys that may be missing only those it needs."""
    if said.role == MessageRole.tool:
        return {"role": "tool", "tool_call_id": said.call_id or "", "content": said.content}
    message: JsonObject = {"role": said.role, "content": _content(said)}
    if said.calls:
        message["tool_calls"] = called(said)
    return message


def called(said: Said) -> list[JsonObject]:
    """The calls that a reply asks for, in order; arguments are JSON text, as OpenAI has them."""
    return [
        {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in said.calls
    ]


def _content(said: Said) -> str | list[JsonObject] | None:
    if said.calls and not said.content:
        return None
    if not said.images:
        return said.content
    parts: list[JsonObject] = [
        {
            "type": "image_url",
            "image_url": {"url": image.url} | ({"detail": image.detail} if image.detail else {}),
        }
        for image in said.images
    ]
    return [*parts, {"type": "text", "text": said.content}] if said.content else parts
