"""What settings say of budgets, and the budgets that they are."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from minference_core.engine import Budget, Cap, Caps

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def named(budgets: list[Budget]) -> list[str]:
    return [scope.name for budget in budgets for scope in budget.scopes(NOW)]


def test_each_cap_is_a_budget_of_those_who_share_it() -> None:
    caps = Caps(run=Cap(usd=Decimal(1)), dataset=Cap(tokens=10), day=Cap(usd=Decimal(2), tokens=20))

    budgets = caps.budgets("chat", "r1", simulated=False)

    assert [(scope.name, scope.unit, scope.most) for budget in budgets for scope in budget.scopes(NOW)] == [
        ("run r1", "nanodollars", 1_000_000_000),
        ("dataset chat", "tokens", 10),
        ("dataset chat on 2026-11-25", "nanodollars", 2_000_000_000),
        ("dataset chat on 2026-11-25", "tokens", 20),
    ]
    assert Caps().budgets("chat", "r1", simulated=False) == []


def test_only_that_of_the_day_is_daily_though_all_are_one_and_the_same_cap() -> None:
    cap = Cap(tokens=10)

    budgets = Caps(run=cap, dataset=cap, day=cap).budgets("chat", "r1", simulated=False)

    assert [budget.daily for budget in budgets] == [False, False, True]


def test_what_nobody_is_paid_for_is_counted_apart() -> None:
    caps = Caps(run=Cap(tokens=1), dataset=Cap(tokens=1), day=Cap(tokens=1))

    real, played = (named(caps.budgets("chat", "r1", simulated=simulated)) for simulated in (False, True))

    assert not set(real) & set(played)


def test_two_datasets_share_no_budget() -> None:
    caps = Caps(dataset=Cap(tokens=1), day=Cap(tokens=1))

    one, other = (named(caps.budgets(name, "r1", simulated=False)) for name in ("a", "b"))

    assert not set(one) & set(other)


@pytest.mark.parametrize(
    "wrong", [{"usd": 0}, {"usd": -1}, {"usd": "NaN"}, {"usd": "inf"}, {"tokens": 0}, {"euro": 1}]
)
def test_what_is_no_amount_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Cap.model_validate(wrong)
