"""What the checks say of the reports they are given."""

from decimal import Decimal
from typing import Any

import dagster as dg

from minference_assets.checks import plan_is_within_budget, versions_are_in_the_store
from minference_core.conversations import Plan
from minference_core.ids import hash_uuid
from minference_core.lineage import VersionReport
from minference_core.store import FoldReport

ROWS: dict[str, Any] = dict.fromkeys(
    ("rows", "new", "answered", "failed", "invalid", "requests", "unknown_price", "prompt_tokens"), 0
)


def plan(cost_high_usd: str) -> Plan:
    return Plan(
        **ROWS,
        max_output_tokens=0,
        cost_low_usd=Decimal(0),
        cost_high_usd=Decimal(cost_high_usd),
        minutes=0.0,
        by_model=(),
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


def test_segments_left_in_the_inbox_are_told_of_unless_somebody_is_folding() -> None:
    reports = {"a": written("s1", "s2")}

    assert versions_are_in_the_store(reports, [], FoldReport(segments=2)).passed
    assert not versions_are_in_the_store(reports, ["s2"], FoldReport(segments=1)).passed
    assert versions_are_in_the_store(reports, ["s2"], FoldReport(busy=True)).passed
