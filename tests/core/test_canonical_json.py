"""Which encoder writes a value is nobody's business: both spell it alike, or refuse it alike."""

import json
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core import ids
from minference_core.entities.values import FrozenDict, FrozenList


class _Word(StrEnum):
    a = "a"


class _Number(IntEnum):
    one = 1


class _Text(str):
    __slots__ = ()


TEXT = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["\ud800", "\x7f\x00\x1f\b\f", "\u2028"]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, _Word.a, _Number.one, _Text("a")])
    | st.floats()
    | TEXT
    | st.uuids()
)
KEYS = TEXT | st.sampled_from([_Word.a, _Text("k"), 1, 1.5, True, None])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(FrozenList)
        | st.dictionaries(TEXT, inner, max_size=4).map(FrozenDict)
        | st.dictionaries(KEYS, inner, max_size=4)
    ),
    max_leaves=16,
)


@given(VALUES)
def test_every_value_is_spelt_as_pythons_own_encoder_spells_it(value: object) -> None:
    assert _or_error(ids.canonical_json, value) == _or_error(_pythons, value)


@pytest.mark.parametrize(
    "value", [1e16, 1e-7, 0.1, -0.0, {"b": [1e22]}, {"é": 1, "z": 2, "𐏿": 3, "\ue000": 4}]
)
def test_fractions_and_the_order_of_keys_are_pythons(value: object) -> None:
    assert ids.canonical_json(value) == _pythons(value)


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), {"a": {1}}, [b"x"], float("nan")])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        ids.canonical_json(value)


def _pythons(value: object) -> bytes:
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_as_text
    )
    return text.encode("utf-8", "surrogatepass")


def _as_text(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def _or_error(spell: Any, value: object) -> Any:
    try:
        return spell(value)
    except (TypeError, ValueError) as exc:
        return type(exc)
