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
from minference_core.threads.images import Image
from minference_core.threads.messages import CalledTool, ChatMessage, MessageRole

__all__ = ["AnsweredCall", "Reader", "Said", "said"]

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
    """
    One message; an assistant's calls have their results with them, so that nothing can come between.

    Attributes:
        carried: The reply in the words of the wire format it is to be sent in, to be sent instead of these.
    """

    role: MessageRole
    text: str
    calls: tuple[AnsweredCall, ...] = ()
    images: tuple[Image, ...] = ()
    carried: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who is to read the messages: ids and carried reasoning mean something to some, and not to others."""

    client: LLMClient
    model: str | None
    wire: str


def said(
    history: Sequence[ChatMessage],
    *,
    reader: Reader,
    new_message: str | None,
    new_images: Sequence[Image] | None,
    use_history: bool,
) -> list[Said]:
    """
    The messages that go out.

    Args:
        history: Everything said so far.
        reader: Who is to take it.
        new_message: What comes after it, unless the history ends with a user who still waits for an answer.
        new_images: What it shows.
        use_history: False leaves out everything before the last user message.
    """
    waits = bool(history) and history[-1].role == MessageRole.user
    is_new = not waits and (new_message is not None or bool(new_images))
    if not use_history:
        history = () if is_new else _last_turn(history)
    messages = list(_paired(history, reader, _Ids(keeps_any=reader.client not in _PARTICULAR)))
    asked = Said(MessageRole.user, new_message or "", images=tuple(new_images or ()))
    return [*messages, asked] if is_new else messages


def _last_turn(history: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    questions = [at for at, one in enumerate(history) if one.role == MessageRole.user and not one.is_error]
    return history[questions[-1] :] if questions else history


def _paired(history: Sequence[ChatMessage], reader: Reader, call_ids: "_Ids") -> Iterator[Said]:
    left = deque(history)
    while left:
        message = left.popleft()
        results: list[ChatMessage] = []
        while message.role == MessageRole.assistant and left and left[0].role == MessageRole.tool:
            results.append(left.popleft())
        match message.role:
            case MessageRole.tool:
                yield _without_call(message)
            case MessageRole.assistant:
                yield _reply(message, results, reader, call_ids)
            case role:
                images = tuple(message.images or ()) if role == MessageRole.user else ()
                yield Said(role, message.content, images=images)
        yield from map(_without_call, results)


def _reply(message: ChatMessage, results: list[ChatMessage], reader: Reader, call_ids: "_Ids") -> Said:
    """What an assistant said, and its calls with their results, which are taken out of `results`."""
    paired = [(call, _result_of(call, results)) for call in message.calls]
    carried = _carried(message, reader, call_ids) if all(result for _, result in paired) else ()
    calls = tuple(_answered(call, result, call_ids, keep=bool(carried)) for call, result in paired)
    return Said(message.role, message.content, calls, carried=carried)


def _carried(message: ChatMessage, reader: Reader, call_ids: "_Ids") -> tuple[Mapping[str, Any], ...]:
    """The reply as it came, where that still means something and its calls can keep their ids."""
    carried, calls = message.carried, message.calls
    if carried is None or (carried.wire, carried.model) != (reader.wire, reader.model):
        return ()
    if message.parent_id is not None:  # somebody has edited it since it came
        return ()
    if not call_ids.are_free([call.call_id for call in calls]):
        return ()
    named = [(part.get(_CALLED_BY[part["type"]]), part.get("name")) for part in _calls_in(carried.parts)]
    if named and named != [(call.call_id, call.name) for call in calls]:
        return ()
    return tuple(carried.parts)


# Where a wire format's part that is a call has its id. OpenRouter's parts are the reasoning alone.
_CALLED_BY = {"tool_use": "id", "function_call": "call_id"}


def _calls_in(parts: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (part for part in parts if part.get("type") in _CALLED_BY)


def _result_of(call: CalledTool, results: list[ChatMessage]) -> ChatMessage | None:
    """Take the result of a call out of those that came after it."""
    mine = (at for at, one in enumerate(results) if (one.oai_tool_call_id or "") == call.call_id)
    at = next(mine, None)
    return None if at is None else results.pop(at)


def _answered(call: CalledTool, result: ChatMessage | None, call_ids: "_Ids", *, keep: bool) -> AnsweredCall:
    """
    Args:
        keep: The id and the name stay as the provider itself gave them.
    """
    name = call.name if keep else _NOT_IN_A_NAME.sub("_", call.name)[:_LONGEST_NAME] or "unknown_tool"
    return AnsweredCall(
        call_id=call_ids.kept(call.call_id) if keep else call_ids.legal(call.call_id, call.name),
        name=name,
        arguments=call.arguments,
        result=_NO_RESULT if result is None else result.content,
        is_error=result is None or result.is_error,
    )


def _without_call(result: ChatMessage) -> Said:
    """A result that no call before it asked for can only be told."""
    return Said(MessageRole.user, f"Result of {result.tool_name or 'a tool'}: {result.content}")


class _Ids:
    """Ids of calls, each one once; the same history has the same ids whenever it is sent."""

    def __init__(self, *, keeps_any: bool) -> None:
        self._keeps_any = keeps_any
        self._taken: set[str] = set()

    def are_free(self, call_ids: Sequence[str]) -> bool:
        """Whether all can be sent as they are, each for a call of its own."""
        return all(call_ids) and len({*call_ids} - self._taken) == len(call_ids)

    def kept(self, call_id: str) -> str:
        self._taken.add(call_id)
        return call_id

    def legal(self, call_id: str, name: str) -> str:
        chosen, nth = call_id, 0
        while chosen in self._taken or not self._takes(chosen):
            chosen = f"call_{ids.hash_uuid(call_id, name, nth).hex[:24]}"
            nth += 1
        self._taken.add(chosen)
        return chosen

    def _takes(self, call_id: str) -> bool:
        return bool(call_id) if self._keeps_any else _CALL_ID.fullmatch(call_id) is not None
