"""Of which JSON types a Chat Completions body is made."""

from typing import Any

from minference_core.simulator.shapes import Misfit, Shape, is_schema
from minference_core.simulator.wire import JsonObject, Refused

__all__ = ["check_shape", "check_user_schema"]

_STRING = {"type": "string"}
_OBJECT = {"type": "object"}
_DECIMALS = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
_INTEGERS = ("max_completion_tokens", "max_tokens", "n", "seed", "top_logprobs")
_TOOL_NAME = {"type": "object", "properties": {"name": _STRING}}

_IMAGE = {"type": "object", "properties": {"url": _STRING, "detail": {"type": ["string", "null"]}}}
_MESSAGE = {
    "type": "object",
    "properties": {
        "role": _STRING,
        "content": {
            "type": ["string", "array", "null"],
            "items": {
                "type": "object",
                "properties": {"type": _STRING, "text": _STRING, "image_url": _IMAGE},
            },
        },
        "tool_call_id": _STRING,
        "tool_calls": {
            "type": ["array", "null"],
            "items": {"type": "object", "properties": {"id": _STRING, "function": _OBJECT}},
        },
    },
}
_TOOL = {
    "type": "object",
    "properties": {
        "function": {
            "type": "object",
            "properties": {"name": _STRING, "parameters": {"type": ["object", "null"]}},
        }
    },
}
_ALLOWED = {
    "type": "object",
    "properties": {
        "mode": _STRING,
        "tools": {"type": "array", "items": {"type": "object", "properties": {"function": _TOOL_NAME}}},
    },
}
_RESPONSE_FORMAT = {
    "type": ["object", "null"],
    "properties": {
        "json_schema": {
            "type": "object",
            "properties": {"name": _STRING, "schema": {"type": ["object", "null"]}},
        }
    },
}
_STRUCTURED_OUTPUTS = {
    "type": ["object", "null"],
    "properties": {
        "json": {"type": ["object", "null"]},
        "regex": {"type": ["string", "null"]},
        "choice": {"type": ["array", "null"], "items": _STRING},
        "grammar": {"type": ["string", "null"]},
        "json_object": {"type": ["boolean", "null"]},
    },
}
_REASONING = {
    "type": ["object", "null"],
    "properties": {
        "effort": {"type": ["string", "null"]},
        "max_tokens": {"type": ["integer", "null"]},
        "enabled": {"type": ["boolean", "null"]},
        "exclude": {"type": ["boolean", "null"]},
    },
}
_BODY = Shape(
    {
        "type": "object",
        "properties": {
            "messages": {"type": "array", "items": _MESSAGE},
            "model": _STRING,
            "tools": {"type": ["array", "null"], "items": _TOOL},
            "tool_choice": {
                "type": ["string", "object", "null"],
                "properties": {"function": _TOOL_NAME, "allowed_tools": _ALLOWED},
            },
            "response_format": _RESPONSE_FORMAT,
            "structured_outputs": _STRUCTURED_OUTPUTS,
            "chat_template_kwargs": {"type": ["object", "null"]},
            "parallel_tool_calls": {"type": ["boolean", "null"]},
            **{field: {"type": ["number", "null"]} for field in _DECIMALS},
            **{field: {"type": ["integer", "null"]} for field in _INTEGERS},
            "stop": {"type": ["string", "array", "null"], "items": _STRING},
            "stream": {"type": ["boolean", "null"]},
            "reasoning_effort": {"type": ["string", "null"]},
            "reasoning": _REASONING,
            "usage": {"type": ["object", "null"], "properties": {"include": {"type": ["boolean", "null"]}}},
        },
    }
)
_SPOKEN = {
    "array": "an array",
    "boolean": "a boolean",
    "integer": "an integer",
    "null": "null",
    "number": "a decimal number",
    "object": "an object",
    "string": "a string",
}


def check_shape(body: Any, shape: Shape = _BODY) -> None:
    """
    Args:
        shape: Chat Completions' own if not said.

    Raises:
        Refused: A part of the body is of the wrong JSON type.
    """
    misfit = shape.misfit(body)
    if misfit is None:
        return
    where = _spelt(misfit)
    expected = " or ".join(_SPOKEN[kind] for kind in sorted(misfit.expected, reverse=True) if kind != "null")
    message = f"Invalid type for '{where}': expected {expected}, but got {_kind(misfit.value)} instead."
    raise Refused(400, message, param=where, code="invalid_type")


def check_user_schema(schema: Any, what: str, param: str) -> None:
    """
    Args:
        what: What the schema is for, as the message calls it: "response_format 'x'".

    Raises:
        Refused: `schema` is not a JSON schema.
    """
    if not is_schema(schema):
        message = f"Invalid schema for {what}: it is not valid under any of the given schemas."
        raise Refused(400, message, param=param, code="invalid_json_schema")


def _spelt(misfit: Misfit) -> str:
    """`messages[0].content`"""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in misfit.path)
    return steps.lstrip(".") or "body"


def _kind(value: JsonObject | list[Any] | str | float | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
