"""
The turn rules, pure: what is to be sent next, and what a reply makes of the thread.

Sending, retrying and remembering are the engine's, running tools is the caller's; the same functions
serve the library, the pipeline's live run and the replay of its journal, which is why all make the
same versions of the same answers.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from minference_core import ids
from minference_core.errors import ErrorClass
from minference_core.threads.config import ResponseFormat
from minference_core.threads.json_text import check_depth, json_in
from minference_core.threads.messages import CalledTool, ChatMessage, MessageRole
from minference_core.threads.outputs import usage_of
from minference_core.threads.reply import Reply, ToolCall
from minference_core.threads.thread import ChatThread
from minference_core.tools import CallableTool, StructuredTool

__all__ = [
    "Conversation",
    "ToolResult",
    "Verdict",
    "apply",
    "check_call",
    "is_cut_off",
    "judge",
    "next_request",
]

_JSON_FORMATS = (ResponseFormat.json_beg, ResponseFormat.json_object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """
    A thread on its way through its turns.

    Attributes:
        thread: Its latest version, cold.
        upcoming: What the user will still say, in order; where it is empty, the thread's `new_message`.
        turn: User messages that have been put to the model so far, from 0.
        failed: Why it ended early; None while it goes on and when it is complete.
        asker: Tells apart those who ask the same of one version: the warm object in the library.
    """

    thread_key: str
    sample: int
    generation: int
    thread: ChatThread
    upcoming: tuple[ChatMessage, ...] = ()
    turn: int = 0
    failed: ErrorClass | None = None
    asker: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a reply is what was asked for, and the object in it if one was."""

    error: ErrorClass | None = None
    message: str | None = None
    json_object: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What running a call gave: `content` is JSON, and goes to the model as it is."""

    call: ToolCall
    content: str
    is_error: bool = False


def next_request(conversation: Conversation, *, at: datetime) -> Conversation | None:
    """
    The conversation with its thread ready to be sent, or None when there is nothing left to ask.

    Args:
        at: When it is sent, UTC; stamps the version that the user's next message makes.
    """
    thread, upcoming = conversation.thread, conversation.upcoming
    if conversation.failed is not None or _is_finished(thread):
        return None
    if not upcoming and thread.new_message is not None:
        upcoming = (_first_said(thread, at=at),)
    elif thread.history and thread.history[-1].role != MessageRole.assistant:
        return replace(conversation, turn=max(1, conversation.turn))
    elif not upcoming:
        return conversation if _goes_on(thread) else None
    return replace(
        conversation,
        thread=thread.evolve(at=at, history=[*thread.history, upcoming[0]], new_message=None),
        upcoming=upcoming[1:],
        turn=conversation.turn + 1,
    )


def _goes_on(thread: ChatThread) -> bool:
    """Whether a thread that ends with a reply is asked again: for the calls that are still missing."""
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


def _first_said(thread: ChatThread, *, at: datetime) -> ChatMessage:
    """The thread's new message as an entity, born with the version that says it."""
    return ChatMessage.cold(
        lineage_id=ids.prefixed_uuid(thread.lineage_id, "user", thread.id),
        created_at=max(at, thread.created_at),
        role=MessageRole.user,
        content=thread.new_message,
        chat_thread_id=thread.id,
        parent_message_uuid=thread.history[-1].id if thread.history else None,
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
    match thread.llm_config.response_format:
        case ResponseFormat.tool | ResponseFormat.workflow:
            return _judge_forced_call(thread, reply)
        case ResponseFormat.auto_tools if reply.tool_calls:
            return Verdict(json_object=reply.tool_calls[0].arguments)
    if not reply.text:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message="the reply is empty")
    if thread.llm_config.response_format == ResponseFormat.structured_output:
        return _judge_structured(thread, reply.text)
    if thread.llm_config.response_format in _JSON_FORMATS:
        return _judge_json(thread, reply.text)
    return Verdict()


def _judge_structured(thread: ChatThread, text: str) -> Verdict:
    try:
        value = ids.parse_json(text)
        check_depth(value)
    except ValueError as exc:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=f"the reply is not JSON: {exc}")
    tool = thread.forced_output
    problem = tool.problem_with(value) if isinstance(tool, StructuredTool) else None
    if problem is not None:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=problem)
    return Verdict(json_object=value)


def _judge_json(thread: ChatThread, text: str) -> Verdict:
    # A reply that was begun for the model goes on where that left off, perhaps within the JSON.
    if thread.use_prefill:
        with suppress(ValueError):
            return Verdict(json_object=json_in(thread.prefill + text))
    try:
        return Verdict(json_object=json_in(text))
    except ValueError as exc:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=f"the reply is not JSON: {exc}")


