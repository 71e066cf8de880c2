"""One thread's turn: from the warm object to the request, and from the answer back into it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from minference_core import ids
from minference_core.conversations.calls import run_calls
from minference_core.entities import EntityRegistry
from minference_core.errors import ErrorClass
from minference_core.providers import Unsupported
from minference_core.requests import (
    Attempt,
    Meaning,
    PreparedRequest,
    ProcessedOutput,
    RawOutput,
    json_object_of,
    prepare,
    price,
    raw_result,
)
from minference_core.threads import (
    ChatThread,
    Conversation,
    OwnPrice,
    Reply,
    ResponseFormat,
    TokenUsage,
    Verdict,
    apply,
    judge,
    next_request,
)

__all__ = ["Turn", "failed", "version_of"]


@dataclass(frozen=True, slots=True)
class Turn:
    """
    A thread that is about to be asked for its next reply.

    Attributes:
        prices: The user's own, by model.
        before: The outcomes of the same turn that could not be used; each counts those before it, too.
    """

    thread: ChatThread
    request: PreparedRequest
    prices: Mapping[str, OwnPrice] = field(default_factory=dict)
    before: tuple[ProcessedOutput, ...] = ()

    @classmethod
    def begin(
        cls, thread: ChatThread, given: ChatThread, nth: int, prices: Mapping[str, OwnPrice]
    ) -> "Turn | ProcessedOutput":
        """
        Make a thread ready to be sent; its outcome, if there is nothing to send.

        Args:
            thread: The warm thread.
            given: The version of it that is asked.
            nth: How often that version has been listed before in this run.
            prices: The user's own, by model.
        """
        now = Conversation(thread_key="", sample=nth, generation=0, thread=given, asker=_asker(thread, nth))
        try:
            ready = next_request(now, at=datetime.now(UTC))
            if ready is None:
                return _nothing_to_ask(thread)
            request = prepare(ready)
        except (Unsupported, ValueError, TypeError, RecursionError) as exc:
            return failed(thread, ErrorClass.BAD_REQUEST, str(exc))
        EntityRegistry.register(ready.thread)
        return cls(thread, request, prices)

    async def end(
        self, attempt: Attempt, meaning: Meaning, *, tool_timeout_s: float | None
    ) -> "ProcessedOutput | Turn":
        """
        Carry out what the reply asks for, and bring the thread to where it is then.

        Returns:
            The outcome; or, where the reply is not what was asked for and the thread allows another try,
            the turn to try it with.
        """
        if meaning.reply is None:
            return self._output(attempt, error=meaning.error, message=meaning.message)
        reply, sent = meaning.reply, self.request.conversation
        verdict = judge(sent.thread, reply)
        results = await run_calls(sent.thread, reply, verdict, timeout_s=tool_timeout_s)
        after = apply(
            sent, reply, at=attempt.finished_at, results=results, verdict=verdict, wire=self.request.dialect
        )
        EntityRegistry.register(after.thread)
        self.thread.follow(after.thread)
        output = self._output(attempt, after, reply, verdict, error=verdict.error, message=verdict.message)
        if verdict.error is None or not after.goes_on:
            return output
        return replace(self, request=prepare(after), before=(*self.before, output))

    def _output(
        self,
        attempt: Attempt,
        after: Conversation | None = None,
        reply: Reply | None = None,
        verdict: Verdict | None = None,
        *,
        error: ErrorClass | None,
        message: str | None,
    ) -> ProcessedOutput:
        raw = self._raw(attempt, message)
        thread = self.request.thread
        fields: dict[str, Any] = {"cost_usd": self._cost(None)}
        if after is not None and reply is not None and verdict is not None:
            fields = {
                "content": reply.text or None,
                "reasoning": reply.reasoning,
                "json_object": json_object_of(thread, reply, verdict),
                "usage": after.thread.history[len(thread.history)].usage,
                "cost_usd": self._cost(reply.usage),
            }
        return ProcessedOutput.cold(
            **fields,
            error=None if error is None else message or str(error),
            error_class=error,
            repairs=len(self.before),
            time_taken=sum(each.time_taken for each in self.before[-1:])
            + (raw.time_taken if attempt.number else 0.0),
            llm_client=thread.llm_config.client,
            raw_output=raw,
            chat_thread_id=thread.id,
            chat_thread_live_id=self.thread.live_id,
        )

    def _cost(self, usage: TokenUsage | None) -> float | None:
        """Of a reply, if there is one, and those before it in the turn; None if one of them is unknown."""
        config = self.request.thread.llm_config
        costs = [each.cost_usd for each in self.before[-1:]]
        if usage is not None:
            usd = price(config.client, config.model, usage, self.prices).usd
            costs.append(None if usd is None else float(usd))
        known = [cost for cost in costs if cost is not None]
        return sum(known) if known and len(known) == len(costs) else None

    def _raw(self, attempt: Attempt, message: str | None) -> RawOutput:
        return RawOutput.cold(
            raw_result=raw_result(attempt.body, message),
            completion_kwargs=self.request.wire.body,
            start_time=attempt.first_sent_at.timestamp(),
            end_time=attempt.finished_at.timestamp(),
            chat_thread_id=self.request.thread.id,
            chat_thread_live_id=self.thread.live_id,
            client=self.request.thread.llm_config.client,
        )


def failed(thread: ChatThread, error: ErrorClass, message: str) -> ProcessedOutput:
    """The outcome of a thread for which nothing was sent; it is as it was, and can be run again."""
    return _unsent(thread, error=message, error_class=error)


def _nothing_to_ask(thread: ChatThread) -> ProcessedOutput:
    workflow = thread.llm_config.response_format == ResponseFormat.workflow
    if workflow and thread.workflow_step == len(thread.tools):
        return _unsent(thread)  # all of a workflow's steps are done: nothing is wrong
    return failed(thread, ErrorClass.BAD_REQUEST, "there is nothing to answer: set new_message")


def _unsent(
    thread: ChatThread, *, error: str | None = None, error_class: ErrorClass | None = None
) -> ProcessedOutput:
    now = datetime.now(UTC).timestamp()
    version, live_id = version_of(thread).id, thread.live_id
    return ProcessedOutput.cold(
        error=error,
        error_class=error_class,
        time_taken=0.0,
        llm_client=thread.llm_config.client,
        raw_output=RawOutput.cold(
            raw_result={} if error is None else {"error": error},
            completion_kwargs={},
            start_time=now,
            end_time=now,
            chat_thread_id=version,
            chat_thread_live_id=live_id,
            client=thread.llm_config.client,
        ),
        chat_thread_id=version,
        chat_thread_live_id=live_id,
    )


def version_of(thread: ChatThread) -> ChatThread:
    """The version that a warm thread was when it was last registered."""
    version = thread.cold_snapshot
    assert version is not None  # noqa: S101 (every warm thread was registered when it was made)
    return version


def _asker(thread: ChatThread, nth: int) -> UUID:
    """Tells the replies to a version apart by the object, and by its place, that they were made for."""
    return ids.hash_uuid(thread.live_id, nth)
