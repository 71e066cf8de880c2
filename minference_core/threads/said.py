"""
What of a thread is sent, made such that every provider takes it.

Each call is followed by its result, each result follows its call, and the ids of calls are such as the
provider would give. No wire format is here: those are `views.py`.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minference_core import ids
from minference_core.threads.config import LLMClient
from minference_core.threads.messages import CalledTool, ChatMessage, MessageRole

__all__ = ["AnsweredCall", "Said", "said"]

# What stands for a result that is not on record: the run that would have made it was cut off.
_NO_RESULT = '{"error": "no result is on record"}'

# Seen in refusals of both: "String should match pattern '^[a-zA-Z0-9_-]+$'" from Anthropic's Messages,
# "Expected a string with maximum length 40" from OpenAI's Chat Completions. Other servers may put a
# meaning into an id, so theirs is left alone.
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_PARTICULAR = (LLMClient.openai, LLMClient.anthropic)
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A call that a reply asked for, with what came of it."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]
    result: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Said:
    """One message; an assistant's calls have their results with them, so that nothing can come between."""

    role: MessageRole
    text: str
    calls: tuple[AnsweredCall, ...] = ()


def said(
    history: Sequence[ChatMessage], *, client: LLMClient, new_message: str | None, use_history: bool
) -> list[Said]:
    """
    The messages that go out.

    Args:
        history: Everything said so far.
        client: Who is to take it.
        new_message: What comes after it, unless the history ends with a user who still waits for an answer.
        use_history: False leaves out everything before the last user message.
    """
    waits = bool(history) and history[-1].role == MessageRole.user
    asked = None if new_message is None or waits else Said(MessageRole.user, new_message)
    if not use_history:
        history = _last_turn(history) if asked is None else ()
    messages = list(_paired(history, _Ids(keeps_any=client not in _PARTICULAR)))
    return messages if asked is None else [*messages, asked]


def _last_turn(history: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    questions = [at for at, one in enumerate(history) if one.role == MessageRole.user]
    return history[questions[-1] :] if questions else history


def _paired(history: Sequence[ChatMessage], call_ids: "_Ids") -> Iterator[Said]:
    left = deque(history)
    while left:
        message = left.popleft()
        results: list[ChatMessage] = []
        while message.role == MessageRole.assistant and left and left[0].role == MessageRole.tool:
            results.append(left.popleft())
        if message.role == MessageRole.tool:
            yield _without_call(message)
        else:
            calls = tuple(_answered(call, results, call_ids) for call in message.calls)
            yield Said(message.role, message.content, calls)
        yield from map(_without_call, results)


def _answered(call: CalledTool, results: list[ChatMessage], call_ids: "_Ids") -> AnsweredCall:
    """Take the result of a call out of those that came after it."""
    mine = (at for at, one in enumerate(results) if (one.oai_tool_call_id or "") == call.call_id)
    at = next(mine, None)
    found = None if at is None else results.pop(at)
    return AnsweredCall(
        call_id=call_ids.legal(call.call_id, call.name),
        name=_NOT_IN_A_NAME.sub("_", call.name)[:_LONGEST_NAME] or "unknown_tool",
        arguments=call.arguments,
        result=_NO_RESULT if found is None else found.content,
        is_error=found is None or found.is_error,
    )


def _without_call(result: ChatMessage) -> Said:
    """A result that no call before it asked for can only be told."""
    return Said(MessageRole.user, f"Result of {result.tool_name or 'a tool'}: {result.content}")


class _Ids:
    """Ids of calls, each one once; the same history has the same ids whenever it is sent."""

    def __init__(self, *, keeps_any: bool) -> None:
        self._keeps_any = keeps_any
        self._taken: set[str] = set()

    def legal(self, call_id: str, name: str) -> str:
        chosen, nth = call_id, 0
        while chosen in self._taken or not self._takes(chosen):
            chosen = f"call_{ids.hash_uuid(call_id, name, nth).hex[:24]}"
            nth += 1
        self._taken.add(chosen)
        return chosen

    def _takes(self, call_id: str) -> bool:
        return bool(call_id) if self._keeps_any else _CALL_ID.fullmatch(call_id) is not None