def _judge_forced_call(thread: ChatThread, reply: Reply) -> Verdict:
    wanted = thread.forced_tool.name if thread.forced_tool is not None else ""
    call = next((call for call in reply.tool_calls if call.name == wanted), None)
    if call is None:
        called = ", ".join(call.name for call in reply.tool_calls) or "nothing"
        message = f"the reply calls {called}, not the tool {wanted}"
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=message)
    problem = check_call(thread, call)
    if problem is not None:
        return Verdict(error=ErrorClass.INVALID_OUTPUT, message=problem, json_object=call.arguments)
    return Verdict(json_object=call.arguments)


def is_cut_off(verdict: Verdict) -> bool:
    """Whether a reply ended before it was whole, so that what it asks for must not be done."""
    return verdict.error in (ErrorClass.REFUSAL, ErrorClass.CONTENT_FILTER, ErrorClass.TRUNCATED)


def check_call(thread: ChatThread, call: ToolCall) -> str | None:
    """Why a call cannot be carried out; None if it can be tried."""
    if call.problem is not None:
        return call.problem
    tool = thread.offered_tool(call.name)
    if tool is None:
        offered = ", ".join(tool.name for tool in thread.offered_tools)
        return f"there is no tool {call.name}: there are {offered}"
    if isinstance(tool, StructuredTool) and tool.post_validate_schema:
        return tool.problem_with(call.arguments)
    return None


def apply(
    conversation: Conversation,
    reply: Reply,
    *,
    at: datetime,
    results: Sequence[ToolResult] = (),
    verdict: Verdict | None = None,
) -> Conversation:
    """
    The conversation after `reply`: its messages, and one more version.

    A reply that is not what was asked for is kept all the same, and ends the conversation:
    further turns would be paid for and built on it.

    Args:
        at: When the reply arrived, UTC.
        results: What its calls gave, in their order.
        verdict: What `judge` says of the reply, from a caller who has asked already.
    """
    thread, verdict = conversation.thread, verdict or judge(conversation.thread, reply)
    at = max(at, thread.created_at)
    said = _reply_message(conversation, reply, at=at)
    answers = [_result_message(thread, said, result, at=at) for result in results]
    changes: dict[str, Any] = {"history": [*thread.history, said, *answers]}
    if not is_cut_off(verdict) and _step_is_done(thread, results):
        changes["workflow_step"] = (thread.workflow_step or 0) + 1
    return replace(
        conversation,
        thread=thread.evolve(at=at, **changes),
        failed=verdict.error,
    )


def _step_is_done(thread: ChatThread, results: Sequence[ToolResult]) -> bool:
    """A failed, invalid or wrong call does not advance a workflow."""
    if thread.llm_config.response_format != ResponseFormat.workflow or thread.forced_tool is None:
        return False
    return any(result.call.name == thread.forced_tool.name and not result.is_error for result in results)


def _reply_message(conversation: Conversation, reply: Reply, *, at: datetime) -> ChatMessage:
    thread = conversation.thread
    asker = () if conversation.asker is None else (str(conversation.asker),)
    lineage = ids.prefixed_uuid(thread.lineage_id, "reply", thread.id, conversation.generation, *asker)
    return ChatMessage.cold(
        lineage_id=lineage,
        created_at=at,
        role=MessageRole.assistant,
        content=reply.text,
        reasoning=reply.reasoning,
        finish_reason=reply.finish_reason,
        chat_thread_id=thread.id,
        parent_message_uuid=thread.history[-1].id if thread.history else None,
        usage=usage_of(reply, lineage_id=ids.prefixed_uuid(lineage, "usage"), created_at=at),
        **_called_fields(thread, reply.tool_calls),
    )


def _called_fields(thread: ChatThread, calls: Sequence[ToolCall]) -> dict[str, Any]:
    if not calls:
        return {}
    first, *others = calls
    return {
        **_tool_fields(thread, first),
        "tool_call": first.arguments,
        "more_tool_calls": [
            CalledTool(call_id=call.call_id, name=call.name, arguments=call.arguments) for call in others
        ]
        or None,
    }


def _tool_fields(thread: ChatThread, call: ToolCall) -> dict[str, Any]:
    """Which tool a message is about."""
    fields: dict[str, Any] = {"tool_name": call.name, "oai_tool_call_id": call.call_id}
    tool = thread.offered_tool(call.name)
    if tool is not None:
        fields["tool_uuid"] = tool.id
        fields["tool_type"] = "Callable" if isinstance(tool, CallableTool) else "Structured"
    return fields


def _result_message(
    thread: ChatThread, asked: ChatMessage, result: ToolResult, *, at: datetime
) -> ChatMessage:
    return ChatMessage.cold(
        lineage_id=ids.prefixed_uuid(thread.lineage_id, "result", asked.id, result.call.call_id),
        created_at=at,
        role=MessageRole.tool,
        content=result.content,
        is_error=result.is_error,
        chat_thread_id=thread.id,
        parent_message_uuid=asked.id,
        **_tool_fields(thread, result.call),
    )
