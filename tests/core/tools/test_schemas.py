"""Items D6 to D8 of seed-behaviour.md: JSON schemas from type hints."""

import enum
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from inspect import Parameter, Signature
from keyword import iskeyword
from typing import Annotated, Any, Literal, Optional, Union

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel
from typing_extensions import TypedDict

from minference_core.tools import (
    CallableRegistry,
    derive_input_schema,
    derive_output_schema,
    validate_schema_compatibility,
)

Schema = dict[str, Any]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    """Where."""

    x: float
    y: float = Field(0, description="upwards")


class Shape(BaseModel):
    name: str
    points: list[Point] = Field(default_factory=list)


class Numbers(RootModel[list[int]]):
    pass


@dataclass
class Pair:
    a: int
    b: str = "b"


class Options(TypedDict, total=False):
    deep: bool


def properties(function: Any) -> Schema:
    found = derive_input_schema(function)["properties"]
    return {name: {key: said for key, said in prop.items() if key != "title"} for name, prop in found.items()}


def test_d6_plain_types_become_a_model_named_after_the_function() -> None:
    def f(x: int, y: float, z: str, b: bool, n: list[float], d: dict[str, str], y2: float = 1.5) -> float:
        return 0

    assert derive_input_schema(f)["title"] == "fInput"
    assert derive_input_schema(f)["type"] == "object"
    assert derive_input_schema(f)["required"] == ["x", "y", "z", "b", "n", "d"]
    assert properties(f) == {
        "x": {"type": "integer"},
        "y": {"type": "number"},
        "z": {"type": "string"},
        "b": {"type": "boolean"},
        "n": {"type": "array", "items": {"type": "number"}},
        "d": {"type": "object", "additionalProperties": {"type": "string"}},
        "y2": {"type": "number", "default": 1.5},
    }


