"""What the rules for strict schemas share: walking through a JSON schema, and what is said twice in it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["ANNOTATIONS", "DEFINITIONS", "JsonSchema", "NotLegal", "Walk", "closed_properties", "kinds_of"]

JsonSchema = dict[str, Any]

ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated", "$comment"})
DEFINITIONS = ("$defs", "definitions")

# Where a reference leads may depend on these; none of the providers takes them.
_ANCHORS = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef")
_MOST_PARTS = 10_000


class NotLegal(Exception):
    """The schema has no form that the provider takes."""


class Walk:
    """One schema on its way to a provider's form, part by part."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._parts = 0

    def begin(self) -> JsonSchema:
        """The root without a `$ref` of its own: it must say itself that it is an object."""
        schema, seen = dict(self._root), set[str]()
        while "$ref" in schema:
            if schema["$ref"] in seen:
                raise NotLegal
            seen.add(schema["$ref"])
            schema = self._beside(schema, self.target(schema["$ref"]), allowed={*ANNOTATIONS, *DEFINITIONS})
        return schema

    def plain(self, schema: Any, within: tuple[str, ...]) -> tuple[JsonSchema, tuple[str, ...]]:
        """A part without an `allOf` of one, and without a `$ref` that something is said beside."""
        self._parts += 1
        if not isinstance(schema, dict) or self._parts > _MOST_PARTS:
            raise NotLegal
        if any(word in schema for word in _ANCHORS):
            raise NotLegal
        if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            (only,) = schema["allOf"]
            rest = {name: value for name, value in schema.items() if name != "allOf"}
            return self.plain(self._beside(rest, only, allowed=ANNOTATIONS), within)
        if "$ref" in schema and len(schema) > 1:
            ref = schema["$ref"]
            if ref in within:  # would never end
                return {"$ref": ref}, within
            return self.plain(self._beside(schema, self.target(ref), allowed=ANNOTATIONS), (*within, ref))
        return schema, within

    def _beside(self, schema: JsonSchema, meant: Any, *, allowed: Any) -> JsonSchema:
        """What is meant, with what is said beside it; that may only describe, not bind."""
        said = {name: value for name, value in schema.items() if name != "$ref"}
        if not isinstance(meant, dict) or not said.keys() <= set(allowed):
            raise NotLegal
        return {**meant, **said}

    def target(self, ref: Any) -> Any:
        """What a reference is to, if it is to the whole or to one of its definitions."""
        if ref == "#":
            return self._root
        for holder in DEFINITIONS:
            begins = f"#/{holder}/"
            if isinstance(ref, str) and ref.startswith(begins):
                name = unquote(ref.removeprefix(begins)).replace("~1", "/").replace("~0", "~")
                found = self._root.get(holder, {})
                if isinstance(found, dict) and name in found:
                    return found[name]
        raise NotLegal


def kinds_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that a value may be of."""
    kind = schema.get("type")
    return frozenset(kind if isinstance(kind, list) else [] if kind is None else [kind])


def closed_properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    """
    The properties of an object that has no others.

    One that says nothing of others can be closed if it has some at all: else it is a map, with names as
    they come, of which closing would leave nothing.
    """
    properties = schema.get("properties", {})
    is_closed = schema.get("additionalProperties", None if properties else True)
    if is_closed not in (None, False) or not isinstance(properties, dict):
        raise NotLegal
    if not set(schema.get("required", ())) <= set(properties):
        raise NotLegal
    return properties
