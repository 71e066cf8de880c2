"""
What a conversation goes on from: a version of another one, and the messages that they have in common.

A fork's spec holds these messages as the versions that they are, so that they stay the same ones: the row is
all there is to know, and the store need not be asked.
"""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from minference_core.threads import ChatMessage, ChatThread

__all__ = ["Past", "past_of"]


def _versions(given: object) -> object:
    if not isinstance(given, list):
        raise ValueError("not a list")  # noqa: TRY004 (pydantic makes a ValueError the row's problem)
    return tuple(_version(place, said) for place, said in enumerate(given))


def _version(place: int, said: object) -> ChatMessage:
    if not isinstance(said, Mapping) or "id" not in said:
        raise ValueError(f"messages[{place}] has no id")
    fields = {name: value for name, value in said.items() if name != "id"}
    try:
        message = ChatMessage.cold(**fields)
    except (ValidationError, TypeError) as exc:
        raise ValueError(f"messages[{place}] is no message: {exc}") from exc
    if str(message.id) != said["id"]:
        raise ValueError(f"messages[{place}] is not the version {said['id']} any more: it was edited")
    return message


class Past(BaseModel):
    """
    Where a conversation was forked.

    Attributes:
        version: The version of the thread that was forked.
        messages: What is kept of what was said in it, cold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    version: UUID
    messages: Annotated[tuple[ChatMessage, ...], BeforeValidator(_versions)]

    @property
    def awaits_a_reply(self) -> bool:
        """Whether the last thing said was not the assistant's."""
        return bool(self.messages) and self.messages[-1].role != "assistant"


def past_of(thread: ChatThread, messages: int) -> str:
    """
    The column `past` of a fork.

    Args:
        thread: The version that is forked, cold.
        messages: How many of its messages are kept.
    """
    kept = [
        {"id": str(one.id), **one.model_dump(mode="json", exclude_none=True)}
        for one in thread.history[:messages]
    ]
    return orjson.dumps({"version": str(thread.id), "messages": kept}).decode()
