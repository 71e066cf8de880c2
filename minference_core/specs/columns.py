"""
The columns of a thread spec: what each may hold, and what to do when it holds something else.

Reading files is `reader.py`; becoming a thread is `conversations.py`.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from minference_core import ids
from minference_core.specs.past import Past
from minference_core.threads import Api, Client, ImageInput, LLMConfig, ReasoningEffort, ResponseFormat
from minference_core.threads.config import config_problem
from minference_core.tools import check_schema

__all__ = ["CONFIG_COLUMNS", "META_PREFIX", "SPEC_COLUMNS", "SpecMessage", "ThreadSpec", "explain"]

META_PREFIX = "meta_"
_MOST_TOKENS = 10_000_000  # more than any model writes


def _parsed_object(value: object) -> object:
    """A JSON object written as text, as Parquet columns hold it."""
    if not isinstance(value, str):
        _check_numbers(value)
        return value
    try:
        parsed = ids.parse_json(value)
    except ValueError as exc:
        raise ValueError(f"not valid JSON: {exc}") from exc
    _check_numbers(parsed)
    if not isinstance(parsed, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (pydantic makes a ValueError the row's problem)
    return parsed


def _check_numbers(value: object) -> None:
    """What goes over the wire is written by orjson, which has no integers beyond 64 bits."""
    try:
        orjson.dumps(value)
    except TypeError as exc:
        raise ValueError(str(exc)) from exc


def _schema(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    check_schema(value)
    return value


def _not_ours(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if taken := sorted(_WRITTEN_BY_US & value.keys()):
        raise ValueError(f"{', '.join(taken)} is written from the columns: use those")
    return value


# What the request is made of; set beside the columns, it would make the plan and the price untrue.
_WRITTEN_BY_US = frozenset(
    {
        "model",
        "messages",
        "input",
        "system",
        "instructions",
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n",
        "stream",
    }
)

_WITH_TOOLS = ("auto_tools", "workflow")
_WITH_OUTPUT = ("structured_output", "tool")

JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_parsed_object)]
JsonSchema = Annotated[JsonObject, AfterValidator(_schema)]
ExtraBody = Annotated[JsonObject, AfterValidator(_not_ours)]
NonEmpty = Annotated[str, Field(min_length=1)]


def _without_nulls(value: object) -> object:
    """A Parquet struct has every field in every row; the ones a message does not use are null."""
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if item is not None and item != []}
    return value


def _parsed_list(value: object) -> object:
    """A list, or the same written as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return ids.parse_json(value)
    except ValueError as exc:
        raise ValueError(f"not valid JSON: {exc}") from exc


class SpecCall(BaseModel):
    """A call that an assistant message of the history asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: NonEmpty
    name: NonEmpty
    arguments: JsonObject


class SpecMessage(BaseModel):
    """One message of the history a conversation starts from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["user", "assistant", "tool"]
    content: str = ""
    images: tuple[ImageInput, ...] | None = None
    tool_calls: Annotated[tuple[SpecCall, ...], BeforeValidator(_parsed_list)] | None = None
    tool_call_id: NonEmpty | None = None

    @model_validator(mode="after")
    def _says_what_its_role_can(self) -> Self:
        if not self.content and not self.tool_calls and not self.images:
            raise ValueError("it says nothing: set content")
        if self.images and self.role != "user":
            raise ValueError("only a user message shows images")
        if self.tool_calls and self.role != "assistant":
            raise ValueError("only an assistant message has tool_calls")
        if (self.role == "tool") != (self.tool_call_id is not None):
            raise ValueError("tool_call_id goes with role tool, and says which call it is the result of")
        return self


HistoryMessage = Annotated[SpecMessage, BeforeValidator(_without_nulls)]


