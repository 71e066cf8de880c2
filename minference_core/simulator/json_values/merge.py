"""Two schemas that must both hold, as one: what `allOf`, and keywords beside a `$ref`, come down to."""

import math
from collections.abc import Callable
from typing import Any

__all__ = ["merged"]

_JsonSchema = dict[str, Any]


def merged(first: Any, second: Any) -> Any:
    """A schema that admits what both admit (as far as one schema can say it)."""
    if first is True or first == {}:
        return second
    if second is True or second == {}:
        return first
    if first is False or second is False:
        return False
    both: _JsonSchema = dict(first)
    for word, value in second.items():
        if word not in both or both[word] == value:
            both[word] = value
        elif word in _RULES:
            both[word] = _RULES[word](both[word], value)
        else:  # nothing can be said in one keyword: say it beside
            both["allOf"] = [*both.get("allOf", []), {word: value}]
    return _with_open_properties(both, first, second)


def _with_open_properties(both: _JsonSchema, first: _JsonSchema, second: _JsonSchema) -> _JsonSchema:
    """A property that only one side names is subject to the other side's `additionalProperties`."""
    for here, there in ((first, second), (second, first)):
        extra = there.get("additionalProperties")
        if extra is None or extra is True:
            continue
        for name, schema in here.get("properties", {}).items():
            if name not in there.get("properties", {}):
                both["properties"] = {**both["properties"], name: merged(schema, extra)}
    return both


def _types(first: Any, second: Any) -> list[str]:
    mine = [first] if isinstance(first, str) else first
    theirs = [second] if isinstance(second, str) else second
    kept = [kind for kind in mine if kind in theirs]
    if "integer" not in kept and {"integer", "number"} <= {*mine, *theirs}:
        kept.append("integer")
    return kept


def _properties(first: _JsonSchema, second: _JsonSchema) -> _JsonSchema:
    names = {**first, **second}
    return {name: merged(first.get(name, True), second.get(name, True)) for name in names}


def _multiple(first: float, second: float) -> float:
    if isinstance(first, int) and isinstance(second, int):
        return math.lcm(first, second)
    return max(first, second)


def _shared(first: list[Any], second: list[Any]) -> list[Any]:
    return [value for value in first if value in second]


def _united(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(value for value in second if value not in first)]


_RULES: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "enum": _shared,
    "required": _united,
    "allOf": lambda a, b: [*a, *b],
    "properties": _properties,
    "patternProperties": _properties,
    "$defs": lambda a, b: {**a, **b},
    "definitions": lambda a, b: {**a, **b},
    "items": merged,
    "additionalProperties": merged,
    "propertyNames": merged,
    "minimum": max,
    "exclusiveMinimum": max,
    "minLength": max,
    "minItems": max,
    "minProperties": max,
    "maximum": min,
    "exclusiveMaximum": min,
    "maxLength": min,
    "maxItems": min,
    "maxProperties": min,
    "multipleOf": _multiple,
    "uniqueItems": lambda a, b: a or b,
    "title": lambda a, b: a,
    "description": lambda a, b: a,
    "default": lambda a, b: a,
    "examples": lambda a, b: a,
}
