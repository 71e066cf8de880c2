"""JSON that satisfies a schema, made from the words of a question."""

from minference_core.simulator.json_values.maker import schema_value
from minference_core.simulator.json_values.wanted import ANY_OBJECT, wanted_schema

__all__ = ["ANY_OBJECT", "schema_value", "wanted_schema"]
