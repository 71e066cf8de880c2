"""Whatever schema is asked for, the value satisfies it: the validator the pipeline trusts says so."""

import json
import re
from random import Random
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minference_core.simulator.json_values import schema_value, wanted_schema
from minference_core.simulator.json_values.patterns import UnsupportedPattern, matching_text

Schema = dict[str, Any]
TOPIC = "Why are the tides in the Bay of Fundy, à Saint-Jean, so high? 潮汐"

PATTERNS = [
    r"^[A-Z]{2}\d{4}$",
    r"^(red|green|blue)-[0-9]+$",
    r"\w+@\w+",
    r"^[^aeiou\s]{3,5}$",
    r"^(?:a|b(c|d)){2}\.x?$",
    r"^#?[0-9a-fA-F]{6}$",
    r"^\+?[1-9]\d{1,14}$",
    r"^[a-z0-9]+(?:-[a-z0-9]+)*$",
    r"^\S+\s\S+$",
    r"[\]\-x]{2}",
    r"^a{2,}b*?c+?$",
]
FORMATS = (
    "date date-time time email uuid uri hostname ipv4 ipv6 duration json-pointer regex uri-reference iri"
    " idn-email uri-template relative-json-pointer"
)


def seeds() -> st.SearchStrategy[int]:
    return st.integers(0, 2**32)


def ranges(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(low, high), st.integers(0, 8)).map(lambda t: (t[0], t[0] + t[1]))


def strings() -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.just({"type": "string"}),
        ranges(0, 20).map(lambda r: {"type": "string", "minLength": r[0], "maxLength": r[1]}),
        st.sampled_from(FORMATS.split()).map(lambda f: {"type": "string", "format": f}),
        st.sampled_from(PATTERNS).map(lambda p: {"type": "string", "pattern": p}),
        st.lists(st.text(max_size=5), min_size=1, max_size=4, unique=True).map(
            lambda values: {"type": "string", "enum": values}
        ),
    )


def numbers() -> st.SearchStrategy[Schema]:
    low, step = st.integers(-50, 50), st.sampled_from([2, 3, 7, 0.5, 0.01, 1.5])
    floats = st.floats(-1e6, 1e6)
    return st.one_of(
        st.sampled_from([{"type": "integer"}, {"type": "number"}]),
        ranges(-50, 50).map(lambda r: {"type": "integer", "minimum": r[0], "maximum": r[1]}),
        low.map(lambda n: {"type": "integer", "exclusiveMaximum": n}),
        st.tuples(low, step).map(lambda t: {"type": "integer", "exclusiveMinimum": t[0], "multipleOf": t[1]}),
        st.tuples(floats, st.floats(0.001, 1e3)).map(
            lambda t: {"type": "number", "minimum": t[0], "exclusiveMaximum": t[0] + t[1]}
        ),
        st.tuples(floats, step).map(lambda t: {"type": "number", "minimum": t[0], "multipleOf": t[1]}),
    )


def leaves() -> st.SearchStrategy[Schema]:
    plain: list[Schema] = [
        {"type": "boolean"},
        {"type": "null"},
        {"const": {"a": [1]}},
        {"enum": [1, "x", None]},
        {"type": ["string", "null"]},
        {"type": ["integer", "string"], "enum": ["a", 2]},
    ]
    return st.one_of(strings(), numbers(), st.sampled_from(plain))


@st.composite
def objects(draw: st.DrawFn, parts: st.SearchStrategy[Schema]) -> Schema:
    names = st.sampled_from(["name", "age", "summary", "tags", "größe", "a b"])
    properties = draw(st.dictionaries(names, parts, max_size=4))
    schema: Schema = {"type": "object", "properties": properties}
    schema["required"] = (
        draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    )
    extra = draw(st.sampled_from([None, False, True, {"type": "integer"}]))
    if extra is not None:
        schema["additionalProperties"] = extra
    if extra is not False and draw(st.booleans()):
        schema["minProperties"] = 3
    return schema


