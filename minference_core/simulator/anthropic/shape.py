"""Of which JSON types a Messages body is made."""

from typing import Any

from minference_core.simulator.shapes import Shape
from minference_core.simulator.wire import Refused

__all__ = ["check_shape"]

_STRING = {"type": "string"}
_OBJECT = {"type": "object"}
_OPTIONAL_OBJECT = {"type": ["object", "null"]}
_SOURCE = {
    "type": "object",
    "properties": {"type": _STRING, "media_type": _STRING, "data": _STRING, "url": _STRING},
}
_MARK = {"type": ["object", "null"], "properties": {"type": _STRING, "ttl": _STRING}}
_TEXT_BLOCK = {
    "type": "object",
    "properties": {"type": _STRING, "text": _STRING, "cache_control": _MARK, "source": _SOURCE},
}

_BLOCK = {
    "type": "object",
    "properties": {
        "type": _STRING,
        "text": _STRING,
        "id": _STRING,
        "name": _STRING,
        "input": _OBJECT,
        "tool_use_id": _STRING,
        "thinking": _STRING,
        "signature": _STRING,
        "data": _STRING,
        "cache_control": _MARK,
        "source": _SOURCE,
        "content": {"type": ["array", "string", "object", "null"], "items": _TEXT_BLOCK},
    },
}
_MESSAGE = {
    "type": "object",
    "properties": {"role": _STRING, "content": {"type": ["array", "string"], "items": _BLOCK}},
}
_BODY = Shape(
    {
        "type": "object",
        "properties": {
            "model": _STRING,
            "max_tokens": {"type": "integer"},
            "messages": {"type": "array", "items": _MESSAGE},
            "system": {"type": ["array", "string"], "items": _TEXT_BLOCK},
            "tools": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": _STRING, "input_schema": _OBJECT, "cache_control": _MARK},
                },
            },
            "tool_choice": {
                "type": "object",
                "properties": {
                    "type": _STRING,
                    "name": _STRING,
                    "disable_parallel_tool_use": {"type": "boolean"},
                },
            },
            "cache_control": _MARK,
            "thinking": {
                "type": "object",
                "properties": {"type": _STRING, "display": {"type": ["string", "null"]}},
            },
            "output_config": {
                "type": "object",
                "properties": {
                    "effort": {"type": ["string", "null"]},
                    "format": {
                        **_OPTIONAL_OBJECT,
                        "properties": {"type": _STRING, "schema": _OBJECT},
                    },
                },
            },
            "temperature": {"type": "number"},
            "top_p": {"type": "number"},
            "top_k": {"type": "integer"},
            "stop_sequences": {"type": "array", "items": _STRING},
            "stream": {"type": "boolean"},
        },
    }
)
_SPOKEN = {
    "array": "list",
    "object": "dictionary",
    "boolean": "boolean",
    "integer": "integer",
    "string": "string",
}


def check_shape(body: Any) -> None:
    """
    Raises:
        Refused: A part of the body is of the wrong JSON type.
    """
    misfit = _BODY.misfit(body)
    if misfit is None:
        return
    where = ".".join(map(str, misfit.path))
    expected = next(_SPOKEN[kind] for kind in sorted(misfit.expected) if kind != "null")
    message = f"Input should be a valid {expected}"
    raise Refused(400, f"{where}: {message}" if where else message)
