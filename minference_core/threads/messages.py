"""What is said in a thread, and by whom."""

from typing import ClassVar, Literal

from minference_core.entities import Entity

__all__ = ["ChatMessage", "Role", "SystemPrompt"]

Role = Literal["user", "assistant", "tool", "system"]


class SystemPrompt(Entity):
    """The instruction a conversation is held under; reusable by many threads."""

    kind: ClassVar[str] = "SystemPrompt"

    content: str
    name: str | None = None


class ChatMessage(Entity):
    """One thing said: the words verbatim, the model's reasoning kept apart from them."""

    kind: ClassVar[str] = "ChatMessage"

    role: Role
    content: str
    reasoning: str | None = None
    finish_reason: str | None = None
