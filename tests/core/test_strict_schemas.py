"""Schemas as the providers take them: what they admit, and what the providers say of them."""

import json
from random import Random
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.simulator.anthropic.schema import schema_problem
from minference_core.simulator.json_values import schema_value
from minference_core.simulator.openai.strict_schema import strict_problem
from minference_core.threads.anthropic_schema import anthropic_form
from minference_core.threads.strict import openai_strict

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(
    st.fixed_dictionaries({"type": st.just("integer")}, optional={"minimum": st.integers(0, 3)}),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.just(1),
            "format": st.sampled_from(["date", "uri"]),
            "default": st.just(""),
        },
    ),
    st.sampled_from(
        [
            {"enum": ["x", 1]},
            {"const": True},
            {"type": "null"},
            {"type": ["string", "null"]},
            {"$ref": "#/$defs/a"},
            {"$ref": "#/$defs/b", "description": "said beside"},
            {"$ref": "#/$defs/c", "minimum": 1},
            {"$ref": "#"},
            {"$ref": "https://elsewhere.test"},
            {},
            True,
        ]
    ),
)


def objects(inner: Any) -> Any:
    """Most with all properties required, some with a few of some that may not be there."""
    return st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=3)},
        optional={
            "required": st.lists(NAMES, unique=True, max_size=3),
            "additionalProperties": st.sampled_from([False, True, {"type": "integer"}]),
            "description": st.just("an object"),
        },
    ).map(_with_required)


def _with_required(made: dict[str, Any]) -> dict[str, Any]:
    return {"required": sorted(made["properties"]), **made}


PARTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        objects(inner),
        st.fixed_dictionaries({"type": st.just("array")}, optional={"items": inner, "minItems": st.just(2)}),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"anyOf": parts}),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"allOf": parts}),
        st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"oneOf": parts}),
    ),
    max_leaves=6,
)
SCHEMAS = st.tuples(objects(PARTS), PARTS, PARTS, PARTS).map(
    lambda made: {**made[0], "$defs": {"a": made[1], "b": made[2], "c": made[3]}}
)


@given(SCHEMAS, st.randoms(use_true_random=False))
def test_a_strict_form_admits_nothing_that_the_schema_refuses(schema: dict[str, Any], rng: Random) -> None:
    before = json.dumps(schema)
    strict = openai_strict(schema)
    assert json.dumps(schema) == before
    if strict is None:
        return

    assert strict_problem(strict) is None
    for _ in range(5):
        value = schema_value(strict, rng)
        if jsonschema_rs.is_valid(strict, value):  # it may be one that nothing satisfies
            assert jsonschema_rs.is_valid(schema, value)


@given(SCHEMAS)
def test_anthropic_takes_every_form_made_for_it(schema: dict[str, Any]) -> None:
    form = anthropic_form(schema)

    assert form is None or schema_problem(form) is None


CLOSED = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
OPEN = {name: value for name, value in CLOSED.items() if name != "additionalProperties"}


def holding(part: Any, **root: Any) -> dict[str, Any]:
    return {**CLOSED, "properties": {"n": part}, **root}


def test_a_schema_that_is_legal_already_stays_as_it_is() -> None:
    for schema in (CLOSED, holding(CLOSED, title="T"), holding({"type": ["string", "null"], "title": "N"})):
        assert openai_strict(schema) == schema
        assert anthropic_form(schema) == schema


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        pytest.param(OPEN, CLOSED, id="closed"),
        pytest.param(holding(OPEN), holding(CLOSED), id="closed inside"),
        pytest.param(holding({"allOf": [OPEN], "title": "T"}), holding({**CLOSED, "title": "T"}), id="allOf"),
        pytest.param(holding({"type": "integer", "default": 3}), CLOSED, id="default"),
        pytest.param(
            holding({"type": "string", "format": "uri"}), holding({"type": "string"}), id="unknown format"
        ),
        pytest.param(
            holding({"$ref": "#/$defs/N", "description": "d"}, **{"$defs": {"N": OPEN}}),
            holding({**CLOSED, "description": "d"}, **{"$defs": {"N": CLOSED}}),
            id="described reference",
        ),
        pytest.param(
            {"$ref": "#/$defs/N", "$defs": {"N": OPEN}}, {**CLOSED, "$defs": {"N": CLOSED}}, id="reference"
        ),
        pytest.param(
            {"type": "object", "properties": {}},
            {"type": "object", "properties": {}, "additionalProperties": False},
            id="no arguments",
        ),
    ],
)
def test_what_openai_would_refuse_is_said_otherwise(schema: dict[str, Any], strict: dict[str, Any]) -> None:
    assert openai_strict(schema) == strict


@pytest.mark.parametrize(
    "schema",
    [
        {**CLOSED, "required": []},
        {**CLOSED, "additionalProperties": True},
        {**CLOSED, "minProperties": 1},
        {"type": "array", "items": {"type": "integer"}},
        {"anyOf": [CLOSED]},
        holding({"type": "object"}),
        holding({"oneOf": [CLOSED]}),
        holding({"allOf": [CLOSED, OPEN]}),
        holding({"type": "array"}),
        holding({}),
        holding({"$ref": "#/$defs/Nowhere"}),
    ],
)
def test_what_cannot_be_strict_is_none(schema: dict[str, Any]) -> None:
    assert openai_strict(schema) is None


def test_a_schema_that_comes_back_to_itself_is_strict_and_not_anthropics() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}, "required": ["next"]}
    schema = {"$ref": "#/$defs/Node", "$defs": {"Node": node}}

    strict = openai_strict(schema)

    assert strict is not None
    assert strict["properties"]["next"] == {"$ref": "#/$defs/Node"}
    assert anthropic_form(schema) is None


def test_anthropic_is_told_in_words_what_it_has_no_keyword_for() -> None:
    part = {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."}
    schema = {"type": "object", "properties": {"n": part, "m": {"type": "string", "pattern": "^a"}}}

    form = anthropic_form(schema)

    assert form is not None
    assert form["properties"] == {
        "n": {"type": "integer", "description": "How many.\n\n{minimum: 1, maximum: 9}"},
        "m": {"type": "string", "description": '{pattern: "^a"}'},
    }
    assert form["additionalProperties"] is False


def test_a_choice_by_a_discriminator_is_any_of_its_parts_to_anthropic() -> None:
    schema = holding({"oneOf": [CLOSED, {"type": "null"}], "discriminator": {"propertyName": "n"}})

    form = anthropic_form(schema)

    assert form == holding({"anyOf": [CLOSED, {"type": "null"}]})


@pytest.mark.parametrize("part", [{"type": "object"}, {"type": "object", "additionalProperties": True}, {}])
def test_anthropic_takes_no_objects_that_may_hold_anything(part: dict[str, Any]) -> None:
    assert anthropic_form(holding(part)) is None


def test_a_schema_that_grows_without_end_is_given_up() -> None:
    """Each definition twice the one before: written out, a schema of a few lines has millions of parts."""
    twice = {
        f"d{n}": holding({"anyOf": [{"$ref": f"#/$defs/d{n + 1}", "title": "t"}] * 2}) for n in range(30)
    }
    schema = holding({"$ref": "#/$defs/d0", "title": "t"}, **{"$defs": {**twice, "d30": CLOSED}})

    assert openai_strict(schema) is None
    assert anthropic_form(schema) is None
