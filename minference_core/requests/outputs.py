"""
What a caller of the library gets back of one request: values, made once and never registered.

What was said is in the thread; an output says how it came about, and why not.
"""

from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

import orjson

from minference_core.entities import Entity
from minference_core.errors import ErrorClass, Undecodable
from minference_core.providers import PROVIDERS, error_in_answer, reader
from minference_core.providers.embedded_calls import with_embedded_calls
from minference_core.providers.reading import objects, shown
from minference_core.threads import (
    ChatThread,
    GeneratedJsonObject,
    LLMClient,
    Reply,
    ToolCall,
    Usage,
    Verdict,
    json_in,
    usage_of,
)
from minference_core.threads.json_text import check_depth

__all__ = ["ProcessedOutput", "RawOutput", "json_object_of", "raw_result"]


class RawOutput(Entity):
    """
    One answer as it came.

    Attributes:
        raw_result: The body; {"body": text} around one that is no JSON object, or nested too deeply to be
            read, {"error": why} where there is none.
        completion_kwargs: The body that was sent.
        start_time: When the first attempt was sent, seconds since the epoch.
        end_time: When the last one ended, seconds since the epoch.
        chat_thread_id: The version that was sent.
        chat_thread_live_id: The warm thread that it was sent for.
    """

    entity_kind: ClassVar[str] = "RawOutput"

    raw_result: dict[str, Any]
    completion_kwargs: dict[str, Any]
    start_time: float
    end_time: float
    chat_thread_id: UUID | None = None
    chat_thread_live_id: UUID | None = None
    client: LLMClient | None = None

    @property
    def time_taken(self) -> float:
        """Seconds."""
        return self.end_time - self.start_time

    @property
    def str_content(self) -> str | None:
        """The text of the answer; None if there is none."""
        reply = self._reply()
        return reply.text or None if reply is not None else None

    @property
    def json_object(self) -> GeneratedJsonObject | None:
        """The first call's arguments, or the JSON that the text is."""
        reply = self._reply()
        if reply is None:
            return None
        return _call_object(reply.tool_calls[0]) if reply.tool_calls else self._parsed(reply.text)

    @property
    def contains_object(self) -> bool:
        """Whether there is one."""
        return self.json_object is not None

    @property
    def usage(self) -> Usage | None:
        """Tokens billed; None where the provider does not say."""
        reply = self._reply()
        return None if reply is None else usage_of(reply)

    @property
    def error(self) -> str | None:
        """Why there is no answer in it; None if there is."""
        try:
            self._decoded()
        except Undecodable as exc:
            return str(exc)
        return None

    @property
    def result_provider(self) -> LLMClient | None:
        """Who answered; by the answer's shape if nobody said."""
        if self.client is not None:
            return self.client
        if "choices" in self.raw_result or self.raw_result.get("object") == "response":
            return LLMClient.openai
        return LLMClient.anthropic if self.raw_result.get("type") == "message" else None

    def create_processed_output(self) -> "ProcessedOutput":
        """
        The same, read.

        Raises:
            ValueError: It does not say which thread it belongs to.
        """
        if self.chat_thread_id is None or self.chat_thread_live_id is None:
            raise ValueError("Chat thread ID and live ID are required to create a ProcessedOutput")
        return ProcessedOutput.cold(
            content=self.str_content,
            json_object=self.json_object,
            usage=self.usage,
            error=self.error,
            time_taken=self.time_taken,
            llm_client=self.result_provider,
            raw_output=self,
            chat_thread_id=self.chat_thread_id,
            chat_thread_live_id=self.chat_thread_live_id,
        )

    def _reply(self) -> Reply | None:
        try:
            return self._decoded()
        except Undecodable:
            return None

    def _decoded(self) -> Reply:
        if error_in_answer(self.raw_result) is not None or self.raw_result.get("error"):
            raise Undecodable(_error_text(self.raw_result))
        provider = self.result_provider
        if provider is None or provider not in PROVIDERS:
            raise Undecodable(f"no provider answers like this: {shown(self.raw_result)}")
        reply = reader(provider, self.raw_result).decode(self.raw_result)
        return with_embedded_calls(reply, set(_offered(self.completion_kwargs)))

    def _parsed(self, text: str) -> GeneratedJsonObject | None:
        try:
            value = json_in(text)
        except ValueError:
            return None
        return _object(_schema_name(self.completion_kwargs) or "parsed_content", value)


