"""
The messages that a turn adds to a thread, each born with the version that says it: the same history
makes the same ones, whenever it is made again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from minference_core import ids
from minference_core.threads.judging import ToolResult, Verdict
from minference_core.threads.messages import CalledTool, CarriedReasoning, ChatMessage, MessageRole
from minference_core.threads.outputs import usage_of
from minference_core.threads.reply import Reply, ToolCall
from minference_core.threads.thread import ChatThread
from minference_core.tools import CallableTool

__all__ = ["complaint", "first_said", "reply_message", "result_message"]


def first_said(thread: ChatThread, *, at: datetime) -> ChatMessage:
    """The thread's new message as an entity, born with the version that says it."""
    return ChatMessage.cold(
        lineage_id=ids.prefixed_uuid(thread.lineage_id, "user", thread.id),
        created_at=max(at, thread.created_at),
        role=MessageRole.user,
        content=thread.new_message or "",
        images=thread.new_images or None,
        chat_thread_id=thread.id,
        parent_message_uuid=thread.history[-1].id if thread.history else None,
    )


def reply_message(
    thread: ChatThread, reply: Reply, *, told_apart_by: Sequence[object], at: datetime, wire: str
) -> ChatMessage:
    """
    What the model said.

    Args:
        told_apart_by: What tells it from other replies to the same version.
        wire: The wire format it came in.
    """
    lineage = ids.prefixed_uuid(thread.lineage_id, "reply", thread.id, *told_apart_by)
    return ChatMessage.cold(
        lineage_id=lineage,
        created_at=at,
        role=MessageRole.assistant,
        content=reply.text,
        reasoning=reply.reasoning,
        carried=_carried(thread, reply, wire),
        finish_reason=reply.finish_reason,
        chat_thread_id=thread.id,
        parent_message_uuid=thread.history[-1].id if thread.history else None,
        usage=usage_of(reply, lineage_id=ids.prefixed_uuid(lineage, "usage"), created_at=at),
        **_called_fields(thread, reply.tool_calls),
    )


def _carried(thread: ChatThread, reply: Reply, wire: str) -> CarriedReasoning | None:
    if not reply.carried:
        return None
    return CarriedReasoning(wire=wire, model=thread.llm_config.model or "", parts=list(reply.carried))


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


def result_message(
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


def complaint(thread: ChatThread, said: ChatMessage, verdict: Verdict, *, at: datetime) -> ChatMessage:
    """What the model is told of a reply that is not what was asked for."""
    wanted = thread.forced_tool
    remedy = "Reply again, with valid JSON only." if wanted is None else f"Call the tool {wanted.name}."
    return ChatMessage.cold(
        lineage_id=ids.prefixed_uuid(thread.lineage_id, "repair", said.id),
        created_at=at,
        role=MessageRole.user,
        is_error=True,
        content=f"That cannot be used: {verdict.message}.\n\n{remedy}",
        chat_thread_id=thread.id,
        parent_message_uuid=said.id,
    )
