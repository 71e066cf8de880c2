"""JSON for people: what fits on a line stays on one, and everything is in the order in which it is sent."""

import json
from typing import Any

__all__ = ["readable"]

_WIDTH = 110


def readable(value: object) -> str:
    return _written(value, "", 0) + "\n"


def _written(value: Any, indent: str, before: int) -> str:
    """
    Args:
        before: How much of the line is taken.
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(indent) + before + len(line) < _WIDTH:
        return line
    inner = indent + "  "
    if isinstance(value, list):
        parts = [_written(element, inner, 0) for element in value]
        return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}]"
    keys = {key: json.dumps(key, ensure_ascii=False) + ": " for key in value}
    pairs = [keys[key] + _written(element, inner, len(keys[key])) for key, element in value.items()]
    return "{\n" + ",\n".join(inner + pair for pair in pairs) + f"\n{indent}}}"
