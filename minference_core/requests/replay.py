"""Walk a conversation through the answers that are on record, exactly as the live run did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from minference_core.errors import ErrorClass, Unsupported
from minference_core.requests.outcome import Attempt, Meaning
from minference_core.requests.prepare import PreparedRequest, prepare
from minference_core.threads import (
    ChatMessage,
    Conversation,
    ToolResult,
    Verdict,
    apply,
    ends_with,
    judge,
    next_request,
    results_without_running,
)

__all__ = ["Answer", "Ending", "RecordedResult", "Records", "Step", "known_results", "replay", "stamped"]


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """What a tool gave when it was run; `content` is JSON."""

    content: str
    is_error: bool


class Records(Protocol):
    """What is on record of requests."""

    def settled(self, request: PreparedRequest, /) -> Attempt | None:
        """The attempt that settled a request; None if there is none."""
        ...

    def results(self, request: PreparedRequest, /) -> Mapping[str, RecordedResult]:
        """What the tools gave that its answer called, by the calls' ids."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """
    One request of a conversation.

    Attributes:
        request: What was, or is to be, sent.
        attempt: The attempt that settled it; None where there is none on record.
        after: The conversation afterwards; the one that was sent when there is no answer.
        error: What was wrong with the answer, or that there was none.
        json_object: The valid object in a reply that was to hold one.
        reply_message: What the model said, as it stands in the thread.
        waits_for_tools: Whether the answer calls tools whose results are not on record.
    """

    request: PreparedRequest
    attempt: Attempt | None
    after: Conversation
    error: ErrorClass | None = None
    message: str | None = None
    meaning: Meaning | None = None
    json_object: Any = None
    reply_message: ChatMessage | None = None
    waits_for_tools: bool = False

    def ended_by(self, problem: Unsupported) -> "Step":
        """The same, where what comes next cannot be written for the provider."""
        ended = replace(self.after, failed=ErrorClass.BAD_REQUEST, goes_on=False)
        return replace(self, after=ended, error=ErrorClass.BAD_REQUEST, message=str(problem))

    @property
    def is_complete(self) -> bool:
        """Whether nothing is wrong with it, and nothing missing."""
        return self.attempt is not None and self.after.failed is None and not self.waits_for_tools


@dataclass(frozen=True, slots=True)
class Ending:
    """
    How a conversation ended with an answer.

    Attributes:
        failed: Why it ended early; None where it is complete.
        verdict: Of its last reply; None where none came.
    """

    failed: ErrorClass | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Answer:
    """
    An attempt that settled a request, read.

    Attributes:
        verdict: Of its reply; None where it holds none.
    """

    request: PreparedRequest
    attempt: Attempt
    meaning: Meaning
    verdict: Verdict | None

    @classmethod
    def of(cls, request: PreparedRequest, attempt: Attempt, meaning: Meaning | None = None) -> "Answer":
        """
        Args:
            meaning: What the attempt says, where it has been read already.
        """
        meaning = meaning or request.interpret(attempt)
        verdict = None if meaning.reply is None else judge(request.thread, meaning.reply)
        return cls(request, attempt, meaning, verdict)

    @property
    def sent(self) -> Conversation:
        """The conversation that was sent, with the time it really was."""
        return stamped(self.request.conversation, self.attempt.first_sent_at)

    def ending(self, *, more_turns: bool) -> "Ending | None":
        """
        How the conversation ends, where it can be told that it does: without the versions that say so.

        Args:
            more_turns: Whether the user has more to say.
        """
        reply, verdict = self.meaning.reply, self.verdict
        if reply is None or verdict is None:
            return Ending(self.meaning.error, None)
        if not ends_with(self.request.conversation, reply, verdict):
            return None
        if verdict.error is None and more_turns:
            return None
        return Ending(verdict.error, verdict)

    def step(self, results: Sequence[ToolResult] = ()) -> Step:
        """
        What it makes of the conversation.

        Args:
            results: What the calls of the reply gave, in their order.
        """
        meaning, verdict, sent = self.meaning, self.verdict, self.sent
        if meaning.reply is None or verdict is None:
            failed = replace(sent, failed=meaning.error)
            return Step(self.request, self.attempt, failed, meaning.error, meaning.message, meaning)
        after = apply(
            sent,
            meaning.reply,
            at=self.attempt.finished_at,
            results=results,
            verdict=verdict,
            wire=self.request.dialect,
        )
        error, message = verdict.error, verdict.message
        if error is None and after.failed is not None:
            most = sent.thread.max_steps
            error, message = after.failed, f"not at its end after max_steps={most} replies: raise it"
        said = after.thread.history[len(sent.thread.history)]
        return Step(self.request, self.attempt, after, error, message, meaning, verdict.json_object, said)


def replay(conversation: Conversation, records: Records) -> Iterator[Step]:
    """
    Every request of the conversation that was settled, then the next one that was not, if any.

    It ends, too, with an answer whose tools have not all been run; or with the last step once more, ended by
    the reason why what follows it cannot be written.

    Raises:
        Unsupported: Its first request cannot be written for its provider.
    """
    now, last = conversation, None
    while (ready := next_request(now, at=now.thread.created_at)) is not None:
        try:
            request = prepare(ready)
        except Unsupported as exc:
            if last is None:
                raise
            yield last.ended_by(exc)
            return
        attempt = records.settled(request)
        if attempt is None:
            yield Step(request, None, ready)
            return
        answer = Answer.of(request, attempt)
        results = _all_results(answer, records)
        if results is None:
            yield Step(request, attempt, answer.sent, meaning=answer.meaning, waits_for_tools=True)
            return
        last = answer.step(results)
        yield last
        now = last.after


def known_results(answer: Answer, records: Records) -> dict[str, ToolResult]:
    """The results of an answer's calls that are on record, by the calls' ids."""
    reply = answer.meaning.reply
    if reply is None or not reply.tool_calls:
        return {}
    recorded = records.results(answer.request)
    return {
        call.call_id: ToolResult(call=call, content=found.content, is_error=found.is_error)
        for call in reply.tool_calls
        if (found := recorded.get(call.call_id)) is not None
    }


def _all_results(answer: Answer, records: Records) -> list[ToolResult] | None:
    """The result of every call of an answer, in order; None if one is not on record."""
    reply, verdict = answer.meaning.reply, answer.verdict
    if reply is None or verdict is None or not reply.tool_calls:
        return []
    known = known_results(answer, records)
    settled = results_without_running(answer.request.thread, reply, verdict)
    found = [
        result or known.get(call.call_id) for call, result in zip(reply.tool_calls, settled, strict=True)
    ]
    complete = [result for result in found if result is not None]
    return complete if len(complete) == len(found) else None


def stamped(conversation: Conversation, at: datetime) -> Conversation:
    """The same version with the time it was really sent; a time is no part of an id."""
    thread = conversation.thread
    if thread.version_no == 1 or at <= thread.created_at:
        return conversation
    return replace(conversation, thread=thread.restamped(at))