class ThreadSpec(BaseModel):
    """One valid row: one conversation to hold, `samples` times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    thread_key: NonEmpty
    prompt: NonEmpty | None = None
    user_turns: Annotated[tuple[NonEmpty, ...], Field(min_length=1)] | None = None
    messages: Annotated[tuple[HistoryMessage, ...], Field(min_length=1)] | None = None
    images: Annotated[tuple[ImageInput, ...], Field(min_length=1)] | None = None
    system_prompt: NonEmpty | None = None
    client: Client
    model: NonEmpty
    max_tokens: Annotated[int, Field(ge=1, le=_MOST_TOKENS)] = 400
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: tuple[NonEmpty, ...] | None = None
    reasoning_effort: ReasoningEffort | None = None
    response_format: ResponseFormat = ResponseFormat.text
    tools: tuple[NonEmpty, ...] | None = None
    forced_output: NonEmpty | None = None
    output_schema: JsonSchema | None = None
    samples: Annotated[int, Field(ge=1, le=10_000)] = 1
    max_steps: Annotated[int, Field(ge=1, le=10_000)] = 10
    max_repairs: Annotated[int, Field(ge=0, le=100)] = 1
    use_cache: bool = True
    api: Api | None = None
    extra_body: ExtraBody | None = None
    past: Annotated[Past, BeforeValidator(_parsed_object)] | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    @property
    def meta_json(self) -> str | None:
        """The row's `meta_*` columns as JSON, whatever types they have; None when there are none."""
        if not self.meta:
            return None
        return orjson.dumps(self.meta, default=str, option=orjson.OPT_NON_STR_KEYS).decode()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.prompt is not None and self.user_turns is not None:
            raise ValueError("prompt and user_turns are both set: keep one, prompt is one user turn")
        if self.past is not None and self.messages is not None:
            raise ValueError("past and messages are both set: keep one, past is the history of a fork")
        if self.prompt is None and self.user_turns is None:
            if self.past is not None:
                if not self.past.awaits_a_reply:
                    raise ValueError("past ends with the assistant: add the next user turn in prompt")
                return self
            if self.messages is None:
                raise ValueError("nothing to say: set one of prompt, user_turns and messages")
            if self.messages[-1].role == "assistant":
                raise ValueError(
                    "messages ends with the assistant: add the next user turn in prompt or user_turns"
                )
        return self

    @model_validator(mode="after")
    def _shows_images_to_somebody(self) -> Self:
        if self.images and self.prompt is None and self.user_turns is None:
            raise ValueError("images go with prompt or user_turns: in a history, put them into messages")
        return self

    @model_validator(mode="after")
    def _has_what_its_format_needs(self) -> Self:
        form = self.response_format
        if self.tools is not None and form not in _WITH_TOOLS:
            raise ValueError(f"tools are for response_format {' and '.join(_WITH_TOOLS)}: {form} takes none")
        if self.tools is None and form in _WITH_TOOLS:
            raise ValueError(f"response_format is {form}: set tools to names that the dataset registers")
        if self.forced_output is not None and self.output_schema is not None:
            raise ValueError("forced_output and output_schema are both set: keep one")
        wants_output = form in _WITH_OUTPUT
        has_output = self.forced_output is not None or self.output_schema is not None
        if wants_output and not has_output:
            raise ValueError(
                f"response_format is {form}: set output_schema to a JSON schema, or forced_output to the "
                f"name of a tool that the dataset registers"
            )
        if self.forced_output is not None and not wants_output:
            raise ValueError(f"forced_output is for response_format {' and '.join(_WITH_OUTPUT)}, not {form}")
        return self

    @model_validator(mode="after")
    def _calls_have_results(self) -> Self:
        waiting: set[str] = set()
        for place, message in enumerate(self.messages or ()):
            if message.tool_call_id is not None and message.tool_call_id not in waiting:
                raise ValueError(
                    f"messages[{place}] is the result of {message.tool_call_id!r}, which no call before it is"
                )
            if message.role != "tool" and waiting:
                raise ValueError(
                    f"messages[{place}] comes before the results of {', '.join(sorted(waiting))}"
                )
            waiting.discard(message.tool_call_id or "")
            asked = [call.id for call in message.tool_calls or ()]
            if len(asked) > len(set(asked)):
                raise ValueError(f"messages[{place}] has two calls of one id: give each its own")
            waiting.update(asked)
        if waiting:
            named = ", ".join(sorted(waiting))
            raise ValueError(
                f"messages ends without the results of {named}: add a message of role tool for each"
            )
        return self

    @model_validator(mode="after")
    def _names_each_tool_once(self) -> Self:
        names = self.tools or ()
        twice = sorted({name for name in names if names.count(name) > 1})
        if self.response_format == "auto_tools" and twice:
            raise ValueError(f"tools names {', '.join(twice)} more than once: name each tool once")
        return self

    @model_validator(mode="after")
    def _workflow_can_end(self) -> Self:
        if self.response_format != "workflow" or self.tools is None:
            return self
        if self.user_turns is not None and len(self.user_turns) > 1:
            raise ValueError("a workflow is one turn: use prompt, or response_format auto_tools")
        asks = self.messages is not None and self.messages[-1].role != "assistant"
        asks = asks or (self.past is not None and self.past.awaits_a_reply)
        if asks and (self.prompt is not None or self.user_turns is not None):
            raise ValueError("a workflow is one turn, and messages ends with one: leave prompt null")
        if len(self.tools) > self.max_steps:
            raise ValueError(
                f"the workflow has {len(self.tools)} tools and max_steps is {self.max_steps}: raise it"
            )
        return self

    @model_validator(mode="after")
    def _model_takes_it(self) -> Self:
        problem = config_problem({name: getattr(self, name) for name in CONFIG_COLUMNS})
        if problem is not None:
            raise ValueError(f"column {problem}")
        return self


