"""The schema a reply has to satisfy, as an entity that threads share."""

import json
from functools import lru_cache
from typing import Any, ClassVar

import jsonschema_rs
from pydantic import JsonValue, field_validator

from minference_core.entities import Entity

__all__ = ["StructuredTool", "check_schema"]


class StructuredTool(Entity):
    """A JSON schema for the model's output, with the name and words it is sent under."""

    kind: ClassVar[str] = "StructuredTool"

    name: str = "generate_structured_output"
    description: str = "Generate a structured output based on the provided JSON schema."
    json_schema: dict[str, JsonValue]
    strict_schema: bool = True

    @field_validator("json_schema")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
        check_schema(schema)
        return schema

    def problem_with(self, value: object) -> str | None:
        """What is wrong with `value` under the schema, in the validator's words; None if nothing is."""
        error = next(_validator(json.dumps(self.json_schema)).iter_errors(value), None)
        if error is None:
            return None
        where = "/".join(str(step) for step in error.instance_path)
        return f"{error.message} (at /{where})"


def check_schema(schema: dict[str, JsonValue]) -> None:
    """
    Raises:
        ValueError: It is not a JSON schema, or refers to somewhere else.
    """
    _validator(json.dumps(schema))


@lru_cache(maxsize=256)
def _validator(schema: str) -> Any:
    """
    The compiled schema: a dataset has few, its rows many.

    Raises:
        ValueError: It is not a JSON schema.
    """
    try:
        return jsonschema_rs.validator_for(json.loads(schema), retriever=_never_fetch)
    except jsonschema_rs.ValidationError as exc:
        raise ValueError(f"not a valid JSON schema: {exc.message}") from exc


def _never_fetch(uri: str) -> Any:
    """A schema may refer to itself, never to an address: reading a spec must not reach the network."""
    raise ValueError(f"the schema refers to {uri}: copy that schema into $defs")
