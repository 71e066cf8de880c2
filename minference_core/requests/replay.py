"""Walk a conversation through the answers that are on record, exactly as the live run did."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from minference_core.errors import ErrorClass
from minference_core.requests.outcome import Attempt, Meaning, interpret
from minference_core.requests.prepare import PreparedRequest, prepare
from minference_core.threads import Conversation, apply, judge, next_request

__all__ = ["Recorded", "Step", "replay", "stamped", "step_from"]

Recorded = Callable[[PreparedRequest], Attempt | None]


@dataclass(frozen=True, slots=True)
class Step:
    """
    One request of a conversation.

    Attributes:
        request: What was, or is to be, sent.
        attempt: The attempt that settled it; None where there is none on record.
        after: The conversation afterwards; the one that was sent when there is no answer.
        error: What was wrong with the answer, or that there was none.
        json_object: The valid object in a structured reply.
    """

    request: PreparedRequest
    attempt: Attempt | None
    after: Conversation
    error: ErrorClass | None = None
    message: str | None = None
    meaning: Meaning | None = None
    json_object: Any = None


def replay(conversation: Conversation, recorded: Recorded) -> Iterator[Step]:
    """
    Every request of the conversation that was settled, then the next one that was not, if any.

    Raises:
        Unsupported: The conversation cannot be written for its provider.
    """
    now = conversation
    while (ready := next_request(now, at=now.thread.created_at)) is not None:
        request = prepare(ready)
        attempt = recorded(request)
        if attempt is None:
            yield Step(request, None, ready)
            return
        step = step_from(request, attempt)
        yield step
        now = step.after


def step_from(request: PreparedRequest, attempt: Attempt) -> Step:
    """What an attempt makes of the conversation that was sent."""
    sent = stamped(request.conversation, attempt.first_sent_at)
    meaning = interpret(sent.thread.llm_config.client, attempt)
    if meaning.reply is None:
        failed = replace(sent, failed=meaning.error)
        return Step(request, attempt, failed, meaning.error, meaning.message, meaning)
    verdict = judge(sent.thread, meaning.reply)
    after = apply(sent, meaning.reply, at=attempt.finished_at, verdict=verdict)
    return Step(request, attempt, after, verdict.error, verdict.message, meaning, verdict.json_object)


def stamped(conversation: Conversation, at: datetime) -> Conversation:
    """The same version with the time it was really sent; a time is no part of an id."""
    thread = conversation.thread
    if thread.parent_id is None or at <= thread.created_at:
        return conversation
    return replace(conversation, thread=thread.restamped(at))
