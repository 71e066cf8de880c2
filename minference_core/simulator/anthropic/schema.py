"""Which JSON schemas Anthropic takes for structured outputs and strict tools: what its SDK leaves in."""

from typing import Any

__all__ = ["schema_problem"]

_UNSUPPORTED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains", "prefixItems"),
    "object": ("minProperties", "maxProperties", "patternProperties", "propertyNames"),
}
_FORMATS = (
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
    "text",
)
_NEVER = ("not", "if", "then", "else", "oneOf", "dependentRequired", "dependentSchemas")


def schema_problem(schema: Any) -> str | None:
    """Why the API would refuse `schema`, in its words; None if it would not."""
    if not isinstance(schema, dict):
        return "Input should be a valid dictionary"
    return _problem(schema, schema, ())


def _problem(schema: Any, root: dict[str, Any], within: tuple[str, ...]) -> str | None:
    if not isinstance(schema, dict):
        return "Input should be a valid dictionary"
    if (ref := schema.get("$ref")) is not None:
        return _reference(ref, root, within)
    for word in _NEVER:
        if word in schema:
            return f"Schema type '{word}' is not supported"
    kind = schema.get("type")
    if kind is None and not any(w in schema for w in ("anyOf", "allOf", "enum", "const")):
        return "Schema must have a 'type', 'anyOf', 'allOf', 'enum' or 'const' field"
    for name in kind if isinstance(kind, list) else [kind]:
        if problem := _keywords(name, schema):
            return problem
    for part in _parts(schema):
        if problem := _problem(part, root, within):
            return problem
    return None


def _keywords(kind: Any, schema: dict[str, Any]) -> str | None:
    found = [word for word in _UNSUPPORTED.get(str(kind), ()) if word in schema]
    if found:
        noun = "property" if len(found) == 1 else "properties"
        verb = "is" if len(found) == 1 else "are"
        names = ", ".join(found if len(found) > 1 else [f"'{found[0]}'"])
        return f"For '{kind}' type, {noun} {names} {verb} not supported"
    if kind == "object" and schema.get("additionalProperties") is not False:
        return "For 'object' type, 'additionalProperties' must be explicitly set to false"
    if kind == "array" and schema.get("minItems", 0) not in (0, 1):
        return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    if kind == "string" and schema.get("format", "text") not in _FORMATS:
        return f"For 'string' type, format '{schema['format']}' is not supported"
    return None


def _parts(schema: dict[str, Any]) -> list[Any]:
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    return [*parts, schema["items"]] if "items" in schema else parts


def _reference(ref: str, root: dict[str, Any], within: tuple[str, ...]) -> str | None:
    if ref in within:
        return "Recursive schemas are not supported"
    target: Any = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        if not isinstance(target, dict) or step not in target:
            return f"Could not resolve reference '{ref}'"
        target = target[step]
    return _problem(target, root, (*within, ref))
