"""
Schemas as Anthropic's structured outputs and strict tools take them.

Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs and what the `anthropic`
SDK 2.12 makes of a schema (`lib/_parse/_transform.py`).
"""

from collections.abc import Mapping
from typing import Any

from minference_core import ids
from minference_core.threads.schema_parts import (
    ANNOTATIONS,
    DEFINITIONS,
    JsonSchema,
    NotLegal,
    Walk,
    closed_properties,
    kinds_of,
)

__all__ = ["anthropic_form"]

_SAID = frozenset({"$schema", "title", "description", "default", "type", "enum", "const", "anyOf"})
_SAID_OF = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems"}),
    "string": frozenset({"format"}),
}
_UNSAID = frozenset({"$comment", "discriminator", *DEFINITIONS})
_FORMATS = frozenset(
    {
        "date-time",
        "time",
        "date",
        "duration",
        "email",
        "hostname",
        "uri",
        "ipv4",
        "ipv6",
        "uuid",
    }
)


def anthropic_form(schema: Mapping[str, Any]) -> JsonSchema | None:
    """
    The schema as Anthropic takes it: objects closed, and in words what it has no keyword for.

    Returns:
        None if it cannot be said that way: it refers to itself or elsewhere, or has objects that take any
        properties.
    """
    try:
        return _Form(schema).made()
    except NotLegal:
        return None


class _Form(Walk):
    def __init__(self, root: Mapping[str, Any]) -> None:
        super().__init__(root)
        self._followed: set[str] = set()

    def made(self) -> JsonSchema:
        root = self.begin()
        if "additionalProperties" not in root and root.get("properties") == {}:
            root["additionalProperties"] = False
        made = self._part(root, ())
        for holder in DEFINITIONS:
            if holder in root:
                parts = root[holder].items()
                made[holder] = {name: self._part(part, (f"#/{holder}/{name}",)) for name, part in parts}
        return made

    def _part(self, given: Any, within: tuple[str, ...]) -> JsonSchema:
        schema, within = self.plain(given, within)
        if (ref := schema.get("$ref")) is not None:
            self._follow(ref, within)
            return schema
        schema = _of_one(schema)
        if not any(word in schema for word in ("type", "anyOf", "enum", "const")):
            raise NotLegal
        if "anyOf" in schema and not schema.keys() <= {*ANNOTATIONS, *DEFINITIONS, "anyOf", "discriminator"}:
            raise NotLegal
        made, words = _sorted_out(schema)
        if words:
            made["description"] = "\n\n".join(part for part in (schema.get("description"), words) if part)
        if "anyOf" in made:
            made["anyOf"] = [self._part(part, within) for part in made["anyOf"]]
        if "object" in kinds_of(schema):
            properties = closed_properties(schema)
            made["additionalProperties"] = False
            made["properties"] = {name: self._part(part, within) for name, part in properties.items()}
        if "items" in made:
            made["items"] = self._part(made["items"], within)
        return made

    def _follow(self, ref: str, within: tuple[str, ...]) -> None:
        """A schema that comes back to itself cannot be taken."""
        if ref in within or ref == "#":
            raise NotLegal
        if ref not in self._followed:
            self._part(self.target(ref), (*within, ref))
            self._followed.add(ref)


def _of_one(schema: JsonSchema) -> JsonSchema:
    """There is no `oneOf`, and as a rule its parts exclude each other: `anyOf` will do."""
    if "oneOf" not in schema:
        return schema
    if "anyOf" in schema:
        raise NotLegal
    return {("anyOf" if name == "oneOf" else name): value for name, value in schema.items()}


def _sorted_out(schema: JsonSchema) -> tuple[JsonSchema, str]:
    """What can be said as it is, and the rest in words."""
    sayable = _SAID.union(*(_SAID_OF.get(kind, ()) for kind in kinds_of(schema)))
    made, rest = {}, {}
    for name, value in schema.items():
        if name in sayable and _is_taken(name, value):
            made[name] = value
        elif name not in _UNSAID:
            rest[name] = value
    words = ", ".join(f"{name}: {ids.json_text(value)}" for name, value in rest.items())
    return made, f"{{{words}}}" if words else ""


def _is_taken(name: str, value: Any) -> bool:
    if name == "format":
        return value in _FORMATS
    return name != "minItems" or value in (0, 1)
