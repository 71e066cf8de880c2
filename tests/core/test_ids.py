from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core import ids

BIRTH = datetime(2026, 11, 16, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_the_id_recipe_has_not_changed() -> None:
    """If this fails, every id in every existing store stops matching."""
    lineage = ids.lineage_id(BIRTH, "support", "2026-11-16", "thread", "t1", 0)

    assert str(lineage) == "01a1e1a7-4c00-8047-a5c4-627aa5f3feb8"
    assert str(ids.version_id("ChatThread", lineage, None, {"new_message": "hé"})) == (
        "01a1e1a7-4c00-8793-9310-31bd84a38463"
    )
    assert str(ids.hash_uuid("openai", {"b": 1, "a": [1.5, None]})) == "25ed81c2-e03b-88ea-b6a2-62490b2613bc"


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31)), st.lists(st.text() | st.integers()))  # noqa: DTZ001
def test_every_id_is_a_uuid_version_8_with_the_births_milliseconds_in_front(
    birth: datetime, names: list[str | int]
) -> None:
    born = birth.replace(tzinfo=UTC)

    made = ids.lineage_id(born, *names)

    assert (made.version, made.variant) == (8, RFC_4122)
    milliseconds = made.int >> 80
    assert abs(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds) - born) < timedelta(
        milliseconds=1
    )


@given(JSON)
def test_equal_content_has_one_spelling_whatever_the_order_of_its_keys(value: object) -> None:
    assert ids.canonical_json(_reversed(value)) == ids.canonical_json(value)


@given(JSON, JSON)
def test_a_version_id_tells_contents_and_parents_apart(one: object, other: object) -> None:
    lineage = ids.lineage_id(BIRTH, "x")
    parent = ids.hash_uuid("parent")

    first = ids.version_id("K", lineage, None, {"v": one})

    same = ids.canonical_json(one) == ids.canonical_json(other)
    assert (ids.version_id("K", lineage, None, {"v": other}) == first) is same
    assert ids.version_id("K", lineage, parent, {"v": one}) != first
    assert first.int >> 80 == lineage.int >> 80


def test_a_number_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        ids.canonical_json({"temperature": float("nan")})


def test_an_id_in_content_counts_as_its_text() -> None:
    some = UUID("01a1e1a7-4c00-8047-a5c4-627aa5f3feb8")

    assert ids.canonical_json([some]) == ids.canonical_json([str(some)])


def _reversed(value: object) -> object:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [_reversed(item) for item in value]
    return value


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}', '"\\ud800"', "[" * 100_000, "{", ""])
def test_json_that_could_not_be_written_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ids.parse_json(text)