class ProcessedOutput(Entity):
    """
    One request's outcome: what was answered, or why nothing was.

    Attributes:
        content: The text, verbatim; None if there is none.
        reasoning: The model's thinking, where the provider shows it.
        json_object: The first call's arguments, or the object of a reply that was to be JSON.
        usage: Tokens of this reply; those of all replies are in the thread (`get_all_usages`).
        error: What is wrong; None if all is well. An answer that is not what was asked for has both.
        error_class: The same, for programs; a value of `ErrorClass`, or None.
        repairs: How many replies before this one could not be used, after which the model was asked again;
            they are in the thread, and in `time_taken` and `cost_usd`.
        time_taken: Seconds from the first attempt to the last one's end; 0 if nothing was sent.
        cost_usd: By list price; None when it is unknown.
        chat_thread_id: The version of the thread that was sent.
        chat_thread_live_id: The warm thread, which holds what was said; None for a version that was listed.
    """

    entity_kind: ClassVar[str] = "ProcessedOutput"

    content: str | None = None
    reasoning: str | None = None
    json_object: GeneratedJsonObject | None = None
    usage: Usage | None = None
    error: str | None = None
    error_class: ErrorClass | None = None
    repairs: int = 0
    time_taken: float
    cost_usd: float | None = None
    llm_client: LLMClient | None
    raw_output: RawOutput
    chat_thread_id: UUID
    chat_thread_live_id: UUID | None


def raw_result(body: str | None, why: str | None) -> dict[str, Any]:
    """
    A raw answer as `RawOutput.raw_result` holds it.

    Args:
        why: What is said where there is no body.
    """
    if body is None:
        return {"error": why or "no answer came"}
    try:
        result = orjson.loads(body)
        check_depth(result)
    except ValueError:
        result = body
    return result if isinstance(result, dict) else {"body": result}


def json_object_of(thread: ChatThread, reply: Reply, verdict: Verdict) -> GeneratedJsonObject | None:
    """The object in a reply that was to hold one."""
    if reply.tool_calls:
        return _call_object(reply.tool_calls[0])
    if verdict.json_object is None:
        return None
    name = thread.forced_output.name if thread.forced_output is not None else "parsed_content"
    return _object(name, verdict.json_object)


def _call_object(call: ToolCall) -> GeneratedJsonObject:
    return _object(call.name, call.arguments, call_id=call.call_id)


def _object(name: str, value: Any, *, call_id: str | None = None) -> GeneratedJsonObject:
    fields = value if isinstance(value, dict) else {"value": value}
    return GeneratedJsonObject.cold(name=name, object=fields, tool_call_id=call_id)


def _offered(body: dict[str, Any]) -> Iterator[str]:
    """The names of the tools that a request lets the model call; Anthropic is told of past ones, too."""
    if body.get("tool_choice") in ("none", {"type": "none"}):
        return
    for tool in objects(body.get("tools")):
        function = tool.get("function")
        yield str((function if isinstance(function, dict) else tool).get("name"))


def _schema_name(body: dict[str, Any]) -> str | None:
    """What the schema is called that a request asks for, in either of OpenAI's formats."""
    text = body.get("text")
    form = text.get("format") if isinstance(text, dict) else body.get("response_format")
    if not isinstance(form, dict):
        return None
    schema = form.get("json_schema")
    name = (schema if isinstance(schema, dict) else form).get("name")
    return name if isinstance(name, str) and name else None


def _error_text(result: dict[str, Any]) -> str:
    error = result.get("error")
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])
    return error if isinstance(error, str) else shown(result)
