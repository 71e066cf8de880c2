"""
Schemas as OpenAI's strict mode takes them.

Sources: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas and what the `openai`
SDK makes of a pydantic model (`openai/lib/_pydantic.py`). A reply is checked against the schema as it was
written, whatever the model was held to.
"""

from collections.abc import Mapping
from typing import Any

from minference_core.threads.schema_parts import (
    ANNOTATIONS,
    DEFINITIONS,
    JsonSchema,
    NotLegal,
    Walk,
    closed_properties,
    kinds_of,
)

__all__ = ["openai_strict"]

_NOT_PERMITTED = frozenset(
    {
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
        "additionalItems",
    }
)
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_DEEPEST = 10
_MOST_PROPERTIES = 5000
_MOST_ENUM_VALUES = 1000


def openai_strict(schema: Mapping[str, Any]) -> JsonSchema | None:
    """
    The schema as OpenAI takes it with `strict: true`: every object closed, every property required.

    Returns:
        A schema that admits nothing which the given one refuses; None if none can be made of it that way,
        as when it has optional properties.
    """
    try:
        return _Strict(schema).made()
    except NotLegal:
        return None


class _Strict(Walk):
    def __init__(self, root: Mapping[str, Any]) -> None:
        super().__init__(root)
        self._properties = 0
        self._enum_values = 0

    def made(self) -> JsonSchema:
        root = self.begin()
        if root.get("type") != "object" or "anyOf" in root:
            raise NotLegal
        if "additionalProperties" not in root and root.get("properties") == {}:
            root["additionalProperties"] = False  # arguments of a function that has none
        made = self._part(root, (), 1)
        for holder in DEFINITIONS:
            if holder in root:
                made[holder] = {name: self._part(part, (), 1) for name, part in root[holder].items()}
        if self._properties > _MOST_PROPERTIES or self._enum_values > _MOST_ENUM_VALUES:
            raise NotLegal
        return made

    def _part(self, given: Any, within: tuple[str, ...], depth: int) -> JsonSchema:
        schema, within = self.plain(given, within)
        if depth > _DEEPEST or not _NOT_PERMITTED.isdisjoint(schema):
            raise NotLegal
        if "$ref" in schema:
            self.target(schema["$ref"])
            return schema
        if not any(word in schema for word in ("type", "anyOf", "enum", "const")):
            raise NotLegal
        made = {name: value for name, value in schema.items() if name not in ("default", *DEFINITIONS)}
        if made.get("format", "date") not in _FORMATS:
            del made["format"]  # nobody checks it
        self._enum_values += len(made.get("enum", ()))
        if "anyOf" in schema:
            if not schema.keys() <= {*ANNOTATIONS, *DEFINITIONS, "anyOf"}:
                raise NotLegal
            made["anyOf"] = [self._part(part, within, depth) for part in schema["anyOf"]]
        kinds = kinds_of(schema)
        if "object" in kinds or "properties" in schema:
            made |= self._object(schema, within, depth)
        if "array" in kinds or "items" in schema:
            made["items"] = self._part(schema.get("items"), within, depth)
        return made

    def _object(self, schema: JsonSchema, within: tuple[str, ...], depth: int) -> JsonSchema:
        properties = closed_properties(schema)
        if "object" not in kinds_of(schema) or set(schema.get("required", ())) != set(properties):
            raise NotLegal
        self._properties += len(properties)
        parts = {name: self._part(part, within, depth + 1) for name, part in properties.items()}
        return ({"properties": parts} if "properties" in schema else {}) | {"additionalProperties": False}
