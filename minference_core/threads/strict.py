"""Whether a JSON schema may be sent as strict."""

from typing import Any

__all__ = ["is_strict_legal"]

_BRANCHES = ("anyOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions")


def is_strict_legal(schema: Any) -> bool:
    """
    Whether OpenAI takes the schema with `strict: true`: every object closed, every property required.

    Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas. A schema that
    is not is sent without `strict`, since with it the provider answers 400.
    """
    if not isinstance(schema, dict):
        return not isinstance(schema, bool)
    if "allOf" in schema or "oneOf" in schema or "patternProperties" in schema:
        return False
    properties = schema.get("properties", {})
    is_object = "properties" in schema or schema.get("type") == "object"
    if is_object and schema.get("additionalProperties") is not False:
        return False
    if is_object and set(schema.get("required", ())) != set(properties):
        return False
    return all(is_strict_legal(part) for part in _parts(schema))


def _parts(schema: dict[str, Any]) -> list[Any]:
    parts = [part for name in _NAMED for part in schema.get(name, {}).values()]
    parts += [part for name in _BRANCHES for part in schema.get(name, [])]
    return parts + ([schema["items"]] if "items" in schema else [])
