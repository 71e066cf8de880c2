"""
Values that satisfy a JSON schema, made from the words of a question.

Objects, arrays, strings, numbers, combinations and references, recursive ones too: past a certain depth or
size only what is required is made, and the plainest alternative is taken.
"""

from random import Random
from typing import Any

import jsonschema_rs

from minference_core.simulator.json_values.containers import TRIES, made_array, made_object
from minference_core.simulator.json_values.merge import merged
from minference_core.simulator.json_values.numbers import number_value
from minference_core.simulator.json_values.strings import Unsatisfiable, string_value
from minference_core.simulator.replies import keywords

__all__ = ["schema_value"]

_DEEP = 5  # from here on, only what must be
_TOO_DEEP = 30
_MANY = 150  # values made, after which again only what must be
_COMBINATIONS = ("allOf", "anyOf", "oneOf", "if", "$ref", "$dynamicRef")
_KEYWORDS = {
    "object": ("properties", "required", "additionalProperties", "minProperties", "patternProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_PLAINNESS = {"null": 0, "boolean": 1, "integer": 1, "number": 1, "string": 1, "array": 2, "object": 3}


def schema_value(schema: Any, rng: Random, topic: str = "") -> Any:
    """
    A value that `schema` admits.

    A schema that admits nothing, or is out of reach, gives an empty object: a model would not raise either.
    """
    maker = Maker(schema, rng, keywords(topic))
    try:
        return maker.make(schema, "", 0)
    except (Unsatisfiable, RecursionError):
        return {}


class Maker:
    def __init__(self, root: Any, rng: Random, words: list[str]) -> None:
        self.root = root
        self.rng = rng
        self.words = words or ["first", "second", "third"]
        self.made = 0

    def make(self, schema: Any, name: str, depth: int) -> Any:
        """A value for `schema`, which is for the property `name` and `depth` levels down."""
        if schema is False or depth > _TOO_DEEP:
            raise Unsatisfiable("nothing satisfies false, and nothing ends a recursion that must go on")
        if schema is True or not schema:
            return self.rng.choice(self.words)
        self.made += 1
        if "not" in schema:
            return self._except(schema, name, depth)
        if any(word in schema for word in _COMBINATIONS):
            return self._combined(schema, name, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._enum(schema)
        return self._typed(schema, name, depth)

    def frugal(self, depth: int) -> bool:
        return depth >= _DEEP or self.made > _MANY

    # ── combinations ──────────────────────────────────────────────────────────────────────────────────────

    def _combined(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        rest = {word: value for word, value in schema.items() if word not in (*_COMBINATIONS, "then", "else")}
        if (ref := schema.get("$ref", schema.get("$dynamicRef"))) is not None:
            without = {
                w: v for w, v in schema.items() if w not in ("$ref", "$dynamicRef", "$defs", "definitions")
            }
            return self.make(merged(self._resolved(ref), without), name, depth + 1)
        if "allOf" in schema:
            whole: Any = {word: value for word, value in schema.items() if word != "allOf"}
            for part in schema["allOf"]:
                whole = merged(whole, self.flat(part))
            return self.make(whole, name, depth)
        if "if" in schema:
            return self._conditional(schema, name, depth)
        if "anyOf" in schema:
            others = {w: v for w, v in schema.items() if w != "anyOf"}
            return self._first_possible(
                [merged(others, part) for part in self._ordered(schema["anyOf"], depth)], name, depth
            )
        return self._one_of(rest, schema["oneOf"], name, depth)

    def _first_possible(self, schemas: list[Any], name: str, depth: int) -> Any:
        for schema in schemas:
            try:
                return self.make(schema, name, depth)
            except Unsatisfiable:
                continue
        raise Unsatisfiable("no alternative can be satisfied")

    def _one_of(self, rest: dict[str, Any], parts: list[Any], name: str, depth: int) -> Any:
        for part in self._ordered(parts, depth):
            others = [other for other in parts if other is not part]
            for _ in range(TRIES):
                try:
                    value = self.make(merged(rest, part), name, depth)
                except Unsatisfiable:
                    break
                if not any(self.admits(other, value) for other in others):
                    return value
        raise Unsatisfiable("every alternative of oneOf also satisfies another one")

    def _conditional(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        rest = {word: value for word, value in schema.items() if word not in ("if", "then", "else")}
        condition = schema["if"]
        held = merged(merged(rest, self.flat(condition)), self.flat(schema.get("then", True)))
        for candidate, expected in (
            (held, True),
            (merged(rest, self.flat(schema.get("else", True))), False),
        ):
            for _ in range(TRIES):
                try:
                    value = self.make(candidate, name, depth)
                except Unsatisfiable:
                    break
                if self.admits(condition, value) is expected:
                    return value
        raise Unsatisfiable("neither side of the condition can be satisfied")

    def _except(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        rest = {word: value for word, value in schema.items() if word != "not"}
        for _ in range(TRIES):
            value = self.make(rest, name, depth)
            if not self.admits(schema["not"], value):
                return value
        raise Unsatisfiable("everything tried is what `not` excludes")

    def _ordered(self, parts: list[Any], depth: int) -> list[Any]:
        """Any order while there is room; the plainest first when there is not."""
        shuffled = self.rng.sample(parts, len(parts))
        return sorted(shuffled, key=_plainness) if self.frugal(depth) else shuffled

    def flat(self, schema: Any) -> Any:
        """A part of `allOf` with its own reference looked up, so that it can be merged."""
        for _ in range(_TOO_DEEP):
            if not isinstance(schema, dict) or "$ref" not in schema:
                return schema
            rest = {word: value for word, value in schema.items() if word != "$ref"}
            schema = merged(self._resolved(schema["$ref"]), rest)
        raise Unsatisfiable("a reference that only refers to itself")

    def _resolved(self, ref: str) -> Any:
        target: Any = self.root
        for step in ref.removeprefix("#").strip("/").split("/") if ref.strip("#/") else []:
            step = step.replace("~1", "/").replace("~0", "~").replace("%25", "%")
            if isinstance(target, list) and step.isdigit() and int(step) < len(target):
                target = target[int(step)]
            elif isinstance(target, dict) and step in target:
                target = target[step]
            else:
                raise Unsatisfiable(f"nothing is at {ref}")
        return target

    def admits(self, schema: Any, value: Any) -> bool:
        """Whether `value` satisfies `schema`, whose references are those of the whole."""
        if isinstance(schema, dict) and isinstance(self.root, dict):
            shared = {word: self.root[word] for word in ("$defs", "definitions") if word in self.root}
            schema = {**shared, **schema}
        try:
            return bool(jsonschema_rs.is_valid(schema, value, validate_formats=True))
        except (ValueError, jsonschema_rs.ReferencingError):
            return False

    # ── one type ──────────────────────────────────────────────────────────────────────────────────────────

    def _enum(self, schema: dict[str, Any]) -> Any:
        values = schema["enum"]
        if len(schema) > 1:
            values = [value for value in values if self.admits(schema, value)]
        if not values:
            raise Unsatisfiable("no value of the enum satisfies the rest of the schema")
        return self.rng.choice(values)

    def _typed(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type") or self._implied(schema)
        if isinstance(kind, list):
            kind = self._one_type(kind, depth)
        match kind:
            case "object":
                return made_object(self, schema, depth)
            case "array":
                return made_array(self, schema, name, depth)
            case "string":
                return self._string(schema, name)
            case "integer" | "number":
                return number_value(schema, self.rng, whole=kind == "integer")
            case "boolean":
                return self.rng.random() < 0.5
            case "null":
                return None
        raise Unsatisfiable(f"no such type: {kind!r}")

    def _implied(self, schema: dict[str, Any]) -> str:
        for kind, words in _KEYWORDS.items():
            if any(word in schema for word in words):
                return kind
        return "string"

    def _one_type(self, kinds: list[str], depth: int) -> str:
        if not kinds:
            raise Unsatisfiable("no type is left")
        if self.frugal(depth):
            return min(kinds, key=lambda kind: _PLAINNESS.get(kind, 9))
        something = [kind for kind in kinds if kind != "null"]
        return self.rng.choice(something) if something and self.rng.random() < 0.8 else self.rng.choice(kinds)

    def _string(self, schema: dict[str, Any], name: str) -> str:
        text = string_value(schema, self.rng, self.words, name)
        limit = schema.get("maxLength")
        if len(text) < schema.get("minLength", 0) or (limit is not None and len(text) > limit):
            raise Unsatisfiable("the format leaves no text of the right length")
        return text


def _plainness(schema: Any) -> int:
    if not isinstance(schema, dict):
        return 0
    if "const" in schema or "enum" in schema:
        return 0
    kind = schema.get("type")
    if isinstance(kind, list):
        return min((_PLAINNESS.get(k, 9) for k in kind), default=9)
    return _PLAINNESS.get(kind, 5) if isinstance(kind, str) else 5
