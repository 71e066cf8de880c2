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
from minference_core.errors import ErrorClass
from minference_core.lineage import VersionReport
from minference_core.specs import SpecReport
from minference_core.store import FoldReport

__all__ = [
    "ANSWERED",
    "ANSWER_CAME",
    "BUDGET",
    "READABLE",
    "STORED",
    "VALID",
    "every_thread_was_answered",
    "partitions_are_readable",
    "plan_is_within_budget",
    "rows_are_valid",
    "spec",
    "versions_are_in_the_store",
]

READABLE = "partitions_are_readable"
VALID = "rows_are_valid"
BUDGET = "plan_is_within_budget"
ANSWERED = "every_thread_was_answered"
STORED = "versions_are_in_the_store"

# The answer came, was kept and was paid for; that it cannot be used is a finding, not a failed run.
ANSWER_CAME = frozenset(
    {
        ErrorClass.UNDECODABLE,
        ErrorClass.REFUSAL,
        ErrorClass.TRUNCATED,
        ErrorClass.INVALID_OUTPUT,
        ErrorClass.MAX_STEPS,
    }
)

_NAMED_AT_MOST = 10  # partitions in a sentence

_DESCRIPTIONS = {
    READABLE: "Every partition has thread specs that can be read. One that has not is skipped by all steps.",
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


def partitions_are_readable(missing: Mapping[str, str], unreadable: Mapping[str, str]) -> dg.AssetCheckResult:
    """
    Nobody has to put specs into every partition, so those without are a warning; a damaged file is an error.

    Args:
        missing: By partition key, what is not there.
        unreadable: By partition key, what is wrong with its files.
    """
    parts = []
    if unreadable:
        reasons = "; ".join(f"{key}: {why}" for key, why in list(unreadable.items())[:_NAMED_AT_MOST])
        parts.append(f"{len(unreadable)} cannot be read and are skipped: {reasons}")
    if missing:
        parts.append(f"{len(missing)} have no thread specs and are skipped: {_named(missing)}")
    rows = [{"partition": key, "reason": why} for key, why in {**unreadable, **missing}.items()]
    return _verdict(
        READABLE,
        ". ".join(parts),
        {"without_specs": len(missing), "unreadable": len(unreadable)},
        rows,
        severity=dg.AssetCheckSeverity.ERROR if unreadable else dg.AssetCheckSeverity.WARN,
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


def plan_is_within_budget(
    plans: Mapping[str, Plan],
    budget_usd: Decimal | None,
    *,
    allow_unknown_price: bool = False,
    simulated: bool = False,
) -> dg.AssetCheckResult:
    """
    Args:
        plans: What may be sent.
        budget_usd: Of each partition; None for none.
        allow_unknown_price: Let pass what has no known price, though no budget can hold it.
        simulated: The simulator is asked, so nothing is paid whatever the plan says.
    """
    numbers = {"budget_usd": "none" if budget_usd is None else float(budget_usd)}
    if budget_usd is None or simulated:
        note = "Nothing is paid: the simulator is asked." if simulated else ""
        return _verdict(BUDGET, "", numbers, [], note=note)
    above = [
        {"partition": key, "highest_cost": usd(plan.cost_high_usd), "budget": usd(budget_usd)}
        for key, plan in plans.items()
        if plan.cost_high_usd > budget_usd
    ]
    unpriced = [] if allow_unknown_price else _unpriced(plans)
    texts = [_over_budget(above)] if above else []
    texts += [_without_price(unpriced, budget_usd)] if unpriced else []
    return _verdict(
        BUDGET, " ".join(texts), numbers, [*above, *unpriced], severity=dg.AssetCheckSeverity.ERROR
    )


def every_thread_was_answered(
    reports: Mapping[str, RunReport], messages: Mapping[str, str], asset_key: dg.AssetKey
) -> dg.AssetCheckResult:
    """
    An error when answers are missing, a warning when they came and are of no use.

    Args:
        reports: What the run did.
        messages: By error class, what was said the first time.
        asset_key: Inside a graph Dagster cannot tell by itself which asset a check is of.
    """
    classes = sum((Counter(report.failures) for report in reports.values()), Counter[str]())
    rows = [
        {"class": str(name), "threads": threads, "message": messages.get(name, "")}
        for name, threads in classes.most_common()
    ]
    failed = ", ".join(f"{row['threads']} {row['class']}" for row in rows)
    text = f"{classes.total()} threads have no complete answer: {failed}" if rows else ""
    lost = any(name not in ANSWER_CAME for name in classes)
    verdict = _verdict(
        ANSWERED,
        text,
        {"threads_failed": classes.total()},
        rows,
        severity=dg.AssetCheckSeverity.ERROR if lost else dg.AssetCheckSeverity.WARN,
    )
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


def _unpriced(plans: Mapping[str, Plan]) -> list[dict[str, object]]:
    return [
        {"partition": key, "model": f"{line.client} {line.model}", "without_price": line.unknown_price}
        for key, plan in plans.items()
        for line in plan.by_model
        if line.unknown_price
    ]


def _without_price(unpriced: Sequence[Mapping[str, object]], budget_usd: Decimal) -> str:
    threads = sum(int(str(line["without_price"])) for line in unpriced)
    models = ", ".join(sorted({str(line["model"]) for line in unpriced}))
    return (
        f"no price is known for {threads} of the conversations ({models}), so a budget of "
        f"{usd(budget_usd)} cannot hold them. Nothing was sent. In the dataset's defs.yaml, remove "
        f"budget_usd, or set allow_unknown_price: true to leave them out of it."
    )


def _named(keys: Mapping[str, object]) -> str:
    more = f" and {len(keys) - _NAMED_AT_MOST} more" if len(keys) > _NAMED_AT_MOST else ""
    return ", ".join(list(keys)[:_NAMED_AT_MOST]) + more


def _verdict(
    check: str,
    problem: str,
    numbers: Mapping[str, Any],
    rows: Sequence[Mapping[str, object]],
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
    note: str = "",
) -> dg.AssetCheckResult:
    """Passed, unless there is a problem to tell of; a note is for who wonders why it passed."""
    preview = table(rows)
    return dg.AssetCheckResult(
        check_name=check,
        passed=not problem,
        severity=severity,
        description=problem or note or None,
        metadata=dict(numbers) if preview is None else {**numbers, "details": preview},
    )