CONFIG_COLUMNS = tuple(sorted(set(LLMConfig.model_fields) & set(ThreadSpec.model_fields)))
SPEC_COLUMNS = frozenset(ThreadSpec.model_fields) - {"meta"}

_REMEDIES: Mapping[str, str] = {
    "thread_key": "give every row a non-empty key that is unique in its partition",
    "prompt": "set it to the user's words, or leave it null and use user_turns or messages",
    "user_turns": "a list of non-empty texts, or null",
    "messages": "a list of {role, content}, role user, assistant or tool; instructions go into system_prompt",
    "images": "a list of http addresses, data URIs or bytes of JPEG, PNG, GIF or WebP, or null",
    "tools": "a list of names that the dataset's tools module registers, in order, or null",
    "forced_output": "the name of one tool that the dataset's tools module registers, or null",
    "max_repairs": "a whole number from 0 to 100",
    "use_cache": "true or false, or null",
    "api": f"one of {', '.join(get_args(Api))}, or null",
    "client": f"one of {', '.join(get_args(Client))}, in the row or in the dataset's defaults",
    "model": "name the model, in the row or in the dataset's defaults",
    "max_tokens": "a whole number of tokens from 1",
    "temperature": "a number from 0 to 2, or null",
    "top_p": "a number above 0 and at most 1, or null",
    "seed": "a whole number, or null",
    "stop": "a list of non-empty texts, or null",
    "reasoning_effort": f"one of {', '.join(get_args(ReasoningEffort))}, or null",
    "response_format": f"one of {', '.join(ResponseFormat)}",
    "output_schema": "a JSON schema as text, or null",
    "samples": "a whole number from 1 to 10000",
    "max_steps": "a whole number, 1 or more",
    "extra_body": "a JSON object as text, or null",
    "past": "leave it as `minference fork` wrote it, or make the fork again",
}


def explain(error: ValidationError) -> str:
    """Every problem of a row: column, value, what is wrong and what to do."""
    details = error.errors(include_url=False)
    # Of a list whose items are wrong, pydantic says besides that it is too short.
    wrong_inside = {detail["loc"][0] for detail in details if len(detail["loc"]) > 1}
    return "; ".join(
        _sentence(detail)
        for detail in details
        if not (detail["type"] == "too_short" and detail["loc"][0] in wrong_inside)
    )


def _sentence(detail: Any) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not detail["loc"]:
        return message
    column = str(detail["loc"][0])
    where = column + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"][1:]
    )
    remedy = _REMEDIES.get(column, "correct it")
    if detail["type"] == "missing":
        return f"column {where} is missing: {remedy}"
    return f"column {where} is {_shown(detail['input'])}: {message} ({remedy})"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:79] + "…"
