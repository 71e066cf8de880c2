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
from minference_core.threads import Client, ReasoningEffort, ResponseFormat
from minference_core.tools import check_schema

__all__ = ["META_PREFIX", "SPEC_COLUMNS", "SpecMessage", "ThreadSpec", "explain"]

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
    {"model", "messages", "system", "max_tokens", "max_completion_tokens", "n", "stream"}
)

JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_parsed_object)]
JsonSchema = Annotated[JsonObject, AfterValidator(_schema)]
ExtraBody = Annotated[JsonObject, AfterValidator(_not_ours)]
NonEmpty = Annotated[str, Field(min_length=1)]


def _without_nulls(value: object) -> object:
    """A Parquet struct has every field in every row; the ones a message does not use are null."""
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if item is not None}
    return value


class SpecMessage(BaseModel):
    """One message of the history a conversation starts from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["user", "assistant"]
    content: NonEmpty


HistoryMessage = Annotated[SpecMessage, BeforeValidator(_without_nulls)]


class ThreadSpec(BaseModel):
    """One valid row: one conversation to hold, `samples` times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    thread_key: NonEmpty
    prompt: NonEmpty | None = None
    user_turns: Annotated[tuple[NonEmpty, ...], Field(min_length=1)] | None = None
    messages: Annotated[tuple[HistoryMessage, ...], Field(min_length=1)] | None = None
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
    extra_body: ExtraBody | None = None
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
        if self.prompt is None and self.user_turns is None:
            if self.messages is None:
                raise ValueError("nothing to say: set one of prompt, user_turns and messages")
            if self.messages[-1].role != "user":
                raise ValueError(
                    "messages ends with the assistant: add the next user turn in prompt or user_turns"
                )
        return self

    @model_validator(mode="after")
    def _format_can_be_served(self) -> Self:
        if self.tools is not None or self.forced_output is not None:
            raise ValueError("tools and forced_output are not served yet: leave them null")
        if self.response_format == "structured_output" and self.output_schema is None:
            raise ValueError("response_format is structured_output: set output_schema to a JSON schema")
        return self


SPEC_COLUMNS = frozenset(ThreadSpec.model_fields) - {"meta"}

_REMEDIES: Mapping[str, str] = {
    "thread_key": "give every row a non-empty key that is unique in its partition",
    "prompt": "set it to the user's words, or leave it null and use user_turns or messages",
    "user_turns": "a list of non-empty texts, or null",
    "messages": "a list of {role, content}, role user or assistant; instructions go into system_prompt",
    "client": f"one of {', '.join(get_args(Client))}, in the row or in the dataset's defaults",
    "model": "name the model, in the row or in the dataset's defaults",
    "max_tokens": "a whole number of tokens from 1",
    "temperature": "a number from 0 to 2, or null",
    "top_p": "a number above 0 and at most 1, or null",
    "seed": "a whole number, or null",
    "stop": "a list of non-empty texts, or null",
    "reasoning_effort": f"one of {', '.join(get_args(ReasoningEffort))}, or null",
    "response_format": f"one of {', '.join(get_args(ResponseFormat))}",
    "output_schema": "a JSON schema as text, or null",
    "samples": "a whole number from 1 to 10000",
    "max_steps": "a whole number, 1 or more",
    "extra_body": "a JSON object as text, or null",
}


def explain(error: ValidationError) -> str:
    """Every problem of a row: column, value, what is wrong and what to do."""
    return "; ".join(_sentence(detail) for detail in error.errors(include_url=False))


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
