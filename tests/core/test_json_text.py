"""JSON out of what models write."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core import ids
from minference_core.threads import json_in
from minference_core.threads.json_text import check_depth, json_alone, parse_json_string

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4) | st.lists(JSON, max_size=4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="alone"),
        pytest.param("\ufeff 42 \n", 42, id="a number with blanks and a byte order mark"),
        pytest.param('```json\n{"a": 1}\n```', {"a": 1}, id="in a fence"),
        pytest.param("```\n[1]\n```", [1], id="in a fence without a language"),
        pytest.param(
            'Gladly:\n```JSON\n{"a": 1}\n```\nAnything else?', {"a": 1}, id="in a fence, with words"
        ),
        pytest.param('```json\n{"a": 1}', {"a": 1}, id="the fence is not closed"),
        pytest.param('\n{"a": 1}\n```', {"a": 1}, id="the fence was opened by the prefill"),
        pytest.param('```python\nx = y[0]\n```\n```json\n{"a": 1}\n```', {"a": 1}, id="the second fence"),
        pytest.param('```json\n{"a": "```x```"}\n```', {"a": "```x```"}, id="a fence inside a string"),
        pytest.param('Sure: {"a": {"b": 1}}. Bye!', {"a": {"b": 1}}, id="among words"),
        pytest.param('Both [1, 2] and {"a": 1}', [1, 2], id="the first of two"),
        pytest.param('Fill in {name}, as [here](x): {"a": 1}', {"a": 1}, id="after brackets of prose"),
        pytest.param('Not } nor ] but {"a": "}"}', {"a": "}"}, id="a bracket in a string"),
        pytest.param('{"a": True, "b": [False, None]}', {"a": True, "b": [False, None]}, id="Python's words"),
        pytest.param(
            '{"said": "True, None,]",}', {"said": "True, None,]"}, id="Python's words in a string stay"
        ),
        pytest.param('[1, {"a": 2,}, ]', [1, {"a": 2}], id="a comma too many"),
        pytest.param('So: {"a": True,} and', {"a": True}, id="Python's words among words"),
        pytest.param("```json\n[None]\n``` done", [None], id="Python's words in a fence"),
    ],
)
def test_json_is_found(text: str, value: Any) -> None:
    assert json_in(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "empty", id="nothing"),
        pytest.param("No idea.", "Expecting value", id="words"),
        pytest.param('{"a": {"b": 1}, "c": oops}', "Expecting value", id="broken: its inside is not it"),
        pytest.param('{"a": [{"b": 1}, {"c', "Unterminated", id="cut off: its inside is not it"),
        pytest.param('{a: {"b": 1}}', "property name", id="keys without quotes: its inside is not it"),
        pytest.param('{"md": "```\n[1]\n```', "Unterminated|control", id="cut off after a fence inside it"),
        pytest.param('{"a": NaN}', "NaN", id="not a number"),
        pytest.param('{"a": "\\ud800"}', "surrogate", id="half a surrogate pair"),
        pytest.param("[" * 100_000, "deep", id="bottomless"),
        pytest.param('{"a":' * 300 + "1" + "}" * 300, "deep", id="deeper than can be stored"),
        pytest.param("9" * 5000, "digits", id="a number without end"),
    ],
)
def test_what_is_no_json_is_said_to_be_none_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        json_in(text)


def test_arguments_are_not_looked_for_among_words() -> None:
    assert json_alone('```json\n{"a": 1}\n```') == {"a": 1}
    with pytest.raises(ValueError, match="Expecting value"):
        json_alone('I would call it with {"a": 1}')


def test_h12_parse_json_string_gives_an_object_or_a_list_or_none() -> None:
    assert parse_json_string('Here: {"a": True}') == {"a": True}
    assert parse_json_string("[1]") == [1]
    assert parse_json_string("42") is None
    assert parse_json_string("no") is None


def test_depth_is_bounded() -> None:
    value: Any = 1
    for _ in range(199):
        value = [value]
    check_depth(value)

    with pytest.raises(ValueError, match="deep"):
        check_depth({"a": value})


@given(JSON)
def test_what_was_written_is_read(value: Any) -> None:
    text = ids.json_text(value)

    assert json_in(text) == value
    assert json_in(f"```json\n{text}\n```") == value


@given(OBJECTS, st.text(alphabet=st.characters(exclude_characters="{}[]`")), st.text())
def test_an_object_is_found_between_any_words(value: Any, before: str, after: str) -> None:
    assert json_in(f"{before}\n{ids.json_text(value)}\n{after}") == value


@given(st.text(alphabet='{}[]"\\`,: \n1tTrueNonejs', max_size=80) | st.text() | st.text().map(json.dumps))
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    try:
        found = json_in(text)
    except ValueError:
        assert parse_json_string(text) is None
    else:
        assert ids.parse_json(ids.json_text(found)) == found


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        "[",
        '{"a":',
        '"',
        '{"',
        "```",
        "```json\n",
        "```[True,",
        '\\"',
        ", ",
        "{x}",
        "[x",
        '{"a":1,',
        "[]",
    ],
)
def test_hostile_text_takes_time_in_proportion(unit: str) -> None:
    """A megabyte in a second or two; anything quadratic would take minutes."""
    started = time.perf_counter()
    parse_json_string(unit * (300_000 // len(unit)))

    assert time.perf_counter() - started < 3
