"""What a run's tags say of its budget."""

from decimal import Decimal

import pytest

from minference_assets.run_tags import BUDGET_TOKENS, BUDGET_USD, budget_tags, run_budgets
from minference_core.engine import Budget
from minference_core.errors import ConfigError


def budgets(**tags: str) -> list[Budget]:
    return run_budgets(tags, "chat", "r1", simulated=False)


@pytest.mark.parametrize(
    ("tags", "usd", "tokens"),
    [
        ({BUDGET_USD: "1.50"}, Decimal("1.5"), None),
        ({BUDGET_TOKENS: "20000"}, None, 20_000),
        ({BUDGET_USD: "0.000000001", BUDGET_TOKENS: "1"}, Decimal("1e-9"), 1),
        ({BUDGET_USD: "1.50", BUDGET_TOKENS: ""}, Decimal("1.5"), None),
        (budget_tags(Decimal("2.5"), 7), Decimal("2.5"), 7),
    ],
)
def test_tags_say_what_the_run_may_spend(
    tags: dict[str, str], usd: Decimal | None, tokens: int | None
) -> None:
    assert budgets(**tags) == [Budget(scope="run r1, as asked", usd=usd, tokens=tokens)]


@pytest.mark.parametrize(
    "tags", [{}, {"dagster/partition": "2026-11-16"}, {BUDGET_USD: "", BUDGET_TOKENS: ""}]
)
def test_without_an_amount_there_is_no_budget(tags: dict[str, str]) -> None:
    assert budgets(**tags) == []


@pytest.mark.parametrize("name", ["dagster/backfill", "minference/process", "dagster/root_run_id"])
def test_runs_that_were_asked_for_together_have_one_budget_together(name: str) -> None:
    (budget,) = budgets(**{BUDGET_USD: "1", name: "b1"})

    assert budget.scope == "run b1, as asked"


@pytest.mark.parametrize("text", ["0", "-1", "five", "nan", "inf", "1,5"])
def test_what_is_no_amount_is_told_with_the_tags_name(text: str) -> None:
    with pytest.raises(ConfigError, match=BUDGET_USD):
        budgets(**{BUDGET_USD: text})
    with pytest.raises(ConfigError, match=BUDGET_TOKENS):
        budgets(**{BUDGET_TOKENS: text})
