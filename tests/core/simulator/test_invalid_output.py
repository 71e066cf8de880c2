"""The fault `invalid_output`: a 200 in which the model has not kept to what was asked of it."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.simulator.misfits import misfit_arguments, misfit_text
from tests.core.simulator.conftest import Asker, Running

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["city", "tags"],
    "additionalProperties": False,
}
STRICT = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY, "strict": True}}
CHAT_TOOL = {"type": "function", "function": {"name": "f", "parameters": CITY}}


@pytest.fixture(scope="module")
def bad(running: Running) -> Iterator[Asker]:
    """A simulator whose every reply is wrong, if it can be."""
    with running(seed=7, faults={"invalid_output": 1}) as asker:
        yield asker


def content(body: dict[str, Any]) -> str:
    return str(body["choices"][0]["message"]["content"])


def fits(text: str) -> bool:
    return jsonschema_rs.is_valid(CITY, json.loads(text))


def test_structured_output_does_not_fit_its_schema(bad: Asker) -> None:
    for n in range(5):
        chat = bad.chat(f"q{n}", response_format=STRICT)
        form = {"type": "json_schema", "schema": CITY}
        claude = bad.claude(f"q{n}", output_config={"format": form})
        text_format = {**form, "name": "city", "strict": True}
        responses = bad.responses(f"q{n}", text={"format": text_format}).json()["output"][-1]

        assert (chat.status_code, claude.status_code) == (200, 200)
        assert chat.json()["choices"][0]["finish_reason"] == "stop"
        assert not fits(content(chat.json()))
        assert not fits(claude.json()["content"][-1]["text"])
        assert not fits(responses["content"][0]["text"])


def test_arguments_do_not_fit_their_tool(bad: Asker) -> None:
    chat = bad.chat(tools=[CHAT_TOOL], tool_choice="required").json()["choices"][0]["message"]["tool_calls"]
    claude = bad.claude(tools=[{"name": "f", "input_schema": CITY}], tool_choice={"type": "any"}).json()

    assert not any(fits(call["function"]["arguments"]) for call in chat)
    assert not any(jsonschema_rs.is_valid(CITY, block["input"]) for block in claude["content"])


def test_json_modes_give_what_is_not_json(bad: Asker) -> None:
    asked = [
        bad.chat("JSON please", response_format={"type": "json_object"}),
        bad.chat("A city? Answer in JSON."),
    ]

    for response in asked:
        with pytest.raises(json.JSONDecodeError):
            json.loads(content(response.json()).removeprefix("```json\n").removesuffix("\n```"))


def test_plain_text_is_left_as_it_is(bad: Asker, ask: Asker) -> None:
    assert content(bad.chat().json()) == content(ask.chat().json())


def test_another_request_body_is_answered_as_it_should_be_and_a_run_can_be_repeated(running: Running) -> None:
    def outcomes() -> list[bool]:
        with running(seed=3, faults={"invalid_output": 0.5}) as ask:
            return [fits(content(ask.chat(f"q{n}", response_format=STRICT).json())) for n in range(20)]

    first = outcomes()

    assert set(first) == {True, False}
    assert outcomes() == first


SCHEMAS: list[Any] = [
    CITY,
    {"type": "object"},
    {"type": "array", "items": {"type": "integer"}},
    {"type": ["string", "null"]},
    {"enum": [1, 2]},
    {"anyOf": [{"type": "object"}, {"type": "array"}]},
    {},
    True,
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), st.lists, max_leaves=3
)


@given(st.sampled_from(SCHEMAS), VALUES | st.dictionaries(st.text(max_size=3), VALUES, max_size=3))
def test_a_misfit_never_fits(schema: Any, value: Any) -> None:
    try:
        said = json.loads(misfit_text(schema, value))
    except json.JSONDecodeError:
        return
    assert not jsonschema_rs.is_valid(schema, said)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=3))
def test_misfit_arguments_are_still_an_object_or_no_json(value: dict[str, Any]) -> None:
    for schema in ({"type": "object"}, CITY):
        text, given_to_claude = misfit_arguments(schema, value)

        assert isinstance(given_to_claude, dict)
        if schema is CITY:
            assert not jsonschema_rs.is_valid(CITY, json.loads(text))
        else:
            with pytest.raises(json.JSONDecodeError):
                json.loads(text)