def arrays(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.tuples(parts, ranges(0, 4)).map(
        lambda t: {"type": "array", "items": t[0], "minItems": t[1][0], "maxItems": t[1][1]}
    )


@st.composite
def all_of(draw: st.DrawFn, parts: st.SearchStrategy[Schema]) -> Schema:
    """Two halves of one object, with no name in both: arbitrary schemas rarely have a common value."""
    first = draw(st.dictionaries(st.sampled_from(["a", "b"]), parts, max_size=2))
    second = draw(st.dictionaries(st.sampled_from(["c", "d"]), parts, max_size=2))
    half: Schema = {"type": "object", "properties": first, "required": sorted(first)}
    return {"allOf": [half, {"properties": second, "required": sorted(second)}]}


def nested(parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.one_of(
        objects(parts),
        arrays(parts),
        all_of(parts),
        st.lists(parts, min_size=1, max_size=3).map(lambda p: {"anyOf": p}),
        st.just({"$ref": "#/$defs/shared"}),
        st.just({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 0}]}),
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schema=st.recursive(leaves(), nested, max_leaves=10), shared=leaves(), seed=seeds())
def test_the_value_satisfies_the_schema(schema: Schema, shared: Schema, seed: int) -> None:
    whole = {**schema, "$defs": {"shared": shared}}

    value = schema_value(whole, Random(seed), TOPIC)

    assert orjson.dumps(value)
    jsonschema_rs.validate(whole, value, validate_formats=True)


NULLABLE_TREE = {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}
NODE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        "left": NULLABLE_TREE,
        "right": NULLABLE_TREE,
    },
    "required": ["name", "children", "left", "right"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, id="a tree"),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
                },
                "required": ["value", "next"],
            },
            id="a linked list",
        ),
        pytest.param(
            {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 3},
            id="set",
        ),
        pytest.param(
            {"type": "array", "contains": {"const": 7}, "items": {"type": "integer"}}, id="contains"
        ),
        pytest.param(
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "items": False,
                "minItems": 2,
            },
            id="tuple",
        ),
        pytest.param(
            {
                "type": "object",
                "properties": {
                    "kind": {"enum": ["a", "b"]},
                    "x": {"type": "integer"},
                    "y": {"type": "string"},
                },
                "if": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]},
                "then": {"required": ["x"]},
                "else": {"required": ["y"]},
            },
            id="if",
        ),
        pytest.param({"type": ["string", "integer"], "not": {"type": "string"}}, id="not"),
        pytest.param({"type": "object", "additionalProperties": {"type": "number"}}, id="map"),
        pytest.param(
            {
                "type": "object",
                "patternProperties": {"^S_": True},
                "additionalProperties": False,
                "minProperties": 2,
            },
            id="named by pattern",
        ),
        pytest.param(
            {"type": "object", "propertyNames": {"pattern": "^[a-z]{3}$"}, "minProperties": 2}, id="names"
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
            id="dependent",
        ),
        pytest.param(
            {"allOf": [{"type": "integer", "minimum": 3}, {"type": "number", "maximum": 4}]}, id="all of"
        ),
        pytest.param({"type": "object", "required": ["unnamed"]}, id="a required property nobody describes"),
        pytest.param({"type": "string", "minLength": 300}, id="long"),
        pytest.param({"type": "integer", "minimum": 1e30}, id="huge"),
        pytest.param({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, id="no type"),
        pytest.param({}, id="anything"),
        pytest.param(True, id="true"),
    ],
)
def test_the_harder_keywords_are_satisfied_too_and_recursion_ends(schema: Any) -> None:
    for seed in range(25):
        value = schema_value(schema, Random(seed), TOPIC)

        jsonschema_rs.validate(schema, value, validate_formats=True)
        assert len(orjson.dumps(value)) < 20_000


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "string", "minLength": 5, "maxLength": 4},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"type": "object", "properties": {"again": {"$ref": "#"}}, "required": ["again"]},
        {"type": "string", "pattern": r"^(?=a)b(?<!c)$"},
    ],
)
def test_what_cannot_be_satisfied_gives_an_object_and_not_an_error(schema: Any) -> None:
    assert schema_value(schema, Random(1), TOPIC) == {}


def test_values_are_taken_from_the_question() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}

    titles = {schema_value(schema, Random(n), "Compare saffron with turmeric")["title"] for n in range(20)}

    assert len(titles) > 5
    assert all(set(title.split()) <= {"Compare", "saffron", "turmeric"} for title in titles)


@given(st.sampled_from(PATTERNS), seeds(), st.integers(1, 5))
def test_a_text_for_a_pattern_matches_it(pattern: str, seed: int, stretch: int) -> None:
    assert re.search(pattern, matching_text(pattern, Random(seed), stretch=stretch))


@pytest.mark.parametrize("pattern", [r"(?=a)", r"(?!a)b", r"(a)\1", r"(", r"[", r"a)", r"*a", r"\p{Greek}"])
def test_a_pattern_out_of_reach_says_so(pattern: str) -> None:
    with pytest.raises(UnsupportedPattern):
        matching_text(pattern, Random(1))


def test_a_schema_written_in_the_prompt_is_found() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    instructions = f"Use set notation {{like this}}. Reply with JSON of this schema: {json.dumps(schema)}"

    assert wanted_schema(instructions, "How many?") == schema
    assert wanted_schema("", "What is JSON, and who invented it?") is None
