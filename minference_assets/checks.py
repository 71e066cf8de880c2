"""What must hold of each asset. The verdicts are pure functions of the reports the core gives."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import dagster as dg

from minference_assets.dataset import Dataset
from minference_assets.metadata import table, usd
from minference_core.conversations import Plan
from minference_core.engine import RunReport
from minference_core.lineage import VersionReport
from minference_core.specs import SpecReport
from minference_core.store import FoldReport

__all__ = [
    "ANSWERED",
    "BUDGET",
    "STORED",
    "VALID",
    "every_thread_was_answered",
    "plan_is_within_budget",
    "rows_are_valid",
    "spec",
    "versions_are_in_the_store",
]

VALID = "rows_are_valid"
BUDGET = "plan_is_within_budget"
ANSWERED = "every_thread_was_answered"
STORED = "versions_are_in_the_store"

_DESCRIPTIONS = {
    VALID: "Every row of the spec files can be run. Those that cannot are left out, with their reasons.",
    BUDGET: "No partition can cost more than the dataset's budget. Nothing is sent when one could.",
    ANSWERED: "Every thread has an answer to its last turn. The failures are counted by class.",
    STORED: "What was written is folded into the store and published, or waits for whoever is folding.",
}


def spec(dataset: Dataset, asset: str, check: str) -> dg.AssetCheckSpec:
    """The budget check alone blocks: the others tell of what can no longer be helped."""
    return dg.AssetCheckSpec(
        check, asset=dataset.key(asset), description=_DESCRIPTIONS[check], blocking=check == BUDGET
    )


def rows_are_valid(reports: Mapping[str, SpecReport]) -> dg.AssetCheckResult:
    """
    Args:
        reports: By partition key, as in all functions here.
    """
    problems = [
        {"partition": key, "file": p.file, "row": p.row, "thread_key": p.thread_key, "reason": p.reason}
        for key, report in reports.items()
        for p in report.invalid
    ]
    text = (
        f"{len(problems)} rows are left out, the first because: {problems[0]['reason']}" if problems else ""
    )
    return _verdict(VALID, text, {"invalid_rows": len(problems)}, problems)


def plan_is_within_budget(plans: Mapping[str, Plan], budget_usd: Decimal | None) -> dg.AssetCheckResult:
    above = [
        {"partition": key, "highest_cost": usd(plan.cost_high_usd), "budget": usd(budget_usd)}
        for key, plan in plans.items()
        if budget_usd is not None and plan.cost_high_usd > budget_usd
    ]
    text = _over_budget(above) if above else ""
    numbers = {"budget_usd": "none" if budget_usd is None else float(budget_usd)}
    return _verdict(BUDGET, text, numbers, above, severity=dg.AssetCheckSeverity.ERROR)


def every_thread_was_answered(
    reports: Mapping[str, RunReport], asset_key: dg.AssetKey
) -> dg.AssetCheckResult:
    """
    Args:
        asset_key: Inside a graph Dagster cannot tell by itself which asset a check is of.
    """
    classes = sum((Counter(report.failures) for report in reports.values()), Counter[str]())
    rows = [{"class": str(name), "threads": threads} for name, threads in classes.most_common()]
    failed = ", ".join(f"{row['threads']} {row['class']}" for row in rows)
    text = f"{classes.total()} threads have no complete answer: {failed}" if rows else ""
    verdict = _verdict(ANSWERED, text, {"threads_failed": classes.total()}, rows)
    return verdict._replace(asset_key=asset_key)


def versions_are_in_the_store(
    reports: Mapping[str, VersionReport], waiting: Sequence[str], fold: FoldReport
) -> dg.AssetCheckResult:
    """
    A busy store passes: whoever holds it takes in these segments too.

    Args:
        reports: What was written.
        waiting: The segments of it that are still in the inbox.
        fold: What the fold after it did.
    """
    written = sum(len(report.segments) for report in reports.values())
    text = f"{len(waiting)} of {written} segments are still in the inbox" if waiting and not fold.busy else ""
    numbers = {
        "segments_written": written,
        "waiting": len(waiting),
        "folded_by_this_run": fold.segments,
        "already_there": fold.already,
    }
    rows = [{"table": name, "rows_added": rows} for name, rows in fold.added.items()]
    return _verdict(STORED, text, numbers, rows)


def _over_budget(above: Sequence[Mapping[str, str]]) -> str:
    partitions = ", ".join(f"{line['partition']} ({line['highest_cost']})" for line in above)
    return (
        f"may cost more than the budget of {above[0]['budget']} a partition: {partitions}. Nothing was sent. "
        f"Raise budget_usd in the dataset's defs.yaml, or lower max_tokens, samples or the number of rows."
    )


def _verdict(
    check: str,
    problem: str,
    numbers: Mapping[str, Any],
    rows: Sequence[Mapping[str, object]],
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
) -> dg.AssetCheckResult:
    """Passed, unless there is a problem to tell of."""
    preview = table(rows)
    return dg.AssetCheckResult(
        check_name=check,
        passed=not problem,
        severity=severity,
        description=problem or None,
        metadata=dict(numbers) if preview is None else {**numbers, "details": preview},
    )
