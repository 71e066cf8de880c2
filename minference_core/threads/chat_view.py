"""How a thread looks to servers that speak Chat Completions."""

from typing import TYPE_CHECKING, Any

from minference_core import ids
from minference_core.threads.asking import spoken, system_text, use_prefill
from minference_core.threads.config import LLMClient, ResponseFormat
from minference_core.threads.images import Image
from minference_core.threads.messages import MessageRole
from minference_core.threads.said import Said
from minference_core.threads.settings import takes
from minference_core.threads.strict import openai_strict
from minference_core.tools import StructuredTool

if TYPE_CHECKING:
    from minference_core.threads.thread import ChatThread

__all__ = [
    "CARRIED_IN",
    "instructor",
    "openai_messages",
    "openai_response_format",
    "system_message",
    "wire_of",
]

JsonObject = dict[str, Any]

# Where a message has what its provider wants back with the results of its calls: OpenRouter and LiteLLM
# hand it on to whom it came from.
CARRIED_IN = {LLMClient.openrouter: "reasoning_details", LLMClient.litellm: "thinking_blocks"}


def wire_of(client: LLMClient) -> str:
    """The name of a client's reading of Chat Completions."""
    return f"chat/{client.value}"


def system_message(thread: "ChatThread") -> JsonObject | None:
    text = system_text(thread)
    return {"role": instructor(thread), "content": text} if text else None


def openai_messages(thread: "ChatThread") -> list[JsonObject]:
    """System messages inside the history stand where they were said."""
    system = system_message(thread)
    written = [] if system is None else [system]
    for one in spoken(thread, wire_of(thread.llm_config.client)):
        role = instructor(thread) if one.role == MessageRole.system else one.role.value
        written += _written(one, role, CARRIED_IN.get(thread.llm_config.client))
    if use_prefill(thread):
        written.append({"role": "assistant", "content": thread.prefill})
    return written


def instructor(thread: "ChatThread") -> str:
    """Whose the instructions are: OpenAI's reasoning models have a developer in place of the system."""
    return "developer" if takes(thread.llm_config.__dict__).developer_role else "system"


def _written(one: Said, role: str, carried_in: str | None) -> list[JsonObject]:
    if not one.calls:
        return [{"role": role, "content": _content(one)}]
    calls = [
        {
            "id": call.call_id,
            "type": "function",
            "function": {"name": call.name, "arguments": ids.json_text(call.arguments)},
        }
        for call in one.calls
    ]
    results = [{"role": "tool", "content": call.result, "tool_call_id": call.call_id} for call in one.calls]
    reply: JsonObject = {"role": role, "content": one.text or None, "tool_calls": calls}
    if one.carried and carried_in is not None:
        reply[carried_in] = [dict(part) for part in one.carried]
    return [reply, *results]


def _content(one: Said) -> str | list[JsonObject]:
    if not one.images:
        return one.text
    parts = [{"type": "image_url", "image_url": _image(image)} for image in one.images]
    return [*parts, {"type": "text", "text": one.text}] if one.text else parts


def _image(image: Image) -> JsonObject:
    return {"url": image.as_url} | ({} if image.detail is None else {"detail": image.detail})


def openai_response_format(thread: "ChatThread") -> JsonObject | None:
    """A schema that OpenAI would refuse as strict, however it is closed, is not called strict."""
    form, tool = thread.llm_config.response_format, thread.forced_output
    if form == ResponseFormat.json_object:
        return {"type": "json_object"}
    if form != ResponseFormat.structured_output or not isinstance(tool, StructuredTool):
        return None
    wanted = tool.get_openai_json_schema_response()
    if wanted is None:
        return None
    closed = openai_strict(tool.json_schema) if tool.strict_schema else None
    if thread.llm_config.client != LLMClient.openai and closed != tool.json_schema:
        closed = None  # other servers take it as it is
    bound = {"strict": False} if closed is None else {"schema": closed, "strict": True}
    return {**wanted, "json_schema": {**wanted["json_schema"], **bound}}
