"""Of which JSON types a Responses body is made."""

from typing import Any

from minference_core.simulator.openai.shape import check_shape
from minference_core.simulator.shapes import Shape

__all__ = ["check_responses_shape"]

_STRING = {"type": "string"}
_OPTIONAL_STRING = {"type": ["string", "null"]}
_OPTIONAL_INTEGER = {"type": ["integer", "null"]}
_OPTIONAL_NUMBER = {"type": ["number", "null"]}
_OPTIONAL_BOOLEAN = {"type": ["boolean", "null"]}
_OPTIONAL_OBJECT = {"type": ["object", "null"]}

_PART = {
    "type": "object",
    "properties": {
        "type": _STRING,
        "text": _STRING,
        "refusal": _STRING,
        "image_url": _OPTIONAL_STRING,
        "detail": _OPTIONAL_STRING,
    },
}
_PARTS = {"type": ["string", "array"], "items": _PART}
_ITEM = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("role", "type", "id", "call_id", "name", "arguments"), _STRING),
        "content": {"type": ["string", "array", "null"], "items": _PART},
        "output": _PARTS,
        "summary": {"type": "array", "items": {"type": "object", "properties": {"text": _STRING}}},
        "encrypted_content": _OPTIONAL_STRING,
    },
}
_TOOL = {
    "type": "object",
    "properties": {
        "type": _STRING,
        "name": _STRING,
        "description": _OPTIONAL_STRING,
        "parameters": _OPTIONAL_OBJECT,
        "strict": _OPTIONAL_BOOLEAN,
    },
}
_TOOL_CHOICE = {
    "type": ["string", "object", "null"],
    "properties": {
        "type": _STRING,
        "name": _STRING,
        "mode": _STRING,
        "tools": {"type": "array", "items": {"type": "object", "properties": {"name": _STRING}}},
    },
}
_FORMAT = {
    "type": ["object", "null"],
    "properties": {
        "type": _STRING,
        "name": _STRING,
        "schema": {"type": "object"},
        "strict": _OPTIONAL_BOOLEAN,
        "description": _OPTIONAL_STRING,
    },
}
_REASONING = {
    "type": ["object", "null"],
    "properties": {"effort": _OPTIONAL_STRING, "summary": _OPTIONAL_STRING},
}
_TEXT = {"type": ["object", "null"], "properties": {"format": _FORMAT, "verbosity": _OPTIONAL_STRING}}
_METADATA = {"type": ["object", "null"], "additionalProperties": _STRING}
_WORDS = (
    "instructions",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "truncation",
    "previous_response_id",
    "user",
)
_BODY = Shape(
    {
        "type": "object",
        "properties": {
            "model": _STRING,
            "input": {"type": ["string", "array"], "items": _ITEM},
            "tools": {"type": ["array", "null"], "items": _TOOL},
            "tool_choice": _TOOL_CHOICE,
            "text": _TEXT,
            "reasoning": _REASONING,
            "metadata": _METADATA,
            "include": {"type": ["array", "null"], "items": _STRING},
            "max_output_tokens": _OPTIONAL_INTEGER,
            "max_tool_calls": _OPTIONAL_INTEGER,
            "top_logprobs": _OPTIONAL_INTEGER,
            "temperature": _OPTIONAL_NUMBER,
            "top_p": _OPTIONAL_NUMBER,
            **dict.fromkeys(_WORDS, _OPTIONAL_STRING),
            **dict.fromkeys(("parallel_tool_calls", "store", "stream", "background"), _OPTIONAL_BOOLEAN),
        },
    }
)


def check_responses_shape(body: Any) -> None:
    """
    Raises:
        Refused: A part of the body is of the wrong JSON type.
    """
    check_shape(body, _BODY)
