"""
The turn rules, pure: what is to be sent next, and what a reply makes of the thread.

Sending, retrying and remembering are the engine's, running tools is the caller's; the same functions
serve the library, the pipeline's live run and the replay of its journal, which is why all make the
same versions of the same answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from minference_core.errors import ErrorClass
from minference_core.threads.config import ResponseFormat
from minference_core.threads.judging import ToolResult, Verdict, is_cut_off, judge, results_without_running
from minference_core.threads.messages import ChatMessage, MessageRole
from minference_core.threads.new_messages import complaint, first_said, reply_message, result_message
from minference_core.threads.reply import Reply
from minference_core.threads.thread import ChatThread

__all__ = ["Conversation", "apply", "ends_with", "has_news", "next_request"]

# Formats that ask for JSON or for one call: the model can be told that its reply is not that.
_MENDABLE = frozenset(ResponseFormat) - {ResponseFormat.text, ResponseFormat.auto_tools}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """
    A thread on its way through its turns.

    Attributes:
        thread: Its latest version, cold.
        upcoming: What the user will still say, in order; where it is empty, the thread's `new_message`.
        turn: User messages that have been put to the model so far, from 0.
        step: Replies to the last of them so far.
        repairs: Of these, the ones that were not what was asked for, after which it was asked again.
        goes_on: Whether the turn wants another reply: to the results of calls, or in place of an invalid one.
        failed: Why it ended early; None while it goes on and when it is complete.
        asker: Tells apart those who ask the same of one version: the warm object in the library.
        again: Requests, by their keys, whose answers do not count any more: the generation that asks instead.
        before: What it was until it was to be asked again, oldest first: its other branches.
    """

    thread_key: str
    sample: int
    generation: int
    thread: ChatThread
    upcoming: tuple[ChatMessage, ...] = ()
    turn: int = 0
    step: int = 0
    repairs: int = 0
    goes_on: bool = False
    failed: ErrorClass | None = None
    asker: UUID | None = None
    again: Mapping[UUID, int] = field(default_factory=dict)
    before: tuple["Conversation", ...] = ()


def next_request(conversation: Conversation, *, at: datetime) -> Conversation | None:
    """
    The conversation with its thread ready to be sent, or None when there is nothing left to ask.

    Args:
        at: When it is sent, UTC; stamps the version that the user's next message makes.
    """
    thread, upcoming = conversation.thread, conversation.upcoming
    if conversation.failed is not None:
        return None
    if conversation.goes_on:
        return conversation
    if _is_finished(thread):
        return None
    if not conversation.step:
        if not upcoming and has_news(thread):
            upcoming = (first_said(thread, at=at),)
        elif thread.history and thread.history[-1].role != MessageRole.assistant:
            return replace(conversation, turn=max(1, conversation.turn))
        elif not upcoming and _waits_for_more(thread):
            return conversation
    if not upcoming:
        return None
    return replace(
        conversation,
        thread=thread.evolve(
            at=at, history=[*thread.history, upcoming[0]], new_message=None, new_images=None
        ),
        upcoming=upcoming[1:],
        turn=conversation.turn + 1,
        step=0,
        repairs=0,
    )


def has_news(thread: ChatThread) -> bool:
    """Whether the user is about to say something."""
    return thread.new_message is not None or bool(thread.new_images)


def _waits_for_more(thread: ChatThread) -> bool:
    """Whether a thread that was given with a reply at its end is asked again: for calls still missing."""
    if not thread.history:
        return False
    match thread.llm_config.response_format:
        case ResponseFormat.workflow:
            return True
        case ResponseFormat.auto_tools:
            return bool(thread.history[-1].calls)
    return False


def _is_finished(thread: ChatThread) -> bool:
    return thread.llm_config.response_format == ResponseFormat.workflow and thread.forced_tool is None


def apply(
    conversation: Conversation,
    reply: Reply,
    *,
    at: datetime,
    results: Sequence[ToolResult] = (),
    verdict: Verdict | None = None,
    wire: str = "",
) -> Conversation:
    """
    The conversation after `reply`: its messages, and one more version.

    A reply that is not what was asked for is kept all the same. The model is told and asked again while
    the thread allows it; else the conversation ends: further turns would be paid for and built on it.

    Args:
        at: When the reply arrived, UTC.
        results: What its calls gave, in their order.
        verdict: What `judge` says of the reply, from a caller who has asked already.
        wire: The wire format it came in, for what has to be sent back in the same.
    """
    thread, verdict = conversation.thread, verdict or judge(conversation.thread, reply)
    at = max(at, thread.created_at)
    asker = () if conversation.asker is None else (str(conversation.asker),)
    said = reply_message(thread, reply, told_apart_by=(conversation.generation, *asker), at=at, wire=wire)
    answers = [result_message(thread, said, result, at=at) for result in results]
    changes: dict[str, Any] = {"history": [*thread.history, said, *answers]}
    if not is_cut_off(verdict) and _step_is_done(thread, results):
        changes["workflow_step"] = (thread.workflow_step or 0) + 1
    mends = _can_mend(conversation, verdict)
    # The result of a call says by itself what was wrong with it, unless it was no call that was wanted.
    if mends and not (answers and thread.offered_tools):
        changes["history"].append(complaint(thread, said, verdict, at=at))
    return _onward(conversation, thread.evolve(at=at, **changes), reply, verdict, mends=mends)


def ends_with(conversation: Conversation, reply: Reply, verdict: Verdict) -> bool:
    """
    Whether the turn is certainly over with a reply to it, and no tool is to be run: seen without making the
    version that says so.
    """
    if _can_mend(conversation, verdict):
        return False
    thread = conversation.thread
    if None in results_without_running(thread, reply, verdict):
        return False
    if verdict.error is not None:
        return True
    is_workflow = (
        thread.llm_config.response_format == ResponseFormat.workflow
    )  # the next version's step decides
    return not is_workflow and not _wants_more(thread, reply)


def _onward(
    conversation: Conversation, thread: ChatThread, reply: Reply, verdict: Verdict, *, mends: bool
) -> Conversation:
    """Where the conversation stands, with its thread after a reply."""
    step = conversation.step + 1
    failed = None if mends else verdict.error
    goes_on = failed is None and (mends or _wants_more(thread, reply))
    if goes_on and step >= thread.max_steps:
        failed, goes_on = ErrorClass.MAX_STEPS, False
    return replace(
        conversation,
        thread=thread,
        step=step,
        repairs=conversation.repairs + mends,
        goes_on=goes_on,
        failed=failed,
    )


def _wants_more(thread: ChatThread, reply: Reply) -> bool:
    """Whether a reply that is in order is not the turn's last."""
    match thread.llm_config.response_format:
        case ResponseFormat.auto_tools:
            return bool(reply.tool_calls)
        case ResponseFormat.workflow:
            return not _is_finished(thread)
    return False


def _can_mend(conversation: Conversation, verdict: Verdict) -> bool:
    thread = conversation.thread
    if verdict.error != ErrorClass.INVALID_OUTPUT or thread.llm_config.response_format not in _MENDABLE:
        return False
    return conversation.repairs < thread.max_repairs and conversation.step + 1 < thread.max_steps


def _step_is_done(thread: ChatThread, results: Sequence[ToolResult]) -> bool:
    """A failed, invalid or wrong call does not advance a workflow."""
    if thread.llm_config.response_format != ResponseFormat.workflow or thread.forced_tool is None:
        return False
    return any(result.call.name == thread.forced_tool.name and not result.is_error for result in results)
