"""What the UI is given to show."""

from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from minference_assets.metadata import answers_metadata, dollars, duration, plan_cost, table, usd
from minference_core.engine import LaneLimits, RunReport, Timeline
from minference_core.errors import ErrorClass
from tests.assets.test_checks import plan


def report(**changes: Any) -> RunReport:
    counts = {"threads": 100, "complete": 90, "replies": 120, "attempts": 130, "sent": 130, "undone": 4}
    counts |= {"tool_runs": 0, "tool_failures": 0}
    tokens = {"prompt_tokens": 1000, "completion_tokens": 2000, "cached_tokens": 0}
    facts: dict[str, Any] = {
        **counts,
        **tokens,
        "failures": {ErrorClass.SERVER: 6},
        "cost_usd": Decimal("0.5"),
        "unknown_price": 0,
        "retries": 10,
        "skipped": 0,
        "limit_share": {"openai": 0.5},
        "seconds": 2.0,
        "stopped": False,
    }
    return RunReport(**{**facts, **changes})


def test_the_chart_is_small_enough_to_be_shown_inline() -> None:
    shown = answers_metadata(report(), simulated=False)["outcome"]

    assert isinstance(shown, dg.MarkdownMetadataValue)
    assert shown.md_str is not None
    assert shown.md_str.startswith("![90 of 100](data:image/svg+xml;base64,")
    assert len(shown.md_str) < 1000


def test_what_happened_over_time_is_drawn_and_said_in_numbers() -> None:
    timeline = Timeline(0.0)
    timeline.limits["openai"] = LaneLimits(requests_per_minute=60)
    for second in range(60):
        counts = timeline.at("openai", float(second))
        counts.sent += 1
        counts.latency.add(2.0)
        counts.fail(ErrorClass.RATE_LIMIT if second < 10 else ErrorClass.SERVER)

    shown = answers_metadata(report(timeline=timeline), simulated=False)

    assert isinstance(shown["throughput"], dg.MarkdownMetadataValue)
    assert isinstance(shown["latency"], dg.MarkdownMetadataValue)
    assert shown["rate_limited"] == 10
    assert shown["latency_p50_s"] == pytest.approx(2.0, rel=0.03)
    over_time = shown["over_time"]
    assert isinstance(over_time, dg.TableMetadataValue)
    rows = [record.data for record in over_time.records]
    assert len(rows) <= 12
    assert sum(int(row["rate_limited"] or 0) for row in rows) == 10
    assert sum(int(row["failed_otherwise"] or 0) for row in rows) == 50
    assert rows[2]["limit_share"] == pytest.approx(1.0)


def test_an_error_class_becomes_a_plain_word() -> None:
    """Dagster stores no enum it does not know: with one, the whole run would fail."""
    shown = answers_metadata(report(), simulated=False)["failures"]

    assert isinstance(shown, dg.TableMetadataValue)
    assert [type(record.data["class"]) for record in shown.records] == [str]


def test_simulated_dollars_are_never_shown_as_paid_ones() -> None:
    paid = answers_metadata(report(), simulated=False)
    simulated = answers_metadata(report(), simulated=True)

    assert (paid["cost_usd"], paid.get("simulated_cost_usd")) == (0.5, None)
    assert (simulated["cost_usd"], simulated["simulated_cost_usd"]) == (0.0, 0.5)
    assert dollars(Decimal("0.1214"), simulated=True) == "$0.1214 simulated, $0 paid"


def test_what_has_no_price_is_said_beside_what_has() -> None:
    assert plan_cost(plan("0.5")) == "$0.00 to $0.5000"
    assert plan_cost(plan("0.5", without_price=3)) == "$0.00 to $0.5000 + 3 of unknown price"


def test_no_more_than_all_of_a_limit_is_shown() -> None:
    assert (
        answers_metadata(report(limit_share={"openai": 1.07}), simulated=False)["limit_share_openai"] == 1.0
    )


def test_a_preview_is_short_and_a_row_of_nothing_is_no_table() -> None:
    shown = table({"n": n, "body": "x" * 1000} for n in range(1000))

    assert isinstance(shown, dg.TableMetadataValue)
    assert len(shown.records) <= 20
    assert max(len(str(record.data["body"])) for record in shown.records) < 200
    assert table([]) is None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("0.00012", "$0.0001"),
        ("0.5", "$0.5000"),
        ("1234.5", "$1,234.50"),
        ("-0.5", "-$0.5000"),
        ("-5.5", "-$5.50"),
    ],
)
def test_dollars(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0.0 s"), (59.04, "59.0 s"), (61.0, "1 min 1 s"), (7325.0, "2 h 2 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
