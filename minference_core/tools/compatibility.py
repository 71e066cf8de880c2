"""Whether a JSON schema somebody wrote describes the same arguments as the one a function has."""

from typing import Any

from minference_core.errors import ToolError

__all__ = ["validate_schema_compatibility"]

_Schema = dict[str, Any]

# Arrays in arrays are compared so far down; a type may be defined by itself.
_DEEPEST = 8


def validate_schema_compatibility(derived_schema: _Schema, provided_schema: _Schema) -> None:
    """
    Check that a provided schema has the properties, types and required properties of a derived one.

    What it says besides (descriptions, bounds, examples) is its own.

    Raises:
        ToolError: It differs; the message says in what.
    """
    derived, provided = (schema.get("properties", {}) for schema in (derived_schema, provided_schema))
    for name, schema in derived.items():
        if name not in provided:
            raise ToolError(f"Missing property '{name}' in provided schema")
        expected, found = _types(schema, derived_schema), _types(provided[name], provided_schema)
        if expected != found:
            raise ToolError(
                f"Property '{name}' type mismatch.\nDerived: {_said(expected)}\nProvided: {_said(found)}"
            )
    if extra := set(provided) - set(derived):
        raise ToolError(f"Extra properties in provided schema: {sorted(extra)}")
    needed, given = (sorted(schema.get("required", ())) for schema in (derived_schema, provided_schema))
    if needed != given:
        raise ToolError(
            f"Schema mismatch: Required properties don't match.\nDerived: {needed}\nProvided: {given}"
        )


def _types(schema: Any, root: _Schema, depth: int = 0) -> frozenset[str]:
    """All types a value may have, those of an array's items included; empty for any."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return frozenset()
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/$defs/")
        return _types(root.get("$defs", {}).get(name), root, depth + 1)
    own = schema.get("type", ())
    types = {own} if isinstance(own, str) else set(own)
    for key in ("anyOf", "oneOf"):
        types.update(*(_types(choice, root, depth + 1) for choice in schema.get(key, ())))
    if items := _types(schema.get("items"), root, depth + 1):
        types = {f"array of {_said(items)}" if each == "array" else each for each in types}
    return frozenset(types)


def _said(types: frozenset[str]) -> str:
    return " or ".join(sorted(types)) or "any"
