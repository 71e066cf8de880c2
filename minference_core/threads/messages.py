"""What is said in a thread, and by whom."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from minference_core import ids
from minference_core.entities import Entity, EntityRegistry
from minference_core.threads.images import ImageInput
from minference_core.tools import CallableTool, StructuredTool

__all__ = ["CalledTool", "CarriedReasoning", "ChatMessage", "MessageRole", "Role", "SystemPrompt", "Usage"]

Role = Literal["user", "assistant", "tool", "system"]


class MessageRole(StrEnum):
    """Who says it; `tool` is the result of a call."""

    user = "user"
    assistant = "assistant"
    tool = "tool"
    system = "system"


class SystemPrompt(Entity):
    """The instruction a conversation is held under; reusable by many threads."""

    entity_kind: ClassVar[str] = "SystemPrompt"

    content: str
    name: str | None = None


class Usage(Entity):
    """
    Tokens one reply was billed for; None where the provider does not say.

    Attributes:
        prompt_tokens: Everything read, cached parts included, whichever way the provider counts.
        cache_creation_input_tokens: Of these, newly written to the provider's cache.
        cache_read_input_tokens: Of these, read from the cache, as Anthropic says it.
        cached_tokens: The same, as OpenAI says it.
        audio_tokens: Of the completion.
        prompt_audio_tokens: Of the prompt.
        service_tier: Which of its tiers the provider served it in.
        provider_cost_usd: What the provider itself says that it cost, in US dollars.
    """

    entity_kind: ClassVar[str] = "Usage"

    model: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    rejected_prediction_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_audio_tokens: int | None = None
    service_tier: str | None = None
    provider_cost_usd: float | None = None


class CalledTool(BaseModel):
    """One call that a reply asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call_id: str
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class CarriedReasoning(BaseModel):
    """
    A reply in the provider's own words, for what has to go back with its calls unchanged: signed or
    encrypted reasoning, and in which order it came.

    Attributes:
        wire: The wire format that it is in; to another it means nothing.
        model: Whose reasoning it is; to another model it means nothing.
        parts: The blocks or items of the reply, as they came.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    wire: str
    model: str
    parts: list[dict[str, JsonValue]]


class ChatMessage(Entity):
    """
    One thing said: the words verbatim, the model's reasoning kept apart from them.

    A message is the same entity in every version and branch of the threads it is in. What says where it
    was said first (`chat_thread_id`, `parent_message_uuid`) and what it cost (`usage`) is no part of it.

    Attributes:
        images: Pictures that a user message shows, before its words.
        carried: What of a reply with calls has to be sent back as it came.
        tool_call: The arguments of the call that an assistant message asks for; of its first, if it
            asks for several, which are in `more_tool_calls`.
        oai_tool_call_id: The id of that call, or of the call that a tool message answers.
        is_error: Whether a tool message says that the call failed, or a user message that the reply before it
            is no use.
        chat_thread_id: The version of the thread that it was said in first.
        parent_message_uuid: The message before it there.
    """

    entity_kind: ClassVar[str] = "ChatMessage"
    beside_the_content: ClassVar[frozenset[str]] = frozenset(
        {"chat_thread_id", "parent_message_uuid", "usage"}
    )

    role: MessageRole
    content: str
    images: list[ImageInput] | None = None
    reasoning: str | None = None
    carried: CarriedReasoning | None = None
    finish_reason: str | None = None
    author_uuid: UUID | None = None
    tool_name: str | None = None
    tool_uuid: UUID | None = None
    tool_type: Literal["Callable", "Structured"] | None = None
    oai_tool_call_id: str | None = None
    tool_json_schema: dict[str, JsonValue] | None = None
    tool_call: dict[str, JsonValue] | None = None
    more_tool_calls: list[CalledTool] | None = None
    is_error: bool = False
    chat_thread_id: UUID | None = None
    parent_message_uuid: UUID | None = None
    usage: Usage | None = None

    @property
    def timestamp(self) -> datetime:
        """When it was said, UTC."""
        return self.created_at

    @property
    def is_root(self) -> bool:
        """Whether nothing was said before it."""
        return self.parent_message_uuid is None

    @property
    def calls(self) -> list[CalledTool]:
        """The calls that an assistant message asks for, in order."""
        if self.role != MessageRole.assistant or self.tool_name is None:
            return []
        first = CalledTool(
            call_id=self.oai_tool_call_id or "", name=self.tool_name, arguments=self.tool_call or {}
        )
        return [first, *(self.more_tool_calls or ())]

    def get_parent(self) -> "ChatMessage | None":
        """The message before it; None if there is none, or the registry does not know it."""
        return None if self.parent_message_uuid is None else ChatMessage.get(self.parent_message_uuid)

    def get_tool(self) -> CallableTool | StructuredTool | None:
        """The tool that it calls or is the result of; None if there is none in the registry."""
        found = None if self.tool_uuid is None else EntityRegistry.get(self.tool_uuid)
        return found if isinstance(found, CallableTool | StructuredTool) else None

    def to_dict(self) -> dict[str, Any]:
        """The message as OpenAI's chat format has it."""
        said: dict[str, Any] = {"role": str(self.role), "content": self.content}
        if self.role == MessageRole.tool:
            said["tool_call_id"] = self.oai_tool_call_id
        elif calls := self.calls:
            said["tool_calls"] = [
                {
                    "id": call.call_id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": ids.json_text(call.arguments)},
                }
                for call in calls
            ]
        return said

    @classmethod
    def from_dict(cls, message_dict: dict[str, Any]) -> Self:
        """
        A message from OpenAI's chat format, tool calls and results included.

        Raises:
            ValueError: It is not one.
        """
        if not {"role", "content"} <= message_dict.keys():
            raise ValueError("a message needs role and content")
        content = message_dict["content"]
        calls = [_called(call) for call in message_dict.get("tool_calls") or ()]
        fields: dict[str, Any] = {"role": message_dict["role"], "content": "" if content is None else content}
        if calls:
            first, *others = calls
            fields |= {
                "tool_name": first.name,
                "tool_call": first.arguments,
                "more_tool_calls": others or None,
            }
            fields["oai_tool_call_id"] = first.call_id
        elif message_dict["role"] == "tool":
            fields["oai_tool_call_id"] = message_dict.get("tool_call_id")
        return cls(**fields)


def _called(call: dict[str, Any]) -> CalledTool:
    function = call.get("function") or {}
    arguments = ids.parse_json(function.get("arguments") or "{}")
    return CalledTool(call_id=call.get("id") or "", name=function.get("name") or "", arguments=arguments)
