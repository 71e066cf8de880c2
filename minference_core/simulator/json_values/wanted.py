"""
Whether plain words ask for JSON, and of what schema: models answer that too, without any `response_format`.
"""

import json
import re
from typing import Any

from minference_core.simulator.shapes import is_schema

__all__ = ["ANY_OBJECT", "wanted_schema"]

# What "a JSON object" is when nobody says which.
ANY_OBJECT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "keywords": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    },
    "required": ["answer", "keywords", "confidence"],
}

_ASKS = re.compile(
    r"\b(?:respond|reply|answer|return|output|response|produce|give)\b[^.!?\n]{0,60}\bjson\b"
    r"|\b(?:in|as|valid|only)\s+json\b",
    re.IGNORECASE,
)
_SCHEMA_WORDS = ("properties", "type", "$ref", "anyOf", "$defs")
_TRIES = 8


def wanted_schema(instructions: str, question: str) -> dict[str, Any] | None:
    """The schema in the prompt if there is one, any object if only JSON is asked for, else None."""
    for text in (question, instructions):
        if "json" not in text.lower():
            continue
        if (schema := _embedded(text)) is not None:
            return schema
        if _ASKS.search(text):
            return ANY_OBJECT
    return None


def _embedded(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder()
    at = -1
    for _ in range(_TRIES):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        try:
            value, _ = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and any(word in value for word in _SCHEMA_WORDS) and is_schema(value):
            return value
    return None
