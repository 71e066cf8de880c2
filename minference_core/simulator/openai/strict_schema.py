"""Which JSON schemas OpenAI takes as `strict`: a subset, and what it says of the rest."""

from typing import Any

__all__ = ["strict_problem"]

_NOT_PERMITTED = (
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "prefixItems",
    "default",
)
_DEEPEST = 10
_MOST_PROPERTIES = 5000


def strict_problem(schema: Any) -> str | None:
    """Why OpenAI would refuse `schema` as a strict one, in its words; None if it would not."""
    if not isinstance(schema, dict):
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{type(schema).__name__}\"'."
    if schema.get("type") != "object" or "anyOf" in schema:
        kind = "None" if schema.get("type") is None else schema.get("type")
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    found = _Walk()
    return found.problem(schema, (), 1) or found.too_many()


class _Walk:
    def __init__(self) -> None:
        self.properties = 0

    def too_many(self) -> str | None:
        if self.properties > _MOST_PROPERTIES:
            return f"Expected at most {_MOST_PROPERTIES} object properties in total, got {self.properties}."
        return None

    def problem(self, schema: Any, path: tuple[str, ...], depth: int) -> str | None:
        if not isinstance(schema, dict):
            return _at(path, "schema must be an object.")
        if depth > _DEEPEST:
            return f"{depth} levels of nesting exceeds limit of {_DEEPEST}."
        for word in _NOT_PERMITTED:
            if word in schema:
                return _at(path, f"'{word}' is not permitted.")
        if "$ref" not in schema and not any(w in schema for w in ("type", "anyOf", "enum", "const")):
            return _at(path, "schema must have a 'type' key.")
        return self._object(schema, path) or self._inside(schema, path, depth)

    def _object(self, schema: dict[str, Any], path: tuple[str, ...]) -> str | None:
        kind = schema.get("type")
        if kind == "array" and "items" not in schema:
            return _at(path, "array schema missing items.")
        if kind != "object" and not (isinstance(kind, list) and "object" in kind):
            return None
        properties = schema.get("properties", {})
        self.properties += len(properties)
        if schema.get("additionalProperties") is not False:
            return _at(path, "'additionalProperties' is required to be supplied and to be false.")
        rule = "'required' is required to be supplied and to be an array including every key in properties."
        required = schema.get("required", [])
        for name in properties:
            if name not in required:
                return _at(path, f"{rule} Missing '{name}'.")
        for name in required:
            if name not in properties:
                return _at(path, f"{rule} Extra required key '{name}' supplied.")
        return None

    def _inside(self, schema: dict[str, Any], path: tuple[str, ...], depth: int) -> str | None:
        parts: list[tuple[tuple[str, ...], Any, int]] = []
        for word in ("properties", "$defs", "definitions"):
            deeper = depth + (word == "properties")
            parts += [((*path, word, name), part, deeper) for name, part in schema.get(word, {}).items()]
        if "items" in schema:
            parts.append(((*path, "items"), schema["items"], depth))
        parts += [((*path, "anyOf", str(i)), part, depth) for i, part in enumerate(schema.get("anyOf", ()))]
        for place, part, deeper in parts:
            if problem := self.problem(part, place, deeper):
                return problem
        return None


def _at(path: tuple[str, ...], what: str) -> str:
    return f"In context={path}, {what}"
