"""
Values that satisfy a JSON schema, made from the words of a question.

Objects, arrays, strings, numbers, combinations and references, recursive ones too: past a certain depth or size only
what is required is made, and the plainest alternative is taken.
"""

import re
from random import Random
from typing import Any

import jsonschema_rs

from minference_core.simulator.number_values import number_value
from minference_core.simulator.replies import keywords
from minference_core.simulator.schema_merge import merged
from minference_core.simulator.string_values import Unsatisfiable, string_value

__all__ = ["Unsatisfiable", "schema_value"]

_DEEP = 5  # from here on, only what must be
_TOO_DEEP = 30
_MANY = 150  # values made, after which again only what must be
_TRIES = 12
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
    maker = _Maker(schema, rng, keywords(topic))
    try:
        return maker.make(schema, "", 0)
    except (Unsatisfiable, RecursionError):
        return {}


class _Maker:
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

    def _frugal(self, depth: int) -> bool:
        return depth >= _DEEP or self.made > _MANY

    # ── combinations ──────────────────────────────────────────────────────────────────────────────────────

    def _combined(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        rest = {word: value for word, value in schema.items() if word not in (*_COMBINATIONS, "then", "else")}
        if (ref := schema.get("$ref") or schema.get("$dynamicRef")) is not None:
            without = {
                w: v for w, v in schema.items() if w not in ("$ref", "$dynamicRef", "$defs", "definitions")
            }
            return self.make(merged(self._resolved(ref), without), name, depth + 1)
        if "allOf" in schema:
            whole: Any = {word: value for word, value in schema.items() if word != "allOf"}
            for part in schema["allOf"]:
                whole = merged(whole, self._flat(part))
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
            for _ in range(_TRIES):
                try:
                    value = self.make(merged(rest, part), name, depth)
                except Unsatisfiable:
                    break
                if not any(self._admits(other, value) for other in others):
                    return value
        raise Unsatisfiable("every alternative of oneOf also satisfies another one")

    def _conditional(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        rest = {word: value for word, value in schema.items() if word not in ("if", "then", "else")}
        condition = schema["if"]
        held = merged(merged(rest, self._flat(condition)), self._flat(schema.get("then", True)))
        for candidate, expected in (
            (held, True),
            (merged(rest, self._flat(schema.get("else", True))), False),
        ):
            for _ in range(_TRIES):
                try:
                    value = self.make(candidate, name, depth)
                except Unsatisfiable:
                    break
                if self._admits(condition, value) is expected:
                    return value
        raise Unsatisfiable("neither side of the condition can be satisfied")

    def _except(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        rest = {word: value for word, value in schema.items() if word != "not"}
        for _ in range(_TRIES):
            value = self.make(rest, name, depth)
            if not self._admits(schema["not"], value):
                return value
        raise Unsatisfiable("everything tried is what `not` excludes")

    def _ordered(self, parts: list[Any], depth: int) -> list[Any]:
        """Any order while there is room; the plainest first when there is not."""
        shuffled = self.rng.sample(parts, len(parts))
        return sorted(shuffled, key=_plainness) if self._frugal(depth) else shuffled

    def _flat(self, schema: Any) -> Any:
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

    def _admits(self, schema: Any, value: Any) -> bool:
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
            values = [value for value in values if self._admits(schema, value)]
        if not values:
            raise Unsatisfiable("no value of the enum satisfies the rest of the schema")
        return self.rng.choice(values)

    def _typed(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type") or self._implied(schema)
        if isinstance(kind, list):
            kind = self._one_type(kind, depth)
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
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
        if self._frugal(depth):
            return min(kinds, key=lambda kind: _PLAINNESS.get(kind, 9))
        something = [kind for kind in kinds if kind != "null"]
        return self.rng.choice(something) if something and self.rng.random() < 0.8 else self.rng.choice(kinds)

    def _string(self, schema: dict[str, Any], name: str) -> str:
        text = string_value(schema, self.rng, self.words, name)
        limit = schema.get("maxLength")
        if len(text) < schema.get("minLength", 0) or (limit is not None and len(text) > limit):
            raise Unsatisfiable("the format leaves no text of the right length")
        return text

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        prefix = schema.get("prefixItems", [])
        items = schema.get("items", True)
        if isinstance(items, list):  # before draft 2020-12 a list was what prefixItems is now
            prefix, items = items, schema.get("additionalItems", True)
        least = int(schema.get("minItems", 0))
        most = schema.get("maxItems")
        length = least if self._frugal(depth) else self.rng.randint(max(least, 1), max(least, 1) + 2)
        length = max(length, len(prefix)) if not self._frugal(depth) else length
        if most is not None:
            length = min(length, int(most))
        if length < least:
            raise Unsatisfiable(f"minItems {least} is above maxItems {most}")
        made: list[Any] = []
        if (wanted := schema.get("contains")) is not None and not prefix:
            for _ in range(int(schema.get("minContains", 1))):
                self._add(made, merged(self._flat(wanted), self._flat(items)), schema, name, depth)
        for at in range(len(made), length):
            part = prefix[at] if at < len(prefix) else items
            if part is False and at >= least:
                break
            try:
                self._add(made, part, schema, name, depth)
            except Unsatisfiable:
                if at < least:
                    raise
                break
        return made

    def _add(self, made: list[Any], part: Any, schema: dict[str, Any], name: str, depth: int) -> None:
        for _ in range(_TRIES):
            value = self.make(part, name, depth + 1)
            if not schema.get("uniqueItems") or not any(_same(value, other) for other in made):
                made.append(value)
                return
        raise Unsatisfiable("there are not enough different items")

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = list(schema.get("required", ()))
        names = self._names(schema, properties, required, depth)
        made: dict[str, Any] = {}
        for name in names:
            try:
                made[name] = self.make(self._property(schema, name), name, depth + 1)
            except Unsatisfiable:
                if name in required:
                    raise
        self._fill_up(schema, made, depth)
        for name, extra in schema.get("dependentSchemas", {}).items():
            if name in made and not self._admits(extra, made):
                rest = {word: value for word, value in schema.items() if word != "dependentSchemas"}
                return self._object(merged(rest, self._flat(extra)), depth)
        return made

    def _names(
        self, schema: dict[str, Any], properties: dict[str, Any], required: list[str], depth: int
    ) -> list[str]:
        """Which properties there will be, in the order the schema names them."""
        share = 0.0 if self._frugal(depth) else 0.75
        chosen = {name for name in properties if name in required or self.rng.random() < share}
        if (most := schema.get("maxProperties")) is not None:
            optional = [name for name in properties if name in chosen and name not in required]
            surplus = len(chosen | set(required)) - int(most)
            chosen -= set(optional[: max(0, surplus)])
        waiting = list(chosen)
        while waiting:
            for name in schema.get("dependentRequired", {}).get(waiting.pop(), ()):
                if name not in chosen:
                    chosen.add(name)
                    waiting.append(name)
        named = [name for name in properties if name in chosen]
        extra = [name for name in [*required, *sorted(chosen)] if name not in properties]
        return [*named, *dict.fromkeys(extra)]

    def _property(self, schema: dict[str, Any], name: str) -> Any:
        """Everything the schema says about the property `name`."""
        properties = schema.get("properties", {})
        whole: Any = properties.get(name, True)
        known = name in properties
        for pattern, part in schema.get("patternProperties", {}).items():
            if re.search(pattern, name):
                whole, known = merged(whole, self._flat(part)), True
        return whole if known else schema.get("additionalProperties", True)

    def _fill_up(self, schema: dict[str, Any], made: dict[str, Any], depth: int) -> None:
        """More properties, as many as `minProperties` wants."""
        least = int(schema.get("minProperties", 0))
        spare = [name for name in schema.get("properties", {}) if name not in made]
        open_ended = self._flat(schema.get("additionalProperties", True))
        if (
            not schema.get("properties")
            and isinstance(open_ended, dict)
            and open_ended
            and not self._frugal(depth)
        ):
            least = max(least, min(2, int(schema.get("maxProperties", 2))))  # a map is not left empty
        for attempt in range(least * _TRIES):
            if len(made) >= least:
                return
            name = spare.pop(0) if spare else self._new_name(schema, attempt)
            if name not in made:
                made[name] = self.make(self._property(schema, name), name, depth + 1)
        if len(made) < int(schema.get("minProperties", 0)):
            raise Unsatisfiable("there are not enough names for minProperties")

    def _new_name(self, schema: dict[str, Any], attempt: int) -> str:
        if (names := schema.get("propertyNames")) is not None:
            return str(self.make({"type": "string", **self._flat(names)}, "", _DEEP))
        patterns = list(schema.get("patternProperties", {}))
        if patterns and schema.get("additionalProperties") is False:
            pattern = patterns[attempt % len(patterns)]
            made = string_value({"pattern": pattern}, self.rng, self.words, "")
            return made if pattern.endswith("$") else f"{made}{attempt}"
        if schema.get("additionalProperties") is False:
            raise Unsatisfiable("no further property is allowed")
        word = self.rng.choice(self.words)
        return word if attempt < len(self.words) else f"{word}_{attempt}"


def _plainness(schema: Any) -> int:
    if not isinstance(schema, dict):
        return 0
    if "const" in schema or "enum" in schema:
        return 0
    kind = schema.get("type")
    if isinstance(kind, list):
        return min((_PLAINNESS.get(k, 9) for k in kind), default=9)
    return _PLAINNESS.get(kind, 5) if isinstance(kind, str) else 5


def _same(first: Any, second: Any) -> bool:
    """JSON's equality, in which true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    return bool(first == second)
