"""Items E8 to E10 of seed-behaviour.md: a schema the reply has to satisfy."""

import asyncio
import json
from typing import Any

import pytest
from pydantic import BaseModel, Field

from minference_core import ids
from minference_core.errors import ToolError
from minference_core.tools import StructuredTool
from tests.conftest import INSTANT

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}


class Review(BaseModel):
    """What somebody thinks."""

    text: str = Field(description="in one sentence")
    stars: int = Field(ge=1, le=5)


class Bare(BaseModel):
    n: int


def test_e8_the_defaults() -> None:
    tool = StructuredTool()

    assert tool.name == "generate_structured_output"
    assert tool.description == "Generate a structured output based on the provided JSON schema."
    assert tool.instruction_string == "Please follow this JSON schema for your response:"
    assert (tool.json_schema, tool.strict_schema, tool.post_validate_schema) == ({}, True, True)


def test_e8_ids_of_before_the_newer_fields_are_what_they_were() -> None:
    """If this fails, every structured tool in every existing store stops matching."""
    born = {"lineage_id": ids.lineage_id(INSTANT, "tool"), "created_at": INSTANT}

    full = StructuredTool.cold(**born, name="rating", description="d", json_schema=SCHEMA)
    empty = StructuredTool.cold(**born, json_schema={})

    assert full.entity_record == {"name": "rating", "description": "d", "json_schema": SCHEMA}
    assert empty.entity_record == {"json_schema": {}}
    assert str(full.id) == "01a1e1a7-4c00-8383-b7e9-538387750c71"
    assert str(empty.id) == "01a1e1a7-4c00-8268-b8de-2dac8d03156c"


@pytest.mark.parametrize("name", ["", "two words", "a" * 65])
def test_e8_a_name_no_provider_takes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a tool's name"):
        StructuredTool(name=name)


def test_e8_what_is_no_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="not a valid JSON schema"):
        StructuredTool(json_schema={"type": "nothing"})


def test_e9_from_pydantic() -> None:
    tool = StructuredTool.from_pydantic(Review)
    bare = StructuredTool.from_pydantic(Bare)
    mine = StructuredTool.from_pydantic(
        Review, name="opinion", description="Mine.", instruction_string="Like so", strict_schema=False
    )

    assert (tool.name, tool.description) == ("review", "What somebody thinks.")
    assert tool.json_schema == Review.model_json_schema()
    assert bare.description == "Generate bare structured output"
    assert (mine.name, mine.description, mine.instruction_string, mine.strict_schema) == (
        "opinion",
        "Mine.",
        "Like so",
        False,
    )
    with pytest.raises(ToolError, match="Model must be a Pydantic model"):
        StructuredTool.from_pydantic(dict)  # type: ignore[arg-type]


def test_e10_a_valid_object_is_the_result_and_an_invalid_one_an_error() -> None:
    tool = StructuredTool(json_schema=SCHEMA)
    unchecked = StructuredTool(json_schema=SCHEMA, post_validate_schema=False)

    assert tool.execute({"n": 1}) == asyncio.run(tool.aexecute({"n": 1})) == {"n": 1}
    assert tool.execute({"n": "x"}) == {"error": '"x" is not of type "integer" (at /n)'}
    assert tool.execute({}) == {"error": '"n" is a required property (at /)'}
    assert unchecked.execute({"n": "x"}) == {"n": "x"}


def test_e10_the_forms() -> None:
    tool = StructuredTool(name="rating", description="Rate it.", json_schema=SCHEMA, strict_schema=False)
    plain = {"name": "rating", "description": "Rate it.", "input_schema": SCHEMA}

    assert tool.get_openai_tool() == {
        "type": "function",
        "function": {"name": "rating", "description": "Rate it.", "parameters": SCHEMA},
    }
    assert tool.get_anthropic_tool() == {**plain, "cache_control": {"type": "ephemeral"}}
    assert tool.get_anthropic_tool(use_cache=False) == plain
    assert tool.get_openai_json_schema_response() == {
        "type": "json_schema",
        "json_schema": {"name": "rating", "description": "Rate it.", "schema": SCHEMA, "strict": False},
    }


def test_e10_without_a_schema_there_is_no_form() -> None:
    tool = StructuredTool()

    assert tool.get_openai_tool() is None
    assert tool.get_anthropic_tool() is None
    assert tool.get_openai_json_schema_response() is None


def test_e10_the_instruction_holds_the_schema_as_json() -> None:
    tool = StructuredTool(json_schema={**SCHEMA, "additionalProperties": False})

    instruction, _, schema = tool.schema_instruction.partition(": {")

    assert instruction == "Please follow this JSON schema for your response:"
    assert json.loads("{" + schema) == tool.json_schema
