"""The threads that the wire formats are tried with: every format, with whatever can come with it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

from pydantic import ValidationError

from minference_core.providers import Unsupported, WireRequest, provider_of
from minference_core.threads import (
    CalledTool,
    CarriedReasoning,
    ChatMessage,
    ChatThread,
    Image,
    LLMConfig,
    ResponseFormat,
    SystemPrompt,
)
from minference_core.tools import CallableTool, StructuredTool
from tests.wire.wires import Body, Wire

__all__ = ["FORMATS", "Case", "called", "cases_of", "joke", "pinned", "refusal", "request", "tides"]

FORMATS = tuple(form.value for form in ResponseFormat)
PIXEL = "R0lGODlhAQABAAAAACw="  # the shortest GIF that passes for one

JOKE = {
    "type": "object",
    "properties": {"setup": {"type": "string"}, "stars": {"type": "integer", "minimum": 1}},
    "required": ["setup", "stars"],
    "additionalProperties": False,
}
TIDES = {
    "type": "object",
    "properties": {"bay": {"type": "string"}, "unit": {"enum": ["m", "ft"], "default": "m"}},
    "required": ["bay"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    What a request is about.

    Attributes:
        config: Settings beside the client, the model and the format.
        history: "" for none, "talk", "calls" of two tools of which one failed, and "thoughts", which are
            calls with reasoning that has to be sent back.
        goes_on: The results of the calls are the last thing said, and the model is to go on from there.
    """

    form: str
    config: Body
    prompt: bool = False
    history: str = ""
    goes_on: bool = False
    tools: bool = True
    instructed: bool = False
    images: bool = False

    @property
    def name(self) -> str:
        return ", ".join(self.traits) or "a question"

    @property
    def traits(self) -> list[str]:
        """What it has that the plainest question has not."""
        parts = {
            "a prompt": self.prompt,
            self.history: self.history,
            "to be gone on from": self.goes_on,
            "no tools": not self.tools,
            "the schema in words": self.instructed,
            "images": self.images,
            " ".join(f"{name}={value}" for name, value in self.config.items()): self.config,
        }
        return [part for part, is_there in parts.items() if is_there]


def cases_of(form: str, wire: Wire) -> Iterator[Case]:
    """Everything with everything; under the variants, the histories and tools alone."""
    histories = [("", False), ("talk", False), ("calls", False), ("calls", True)]
    if carried(wire):
        histories += [("thoughts", False), ("thoughts", True)]
    flags = (False, True)
    for (history, goes_on), tools in product(histories, flags):
        case = Case(form=form, config={}, history=history, goes_on=goes_on, tools=tools)
        yield from (replace(case, config=config, prompt=True) for config in wire.variants)
        for prompt, instructed, images in product(flags, flags, flags):
            if not (images and goes_on):
                yield replace(case, prompt=prompt, instructed=instructed, images=images)


def pinned(form: str, wire: Wire) -> Iterator[Case]:
    """The telling ones, which are written down."""
    plain = Case(form=form, config={})
    yield plain
    yield replace(plain, prompt=True, history="calls")
    yield replace(plain, prompt=True, instructed=True, images=True)
    yield replace(plain, tools=False)
    if form in ("auto_tools", "workflow"):
        yield replace(plain, history="calls", goes_on=True)
        if carried(wire):
            yield replace(plain, history="thoughts", goes_on=True)
    if form == "text":
        yield from (replace(plain, config=settings) for settings in wire.settings)


def request(wire: Wire, case: Case) -> WireRequest:
    """
    Raises:
        Unsupported: The client, the model or the thread does not take it.
        ValidationError: The same, when the thread is made.
    """
    thread = thread_of(wire, case)
    return provider_of(thread).encode(thread)


def refusal(exc: Unsupported | ValidationError) -> str:
    """What the user is told, without what pydantic says of itself."""
    if isinstance(exc, ValidationError):
        return " ".join(str(error["msg"]).removeprefix("Value error, ") for error in exc.errors())
    return str(exc)


def thread_of(wire: Wire, case: Case) -> ChatThread:
    settings = {"model": wire.model, **wire.config, **case.config, "response_format": case.form}
    new: Body = {} if case.goes_on else {"new_message": "How are the tides in the Bay of Fundy?"}
    if case.images:
        new["new_images"] = [Image(url="https://example.org/fundy.jpg", detail="low"), Image(data=PIXEL)]
    return ChatThread(
        llm_config=_config(client=wire.client, **settings),
        system_prompt=_prompt() if case.prompt else None,
        history=_history(wire, case, str(settings["model"])),
        forced_output=joke() if case.tools else None,
        tools=[tides(), joke()] if case.tools else [],
        use_schema_instruction=case.instructed,
        **new,
    )