def test_d6_choices() -> None:
    def f(
        a: Optional[float],  # noqa: UP045 (this spelling, too)
        b: Union[int, str],  # noqa: UP007
        c: Literal["up", "down"],
        d: Colour,
        e: int | None = None,
    ) -> None: ...

    found = properties(f)

    assert found["a"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert found["b"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert found["c"] == {"type": "string", "enum": ["up", "down"]}
    assert found["d"] == {"$ref": "#/$defs/Colour"}
    assert found["e"] == {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    assert derive_input_schema(f)["$defs"]["Colour"]["enum"] == ["red", "blue"]
    assert derive_input_schema(f)["required"] == ["a", "b", "c", "d"]


def test_d6_a_single_model_is_the_schema() -> None:
    def f(shape: Shape) -> Shape:
        return shape

    assert derive_input_schema(f) == Shape.model_json_schema()
    assert derive_output_schema(f) == Shape.model_json_schema()


def test_d6_a_model_beside_other_parameters_is_one_of_them() -> None:
    def f(shape: Shape, scale: float = 1.0) -> float:
        return scale

    schema = derive_input_schema(f)

    assert set(schema["properties"]) == {"shape", "scale"}
    assert schema["properties"]["shape"] == {"$ref": "#/$defs/Shape"}
    assert schema["required"] == ["shape"]


def test_d6_other_structures() -> None:
    def f(pair: Pair, options: Options, when: datetime, numbers: Numbers) -> None: ...

    defs = derive_input_schema(f)["$defs"]

    assert defs["Pair"]["required"] == ["a"]
    assert defs["Options"]["properties"]["deep"]["type"] == "boolean"
    assert properties(f)["when"] == {"type": "string", "format": "date-time"}

    def only(numbers: Numbers) -> None: ...

    assert derive_input_schema(only)["type"] == "object", "providers take nothing else"


def test_d6_descriptions_in_all_spellings() -> None:
    def f(
        a: Annotated[int, Field(description="one", ge=1)],
        b: Annotated[int, "two"],
        c: int = Field(3, description="three", le=9),
    ) -> None: ...

    assert properties(f) == {
        "a": {"type": "integer", "description": "one", "minimum": 1},
        "b": {"type": "integer", "description": "two"},
        "c": {"type": "integer", "description": "three", "maximum": 9, "default": 3},
    }


def test_d6_no_parameters_at_all() -> None:
    def f() -> int:
        return 1

    schema = derive_input_schema(f)

    assert (schema["type"], schema["properties"]) == ("object", {})
    jsonschema_rs.meta.validate(schema)


def test_d6_names_that_mean_something_to_pydantic() -> None:
    def f(json: int, model_config: str, copy: bool, _hidden: int = 1, schema: str = "s") -> None: ...

    schema = derive_input_schema(f)

    assert list(schema["properties"]) == ["json", "model_config", "copy", "_hidden", "schema"]
    assert schema["required"] == ["json", "model_config", "copy"]


def test_d6_keyword_only_methods_partials_and_callable_objects() -> None:
    class Desk:
        def book(self, room: str, *, seats: int = 1) -> str:
            return room

        def __call__(self, room: str) -> str:
            return room

    desk = Desk()

    assert set(properties(desk.book)) == {"room", "seats"}
    assert set(properties(desk)) == {"room"}
    assert set(properties(partial(desk.book, "a"))) == {"seats"}


def test_d6_defaults_that_json_cannot_say_are_left_out() -> None:
    def f(limit: float = float("inf"), marker: object = object(), day: date = date(2026, 1, 2)) -> None: ...

    assert properties(f) == {
        "limit": {"type": "number"},
        "marker": {},
        "day": {"type": "string", "format": "date", "default": "2026-01-02"},
    }


def test_d6_hints_that_are_text() -> None:
    class Local(BaseModel):
        n: int

    def f(x: "int", local: "Local", y: "list[Point] | None" = None) -> "Shape":
        return Shape(name=str(Local(n=x)))

    assert properties(f)["local"] == {"$ref": "#/$defs/Local"}
    assert derive_output_schema(f) == Shape.model_json_schema()


def test_d7_results() -> None:
    def number() -> float:
        return 1

    def nothing() -> None: ...

    async def later() -> list[Point]:
        return []

    assert derive_output_schema(number) == {
        "title": "numberOutput",
        "type": "object",
        "properties": {"result": {"title": "Result", "type": "number"}},
        "required": ["result"],
    }
    assert derive_output_schema(nothing)["properties"]["result"]["type"] == "null"
    assert derive_output_schema(later)["properties"]["result"]["items"] == {"$ref": "#/$defs/Point"}


def test_d7_an_update_changes_the_schemas() -> None:
    """Q8: schema evolution on update."""

    def first(x: int) -> int:
        return x

    def second(x: int, y: float = 0.0) -> float:
        return x + y

    CallableRegistry.register("evolving", first)
    before = CallableRegistry.get_info("evolving")
    CallableRegistry.update("evolving", second)
    after = CallableRegistry.get_info("evolving")

    assert before is not None
    assert after is not None
    assert "y" not in before.input_schema["properties"]
    assert after.input_schema["properties"]["y"]["type"] == "number"
    assert after.output_schema["properties"]["result"]["type"] == "number"


DERIVED: Schema = {
    "type": "object",
    "properties": {
        "x": {"type": "integer"},
        "y": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "z": {"type": "array", "items": {"$ref": "#/$defs/P"}},
    },
    "required": ["x", "z"],
    "$defs": {"P": {"type": "object"}},
}


def changed(**changes: Any) -> Schema:
    props = {**DERIVED["properties"], **changes}
    return {**DERIVED, "properties": {name: prop for name, prop in props.items() if prop is not None}}


@pytest.mark.parametrize(
    ("provided", "complaint"),
    [
        pytest.param(changed(x=None), "Missing property 'x' in provided schema", id="missing"),
        pytest.param(changed(q={"type": "string"}), "Extra properties in provided schema: .*'q'", id="extra"),
        pytest.param(changed(x={"type": "string"}), "Property 'x' type mismatch", id="type"),
        pytest.param(changed(y={"type": "number"}), "Property 'y' type mismatch", id="no longer optional"),
        pytest.param(
            changed(z={"type": "array", "items": {"type": "string"}}), "'z' type mismatch", id="items"
        ),
        pytest.param({**DERIVED, "required": ["x"]}, "Required properties don't match", id="required"),
    ],
)
def test_d8_what_differs_is_named(provided: Schema, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        validate_schema_compatibility(DERIVED, provided)


def test_d8_what_is_said_besides_is_free() -> None:
    provided = changed(
        x={"type": "integer", "description": "how many", "minimum": 0},
        y={"type": ["null", "number"]},
        z={"type": "array", "items": {"type": "object"}},
    )

    validate_schema_compatibility(DERIVED, provided)


def test_d8_a_type_defined_by_itself() -> None:
    nested: Schema = {"type": "array", "items": {"$ref": "#/$defs/N"}}
    schema = {"properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": nested}}

    validate_schema_compatibility(schema, schema)


_hints: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([int, float, str, bool, Colour, Point, date, Literal["a", 1], Pair]),
    lambda inner: (
        inner.map(lambda hint: list.__class_getitem__(hint))
        | inner.map(lambda hint: dict.__class_getitem__((str, hint)))
        | inner.map(lambda hint: Union.__getitem__((hint, None)))
    ),
    max_leaves=3,
)


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True), _hints, max_size=4), _hints)
def test_every_schema_is_one_and_compatible_with_itself(hints: dict[str, Any], returns: Any) -> None:
    def f() -> None: ...

    parameters = [Parameter(name, Parameter.KEYWORD_ONLY) for name in hints if not iskeyword(name)]
    f.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    f.__annotations__ = {**{each.name: hints[each.name] for each in parameters}, "return": returns}

    taken, given_back = derive_input_schema(f), derive_output_schema(f)

    assert taken["type"] == "object"
    for schema in (taken, given_back):
        jsonschema_rs.meta.validate(schema)
        validate_schema_compatibility(schema, schema)
