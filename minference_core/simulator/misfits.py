"""
What a model writes that does not follow its schema: near to it, but not a value of it.

Used when a request's fate is the fault `invalid_output`.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import orjson

__all__ = ["half", "misfit_arguments", "misfit_text"]

_OTHERS: tuple[Any, ...] = ({"note": "not what was asked"}, {}, [], "not what was asked", 0, None)
_NONE = object()


def misfit_text(schema: Any, value: Any) -> str:
    """Something else than `value`, which satisfies `schema`: other JSON, or no JSON where any would do."""
    changed = next((other for other in _near(value) if not _admits(schema, other)), _NONE)
    return half(value) if changed is _NONE else orjson.dumps(changed).decode()


def half(value: Any) -> str:
    """The beginning of some JSON, as JSON modes fail."""
    text = orjson.dumps(value).decode()
    return text[: max(1, len(text) // 2)] if text[0] in "{[" else "{" + text


def misfit_arguments(schema: Any, value: Any) -> tuple[str, Any]:
    """A tool's arguments as text and as JSON; only the text is spoilt where every object would do."""
    for changed in _near(value):
        if isinstance(changed, dict) and not _admits(schema, changed):
            return orjson.dumps(changed).decode(), changed
    return half(value), value


def _near(value: Any) -> Iterator[Any]:
    """Values like `value`, the most alike first."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {**value, name: [inner] if isinstance(inner, dict) else {"value": inner}}
        for name in value:
            yield {other: inner for other, inner in value.items() if other != name}
        yield {**value, "note": "not what was asked"}
    yield from _OTHERS


def _admits(schema: Any, value: Any) -> bool:
    try:
        return bool(jsonschema_rs.is_valid(schema, value))
    except (ValueError, jsonschema_rs.ReferencingError):  # not a schema anybody can check by
        return True
