"""Prices that a user gives."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from minference_core.threads import OwnPrice, TokenUsage

dollars = st.decimals(0, 1_000, places=4)
counts = st.integers(0, 10**9)


@given(dollars, dollars, dollars, counts, counts, st.integers(0, 100))
def test_every_token_costs_what_its_kind_does_to_the_last_digit(
    read: Decimal, written: Decimal, cached: Decimal, prompt: int, completion: int, percent: int
) -> None:
    from_cache = prompt * percent // 100
    usage = TokenUsage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=from_cache)

    cost = OwnPrice(input=read, output=written, cached_input=cached).of(usage)

    exact = (prompt - from_cache) * read + from_cache * cached + completion * written
    assert cost * 1_000_000 == exact


def test_what_comes_from_the_cache_costs_as_other_input_unless_said_otherwise() -> None:
    usage = TokenUsage(prompt_tokens=1_000_000, completion_tokens=0, cached_tokens=400_000)

    assert OwnPrice(input=Decimal(2), output=Decimal(8)).of(usage) == 2
    assert OwnPrice(input=Decimal(2), output=Decimal(8), cached_input=Decimal(0)).of(usage) == Decimal("1.2")


def test_what_is_not_said_of_an_answer_costs_nothing() -> None:
    assert OwnPrice(input=Decimal(2), output=Decimal(8)).of(TokenUsage()) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": 1},
        {"input": -1, "output": 1},
        {"input": "NaN", "output": 1},
        {"input": 1, "output": 1, "x": 1},
    ],
)
def test_what_is_no_price_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OwnPrice.model_validate(wrong)
