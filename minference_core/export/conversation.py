"""A conversation as the formats see it: what was said, by whom, with which tools. No format is here."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from minference_core.errors import ErrorClass
from minference_core.threads import MessageRole

__all__ = ["INVALID", "Call", "Conversation", "Picture", "Said", "Unfit", "no_use"]

# How an answer ended that came and is no use as it is.
INVALID = frozenset(
    {ErrorClass.UNDECODABLE, ErrorClass.REFUSAL, ErrorClass.TRUNCATED, ErrorClass.INVALID_OUTPUT}
)


class Unfit(StrEnum):
    """Why a format has no row for a conversation; the value is counted in the manifest."""

    NO_REPLY = "no_reply"  # there is nothing in it to learn from
    CHATML_MARKS = (
        "chatml_marks"  # somebody says <|im_start|> or <|im_end|>, which would end the message there
    )


class Call(NamedTuple):
    """A call that a reply asks for; its arguments are JSON text."""

    call_id: str
    name: str
    arguments: str


class Picture(NamedTuple):
    """What a message shows: an address or a data URI, and how closely OpenAI's models look at it."""

    url: str
    detail: str | None = None


class Said(NamedTuple):
    """
    One message. A tuple, as all of these are: there are many, and a frozen class takes three times as long.

    Attributes:
        call_id: Of a result: the call that it is of.
        name: Of a result: the tool that gave it.
        is_error: Whether a result says that the call failed, or a user that the reply before is no use.
    """

    role: str
    content: str
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()
    call_id: str | None = None
    name: str | None = None
    images: tuple[Picture, ...] = ()
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """
    One version of a conversation.

    Attributes:
        split: Which of the export's splits it is in, from 0.
        error_class: Why it ended early; None if it did not.
        meta: The spec's `meta_*` columns, as JSON text.
        tools: What the model was offered: JSON text, a list in OpenAI's format; None if nothing was.
        reply_tokens: What its replies have, as the provider counted them.
    """

    thread_id: str
    lineage_id: str
    split: int
    dataset: str | None
    partition_key: str | None
    thread_key: str | None
    sample: int | None
    generation: int
    client: str
    model: str | None
    error_class: str | None
    meta: str | None
    system_prompt: str | None
    tools: str | None
    messages: tuple[Said, ...]
    reply_tokens: int = 0


def no_use(conversation: Conversation) -> set[int]:
    """The places of replies that are no use: the model was told so, or the conversation ended of it."""
    said = conversation.messages
    found = {_reply_before(said, at) for at, one in enumerate(said) if _is_complaint(one)}
    if conversation.error_class in INVALID:
        found.add(_reply_before(said, len(said)))
    return found - {-1}


def _is_complaint(one: Said) -> bool:
    return one.is_error and one.role == MessageRole.user


def _reply_before(said: Sequence[Said], at: int) -> int:
    """The place of the last reply before a place; -1 if there is none."""
    return next((n for n in range(at - 1, -1, -1) if said[n].role == MessageRole.assistant), -1)
