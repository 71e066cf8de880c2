"""What the checks say of the reports they are given."""

from decimal import Decimal
from typing import Any

import dagster as dg

from minference_assets.checks import (
    partitions_are_readable,
    plan_is_within_budget,
    versions_are_in_the_store,
)
from minference_core.conversations import Plan, PlanLine
from minference_core.ids import hash_uuid
from minference_core.lineage import VersionReport
from minference_core.store import FoldReport

ROWS: dict[str, Any] = dict.fromkeys(
    ("rows", "new", "answered", "failed", "invalid", "requests", "unknown_price", "prompt_tokens"), 0
)


def plan(cost_high_usd: str, *, without_price: int = 0) -> Plan:
    low, high = Decimal(0), Decimal(cost_high_usd)
    return Plan(
        **{**ROWS, "unknown_price": without_price},
        max_output_tokens=0,
        cost_low_usd=low,
        cost_high_usd=high,
        minutes=0.0,
        by_model=(PlanLine("vllm", "own", without_price, without_price, 0, low, high, without_price),),
        reasons={},
        preview=(),
    )


def written(*segments: str) -> VersionReport:
    return VersionReport(hash_uuid("m"), 1, 1, 1, 1, segments)


def test_each_partition_has_the_budget_for_itself() -> None:
    verdict = plan_is_within_budget({"a": plan("4"), "b": plan("4")}, Decimal(5))

    assert verdict.passed


def test_a_plan_above_the_budget_says_which_and_what_to_do() -> None:
    verdict = plan_is_within_budget({"a": plan("4"), "b": plan("5.01")}, Decimal(5))

    assert not verdict.passed
    assert verdict.severity == dg.AssetCheckSeverity.ERROR
    assert verdict.description is not None
    assert "b ($5.01)" in verdict.description
    assert "budget_usd" in verdict.description


def test_without_a_budget_everything_is_within_it() -> None:
    assert plan_is_within_budget({"a": plan("9999")}, None).passed


def test_a_budget_cannot_hold_what_has_no_price() -> None:
    verdict = plan_is_within_budget({"a": plan("1", without_price=3)}, Decimal(5))

    assert not verdict.passed
    assert verdict.description is not None
    assert "no price is known for 3 of the conversations (vllm own)" in verdict.description
    assert "remove budget_usd, or set allow_unknown_price: true" in verdict.description


def test_what_has_no_price_passes_where_it_is_allowed_and_where_there_is_no_budget() -> None:
    plans = {"a": plan("1", without_price=3)}

    assert plan_is_within_budget(plans, Decimal(5), allow_unknown_price=True).passed
    assert plan_is_within_budget(plans, None).passed


def test_the_simulator_is_within_every_budget_and_says_why() -> None:
    verdict = plan_is_within_budget({"a": plan("9", without_price=3)}, Decimal(5), simulated=True)

    assert verdict.passed
    assert verdict.description == "Nothing is paid: the simulator is asked."


def test_of_many_partitions_without_specs_only_some_are_named() -> None:
    verdict = partitions_are_readable({f"p{n}": "nothing there" for n in range(300)}, {})

    assert verdict.description is not None
    assert verdict.description.startswith("300 have no thread specs and are skipped: p0, p1, ")
    assert verdict.description.endswith(" and 290 more")


def test_segments_left_in_the_inbox_are_told_of_unless_somebody_is_folding() -> None:
    reports = {"a": written("s1", "s2")}

    assert versions_are_in_the_store(reports, [], FoldReport(segments=2)).passed
    assert not versions_are_in_the_store(reports, ["s2"], FoldReport(segments=1)).passed
    assert versions_are_in_the_store(reports, ["s2"], FoldReport(busy=True)).passed
