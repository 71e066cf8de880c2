"""
The turn rules, pure: what is to be sent next, and what a reply makes of the thread.

Sending, retrying and remembering are the engine's; the same two functions serve the live run
and the replay of its journal, which is why both make the same versions.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from minference_core import ids
from minference_core.errors import ErrorClass
from minference_core.threads.messages import ChatMessage
from minference_core.threads.reply import Reply
from minference_core.threads.thread import ChatThread

__all__ = ["Conversation", "Verdict", "apply", "judge", "next_request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """
    A thread on its way through its turns.

    Attributes:
        thread: Its latest version.
        upcoming: What the user will still say, in order.
        turn: User messages that have been put to the model so far, from 0.
        failed: Why it ended early; None while it goes on and when it is complete.
    """

    thread_key: str
    sample: int
    generation: int
    thread: ChatThread
    upcoming: tuple[ChatMessage, ...] = ()
    turn: int = 0
    failed: ErrorClass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a reply is what was asked for, and the object in it if one was."""

    error: ErrorClass | None = None
    message: str | None = None
    json_object: Any = None


def next_request(conversation: Conversation, *, at: datetime) -> Conversation | None:
    """
    The conversation with its thread ready to be sent, or None when there is nothing left to ask.

    Args:
        at: When it is sent, UTC; stamps the version that the user's next message makes.
    """
    if conversation.failed is not None:
        return None
    thread, upcoming = conversation.thread, conversation.upcoming
    if thread.history and thread.history[-1].role != "assistant":
        return replace(conversation, turn=max(1, conversation.turn))
    if not upcoming:
        return None
    return replace(
        conversation,
        thread=thread.evolve(at=at, history=(*thread.history, upcoming[0]), new_message=None),
        upcoming=upcoming[1:],
        turn=conversation.turn + 1,
    )


def judge(thread: ChatThread, reply: Reply) -> Verdict:
    """Hold a reply against what its thread asked for."""
    if reply.finish == "refusal":
        return Verdict(error=ErrorClass.REFUSAL, message=reply.text or "the model declined to answer")
    if reply.finish == "content_filter":
        return Verdict(error=ErrorClass.CONTENT_FILTER, message="the provider's filter ended the reply")
    if reply.finish == "length":
        limit = thread.llm_config.max_tokens
        return Verdict(error=ErrorClass.TRUNCATED, message=f"cut off at max_tokens={limit}: raise it")
    if not reply.text:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message="the reply is empty")
    if thread.llm_config.response_format != "structured_output":
        return Verdict()
    return _judge_structured(thread, reply.text)


def _judge_structured(thread: ChatThread, text: str) -> Verdict:
    try:
        value = ids.parse_json(text)
    except ValueError as exc:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=f"the reply is not JSON: {exc}")
    problem = thread.forced_output.problem_with(value) if thread.forced_output else None
    if problem is not None:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=problem)
    return Verdict(json_object=value)


def apply(conversation: Conversation, reply: Reply, *, at: datetime) -> Conversation:
    """
    The conversation after `reply`: one more message, one more version.

    A reply that is not what was asked for is kept all the same, and ends the conversation:
    further turns would be paid for and built on it.

    Args:
        at: When the reply arrived, UTC.
    """
    thread = conversation.thread
    message = ChatMessage(
        lineage_id=ids.prefixed_uuid(thread.lineage_id, "reply", thread.id, conversation.generation),
        created_at=max(at, thread.created_at),
        role="assistant",
        content=reply.text,
        reasoning=reply.reasoning,
        finish_reason=reply.finish_reason,
    )
    return replace(
        conversation,
        thread=thread.evolve(at=at, history=(*thread.history, message)),
        failed=judge(thread, reply).error,
    )
