"""What a run's tags say of its budget."""

from decimal import Decimal

import pytest

from minference_assets.run_tags import BUDGET_TOKENS, BUDGET_USD, run_cap
from minference_core.engine import Cap
from minference_core.errors import ConfigError


@pytest.mark.parametrize(
    ("tags", "cap"),
    [
        ({}, None),
        ({"dagster/partition": "2026-11-16"}, None),
        ({BUDGET_USD: "", BUDGET_TOKENS: ""}, None),
        ({BUDGET_USD: "1.50"}, Cap(usd=Decimal("1.5"))),
        ({BUDGET_TOKENS: "20000"}, Cap(tokens=20_000)),
        ({BUDGET_USD: "0.000000001", BUDGET_TOKENS: "1"}, Cap(usd=Decimal("1e-9"), tokens=1)),
        ({BUDGET_USD: "1.50", BUDGET_TOKENS: ""}, Cap(usd=Decimal("1.5"))),
    ],
)
def test_tags_say_what_the_run_may_spend(tags: dict[str, str], cap: Cap | None) -> None:
    assert run_cap(tags) == cap


@pytest.mark.parametrize("text", ["0", "-1", "five", "nan", "inf", "1,5"])
def test_what_is_no_amount_is_told_with_the_tags_name(text: str) -> None:
    with pytest.raises(ConfigError, match=BUDGET_USD):
        run_cap({BUDGET_USD: text})
    with pytest.raises(ConfigError, match=BUDGET_TOKENS):
        run_cap({BUDGET_TOKENS: text})
