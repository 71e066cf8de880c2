"""
Of which JSON types a request's parts are, checked at once before anything is read from it.

A `Shape` says only what is of the wrong type; what is missing, unknown or not supported is for those who know
the words of their API.
"""

from dataclasses import dataclass
from typing import Any

import jsonschema_rs

__all__ = ["Misfit", "Shape", "is_schema"]


@dataclass(frozen=True, slots=True)
class Misfit:
    """The first part that is of the wrong type."""

    path: tuple[str | int, ...]
    expected: tuple[str, ...]
    value: Any


class Shape:
    """A compiled JSON schema of types only."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(schema)

    def misfit(self, body: Any) -> Misfit | None:
        """What does not fit; None if everything does."""
        if self._validator.is_valid(body):
            return None
        error = next(iter(self._validator.iter_errors(body)))
        value = body
        for step in error.instance_path:
            value = value[step]
        expected = error.kind.as_dict().get("types") or ("string",)
        return Misfit(tuple(error.instance_path), tuple(expected), value)


def is_schema(schema: Any) -> bool:
    """Whether `schema` is a JSON schema at all."""
    try:
        return bool(jsonschema_rs.meta.is_valid(schema))
    except (ValueError, jsonschema_rs.ReferencingError):  # a `$schema` nobody knows
        return False
