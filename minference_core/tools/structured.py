"""The schema a reply has to satisfy, as an entity that threads share."""

import json
from functools import lru_cache
from inspect import isclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import jsonschema_rs
from pydantic import BaseModel, Field, JsonValue, field_validator

from minference_core import ids
from minference_core.entities import Entity
from minference_core.errors import ToolError
from minference_core.tools.forms import ToolName, anthropic_tool, check_name, openai_tool

__all__ = ["StructuredTool", "check_schema"]


class StructuredTool(Entity):
    """
    A JSON schema for the model's output, with the name and words it is sent under.

    Attributes:
        instruction_string: What comes before the schema where the model is told of it in words.
        strict_schema: Ask the provider to keep the reply to the schema, where it can.
        post_validate_schema: Check the reply against the schema when it is there.
    """

    __slots__ = ("__weakref__", "_compiled")

    if TYPE_CHECKING:
        _compiled: ClassVar[Any]  # its schema's validator once it was asked for; cold only

    entity_kind: ClassVar[str] = "StructuredTool"

    name: ToolName = "generate_structured_output"
    description: str = "Generate a structured output based on the provided JSON schema."
    instruction_string: str = "Please follow this JSON schema for your response:"
    json_schema: dict[str, JsonValue] = Field(default_factory=dict)
    strict_schema: bool = True
    post_validate_schema: bool = True

    @field_validator("json_schema")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
        check_schema(schema)
        return schema

    @property
    def entity_record(self) -> dict[str, Any]:
        """The schema is always said: an empty one has been part of ids since before it was the default."""
        return {"json_schema": {}, **super().entity_record}

    @classmethod
    def from_pydantic(
        cls,
        model: type[BaseModel],
        name: str | None = None,
        description: str | None = None,
        instruction_string: str | None = None,
        strict_schema: bool = True,  # noqa: FBT001, FBT002 (the original's call)
    ) -> Self:
        """
        The schema of a pydantic model.

        Args:
            model: Its fields and their descriptions are what the model provider is told.
            name: The model's name in lower case by default.
            description: The model's docstring by default.

        Raises:
            ToolError: It is no pydantic model, or its name is none a provider takes.
        """
        if not (isclass(model) and issubclass(model, BaseModel)):  # type: ignore[redundant-expr]
            raise ToolError("Model must be a Pydantic model")
        name = check_name(name or model.__name__.lower())
        words = {} if instruction_string is None else {"instruction_string": instruction_string}
        return cls(
            name=name,
            description=description or model.__doc__ or f"Generate {name} structured output",
            json_schema=model.model_json_schema(),
            strict_schema=strict_schema,
            **words,
        )

    # ── checking a reply ──────────────────────────────────────────────────────

    def problem_with(self, value: object) -> str | None:
        """What is wrong with `value` under the schema, in the validator's words; None if nothing is."""
        error = next(self._compiled_schema().iter_errors(value), None)
        if error is None:
            return None
        where = "/".join(str(step) for step in error.instance_path)
        return f"{error.message} (at /{where})"

    def _compiled_schema(self) -> Any:
        """Looked up once for a version: its schema cannot change, and may be longer than the replies."""
        if not self.is_cold:
            return _validator(json.dumps(self.json_schema))
        try:
            return self._compiled
        except AttributeError:
            object.__setattr__(self, "_compiled", _validator(json.dumps(self.json_schema)))
            return self._compiled

    def execute(self, input_data: dict[str, Any]) -> dict[str, Any]:
        """The object itself if it is valid or not to be checked, else `{"error": …}`."""
        problem = self.problem_with(input_data) if self.post_validate_schema else None
        return input_data if problem is None else {"error": problem}

    async def aexecute(self, input_data: dict[str, Any]) -> dict[str, Any]:
        """As `execute`: the same call for either kind of tool."""
        return self.execute(input_data)

    # ── telling a model of it ─────────────────────────────────────────────────

    @property
    def schema_instruction(self) -> str:
        """The schema in words, for a system prompt."""
        return f"{self.instruction_string}: {ids.json_text(self.json_schema)}"

    def get_openai_tool(self) -> dict[str, Any] | None:
        """A function in OpenAI's format whose arguments are the object; None without a schema."""
        return openai_tool(self.name, self.description, self.json_schema)

    def get_anthropic_tool(self, use_cache: bool = True) -> dict[str, Any] | None:  # noqa: FBT001, FBT002
        """A tool in Anthropic's format whose input is the object; None without a schema."""
        return anthropic_tool(self.name, self.description, self.json_schema, use_cache=use_cache)

    def get_openai_json_schema_response(self) -> dict[str, Any] | None:
        """The value of OpenAI's `response_format`; None without a schema."""
        if not self.json_schema:
            return None
        said = {"name": self.name, "description": self.description, "schema": self.json_schema}
        return {"type": "json_schema", "json_schema": {**said, "strict": self.strict_schema}}


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