# The parts do not change, and are made once: thousands of threads are made of them.


@cache
def joke() -> StructuredTool:
    """Its schema can be held to."""
    return StructuredTool(name="joke", description="A joke and how good it is.", json_schema=JOKE)


@cache
def tides() -> CallableTool:
    """Its schema cannot, at OpenAI: a property is optional."""
    return CallableTool(name="tides", docstring="The tides of a bay.", input_schema=TIDES)


@cache
def _prompt() -> SystemPrompt:
    return SystemPrompt(content="Be brief.")


_CONFIGS: dict[str, LLMConfig] = {}


def _config(**settings: Any) -> LLMConfig:
    name = repr(settings)
    if name not in _CONFIGS:
        _CONFIGS[name] = LLMConfig(**settings)
    return _CONFIGS[name]


def _history(wire: Wire, case: Case, model: str) -> list[ChatMessage]:
    match case.history:
        case "":
            return []
        case "talk":
            return list(_talk())
    turn = list(called(wire if case.history == "thoughts" else None, model))
    return turn if case.goes_on else [*turn, _last()]


@cache
def _talk() -> tuple[ChatMessage, ...]:
    said = (
        ("user", "What is it now?"),
        ("assistant", "Low tide."),
        ("user", "And now?"),
        ("assistant", "Rising."),
    )
    return tuple(ChatMessage(role=role, content=words) for role, words in said)


@cache
def _last() -> ChatMessage:
    return ChatMessage(role="assistant", content="At noon.")


@cache
def called(wire: Wire | None, model: str) -> tuple[ChatMessage, ...]:
    """
    A question, a reply with two calls, and their results, of which one is a failure.

    Args:
        wire: The one that it came in, with reasoning that has to go back; without, if None.
    """
    other = CalledTool(call_id="call_2", name="tides", arguments={"bay": "?"})
    mine = None if wire is None else CarriedReasoning(wire=wire.dialect, model=model, parts=carried(wire))
    return (
        ChatMessage(role="user", content="When is high tide?"),
        ChatMessage(
            role="assistant",
            content="I look.",
            tool_name="tides",
            tool_call={"bay": "Fundy", "unit": "m"},
            oai_tool_call_id="call_1",
            more_tool_calls=[other],
            carried=mine,
        ),
        ChatMessage(role="tool", content='{"result": "noon"}', oai_tool_call_id="call_1", tool_name="tides"),
        ChatMessage(
            role="tool",
            content='{"error": "no bay"}',
            oai_tool_call_id="call_2",
            tool_name="tides",
            is_error=True,
        ),
    )


def carried(wire: Wire) -> list[Body]:
    """That reply as the provider gave it, where something of it has to be sent back."""
    return _CARRIED.get(wire.dialect, [])


_THOUGHT = "The tide tables say so."
_CARRIED: dict[str, list[Body]] = {
    "messages": [
        {"type": "thinking", "thinking": _THOUGHT, "signature": "c2lnbmVk"},
        {"type": "redacted_thinking", "data": "c2VjcmV0"},
        {"type": "text", "text": "I look.", "citations": None},
        {"type": "tool_use", "id": "call_1", "name": "tides", "input": {"bay": "Fundy", "unit": "m"}},
        {"type": "tool_use", "id": "call_2", "name": "tides", "input": {"bay": "?"}},
    ],
    "responses": [
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": _THOUGHT}],
            "content": None,
            "encrypted_content": "c2VjcmV0",
            "status": None,
        },
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
            "phase": "commentary",
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "tides",
            "arguments": '{"bay":"Fundy","unit":"m"}',
        },
        {
            "id": "fc_2",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_2",
            "name": "tides",
            "arguments": '{"bay":"?"}',
        },
    ],
    "chat/openrouter": [
        {"type": "reasoning.text", "text": _THOUGHT, "signature": None, "format": "unknown", "index": 0},
        {"type": "reasoning.encrypted", "data": "c2VjcmV0", "id": "r_2", "format": "unknown", "index": 1},
    ],
}
