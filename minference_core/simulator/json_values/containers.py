"""Arrays and objects that satisfy a schema; what goes into them is the maker's business."""

import re
from random import Random
from typing import Any, Protocol

from minference_core.simulator.json_values.merge import merged
from minference_core.simulator.json_values.strings import Unsatisfiable, string_value

__all__ = ["TRIES", "made_array", "made_object"]

_SHALLOW = 0  # a name is made as if at the top: it is small anyway
TRIES = 12  # how often something random is tried again before it is given up


class Maker(Protocol):
    """What is needed of the one who makes the parts."""

    rng: Random
    words: list[str]

    def make(self, schema: Any, name: str, depth: int) -> Any: ...

    def frugal(self, depth: int) -> bool:
        """Whether only what is required should be made."""
        ...

    def flat(self, schema: Any) -> Any: ...

    def admits(self, schema: Any, value: Any) -> bool: ...


def made_array(maker: Maker, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
    prefix = schema.get("prefixItems", [])
    items = schema.get("items", True)
    if isinstance(items, list):  # before draft 2020-12 a list was what prefixItems is now
        prefix, items = items, schema.get("additionalItems", True)
    least = int(schema.get("minItems", 0))
    most = schema.get("maxItems")
    length = least if maker.frugal(depth) else maker.rng.randint(max(least, 1), max(least, 1) + 2)
    length = max(length, len(prefix)) if not maker.frugal(depth) else length
    if most is not None:
        length = min(length, int(most))
    if length < least:
        raise Unsatisfiable(f"minItems {least} is above maxItems {most}")
    made: list[Any] = []
    if (wanted := schema.get("contains")) is not None and not prefix:
        for _ in range(int(schema.get("minContains", 1))):
            _add(maker, made, merged(maker.flat(wanted), maker.flat(items)), schema, name, depth)
    for at in range(len(made), length):
        part = prefix[at] if at < len(prefix) else items
        if part is False and at >= least:
            break
        try:
            _add(maker, made, part, schema, name, depth)
        except Unsatisfiable:
            if at < least:
                raise
            break
    return made


def _add(maker: Maker, made: list[Any], part: Any, schema: dict[str, Any], name: str, depth: int) -> None:
    for _ in range(TRIES):
        value = maker.make(part, name, depth + 1)
        if not schema.get("uniqueItems") or not any(_same(value, other) for other in made):
            made.append(value)
            return
    raise Unsatisfiable("there are not enough different items")


def made_object(maker: Maker, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = list(schema.get("required", ()))
    names = _names(maker, schema, properties, required, depth)
    made: dict[str, Any] = {}
    for name in names:
        try:
            made[name] = maker.make(_property(maker, schema, name), name, depth + 1)
        except Unsatisfiable:
            if name in required:
                raise
    _fill_up(maker, schema, made, depth)
    for name, extra in schema.get("dependentSchemas", {}).items():
        if name in made and not maker.admits(extra, made):
            rest = {word: value for word, value in schema.items() if word != "dependentSchemas"}
            return made_object(maker, merged(rest, maker.flat(extra)), depth)
    return made


def _names(
    maker: Maker, schema: dict[str, Any], properties: dict[str, Any], required: list[str], depth: int
) -> list[str]:
    """Which properties there will be, in the order the schema names them."""
    share = 0.0 if maker.frugal(depth) else 0.75
    chosen = {name for name in properties if name in required or maker.rng.random() < share}
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


def _property(maker: Maker, schema: dict[str, Any], name: str) -> Any:
    """Everything the schema says about the property `name`."""
    properties = schema.get("properties", {})
    whole: Any = properties.get(name, True)
    known = name in properties
    for pattern, part in schema.get("patternProperties", {}).items():
        if re.search(pattern, name):
            whole, known = merged(whole, maker.flat(part)), True
    return whole if known else schema.get("additionalProperties", True)


def _fill_up(maker: Maker, schema: dict[str, Any], made: dict[str, Any], depth: int) -> None:
    """More properties, as many as `minProperties` wants."""
    least = int(schema.get("minProperties", 0))
    spare = [name for name in schema.get("properties", {}) if name not in made]
    open_ended = maker.flat(schema.get("additionalProperties", True))
    if (
        not schema.get("properties")
        and isinstance(open_ended, dict)
        and open_ended
        and not maker.frugal(depth)
    ):
        least = max(least, min(2, int(schema.get("maxProperties", 2))))  # a map is not left empty
    for attempt in range(least * TRIES):
        if len(made) >= least:
            return
        name = spare.pop(0) if spare else _new_name(maker, schema, attempt)
        if name not in made:
            made[name] = maker.make(_property(maker, schema, name), name, depth + 1)
    if len(made) < int(schema.get("minProperties", 0)):
        raise Unsatisfiable("there are not enough names for minProperties")


def _new_name(maker: Maker, schema: dict[str, Any], attempt: int) -> str:
    if (names := schema.get("propertyNames")) is not None:
        return str(maker.make({"type": "string", **maker.flat(names)}, "", _SHALLOW))
    patterns = list(schema.get("patternProperties", {}))
    if patterns and schema.get("additionalProperties") is False:
        pattern = patterns[attempt % len(patterns)]
        made = string_value({"pattern": pattern}, maker.rng, maker.words, "")
        return made if pattern.endswith("$") else f"{made}{attempt}"
    if schema.get("additionalProperties") is False:
        raise Unsatisfiable("no further property is allowed")
    word = maker.rng.choice(maker.words)
    return word if attempt < len(maker.words) else f"{word}_{attempt}"


def _same(first: Any, second: Any) -> bool:
    """JSON's equality, in which true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    return bool(first == second)
