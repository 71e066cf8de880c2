"""
What the UI shows of a partition: numbers, small tables, one small chart.

Markdown of 1,000 characters and more hides behind a link in the UI, so everything here stays under
it; Mermaid and raw HTML are not rendered at all, an SVG in a data URI is.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

import dagster as dg

from minference_assets import chart
from minference_core.conversations import Plan, RetryReport
from minference_core.engine import Progress, RunReport, Timeline, limit_share
from minference_core.export import ExportReport, TranscriptReport
from minference_core.lineage import VersionReport
from minference_core.specs import SpecReport
from minference_core.store import FoldReport

__all__ = [
    "Metadata",
    "answers_metadata",
    "classes",
    "dollars",
    "duration",
    "export_metadata",
    "percent",
    "plan_cost",
    "plan_metadata",
    "progress_line",
    "progress_metadata",
    "retry_metadata",
    "specs_metadata",
    "table",
    "transcripts_metadata",
    "usd",
    "versions_metadata",
]

Metadata = dict[str, dg.MetadataValue | str | int | float | None]

# A table in metadata is a preview: the whole of it goes into every materialization event.
_PREVIEW_ROWS = 12
_PREVIEW_CHARACTERS = 160
_INLINE_MARKDOWN = 1000
_PREVIEW = (
    "thread_key",
    "sample",
    "client",
    "model",
    "state",
    "reason",
    "turns",
    "estimated_prompt_tokens",
    "max_output_tokens",
    "cost_high_usd",
    "body",
)

_GREEN, _RED, _GREY = "#2e9e6b", "#d64545", "#c9ced6"


def usd(amount: Decimal) -> str:
    """Dollars as people read them: cents when there are some, more digits when there are not."""
    sign, amount = "-" if amount < 0 else "", abs(amount)
    return f"{sign}${amount:,.2f}" if amount >= 1 or amount == 0 else f"{sign}${amount:.4f}"


def dollars(amount: Decimal, *, simulated: bool) -> str:
    """What was spent. What the simulator "cost" is shown, and never taken for money."""
    return f"{usd(amount)} simulated, $0 paid" if simulated else usd(amount)


def percent(share: float) -> str:
    """
    A share of a limit.

    A lane's first second may carry a burst, and tokens are counted after they were reserved, so a little
    more than all of it can come out; to a reader that would say that a limit was broken.
    """
    return f"{min(share, 1.0):.0%}"


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def table(rows: Iterable[Mapping[str, object]]) -> dg.MetadataValue | None:
    """A preview table, or None when there is nothing in it (Dagster refuses an empty one)."""
    records = [
        dg.TableRecord({name: _cell(value) for name, value in row.items()})
        for row, _ in zip(rows, range(_PREVIEW_ROWS), strict=False)
    ]
    if not records:
        return None
    columns = {name: _type(value) for record in records for name, value in record.data.items()}
    return dg.MetadataValue.table(
        records=records, schema=dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()])
    )


def specs_metadata(report: SpecReport) -> Metadata:
    problems = table(
        {"file": p.file, "row": p.row, "thread_key": p.thread_key, "reason": p.reason} for p in report.invalid
    )
    return _present(
        {
            "dagster/partition_row_count": report.rows,
            "files": report.files,
            "conversations": report.conversations,
            "valid_rows": report.valid,
            "invalid_rows": len(report.invalid),
            "problems": problems,
        }
    )


def plan_cost(plan: Plan) -> str:
    unknown = f" + {plan.unknown_price} of unknown price" if plan.unknown_price else ""
    return f"{usd(plan.cost_low_usd)} to {usd(plan.cost_high_usd)}{unknown}"


def plan_metadata(plan: Plan) -> Metadata:
    return _present(
        {
            "dagster/partition_row_count": plan.rows,
            "plan": dg.MetadataValue.md(_plan_markdown(plan)),
            "new": plan.new,
            "answered": plan.answered,
            "failed": plan.failed,
            "left": plan.left or None,
            "shared": plan.shared or None,
            "invalid": plan.invalid,
            "prompt_tokens": plan.prompt_tokens,
            "max_output_tokens": plan.max_output_tokens,
            "cost_low_usd": float(plan.cost_low_usd),
            "cost_high_usd": float(plan.cost_high_usd),
            "requests_of_unknown_price": plan.unknown_price,
            "minutes_under_the_limits": round(plan.minutes, 2),
            "by_model": table(_fields(line) for line in plan.by_model),
            "reasons": table({"reason": why, "rows": rows} for why, rows in plan.reasons.items()),
            "preview": table({name: row.get(name) for name in _PREVIEW} for row in plan.preview),
        }
    )


def retry_metadata(report: RetryReport) -> Metadata:
    return _present(
        {
            "asked_again": report.chosen,
            "had_failed": table({"class": name, "threads": n} for name, n in report.ends.items()),
            "not_asked_again": table({"reason": why, "threads": n} for why, n in report.refused.items()),
        }
    )


def progress_line(progress: Progress, *, simulated: bool) -> str:
    """One line of a log: what a person who waits wants to know."""
    left = "" if progress.eta_s is None else f", about {duration(progress.eta_s)} left"
    share = "" if progress.limit_share is None else f", {percent(progress.limit_share)} of the limit"
    failed = f", {progress.failed} failed ({classes(progress.failures)})" if progress.failed else ""
    return (
        f"{progress.done} of {progress.total} threads{failed}, {progress.in_flight} in flight, "
        f"{progress.retried} retried, {_limited(progress)}{progress.requests_per_s:.1f} requests/s, "
        f"{progress.tokens_per_s:,.0f} tokens/s{share}, "
        f"{dollars(progress.cost_usd, simulated=simulated)}{left}"
    )


def progress_metadata(progress: Progress, *, simulated: bool) -> Metadata:
    return _present(
        {
            "done": progress.done,
            "total": progress.total,
            "failed": progress.failed,
            "in_flight": progress.in_flight,
            "retried": progress.retried,
            "rate_limited": progress.rate_limited,
            "requests_per_s": round(progress.requests_per_s, 2),
            "tokens_per_s": round(progress.tokens_per_s, 1),
            **_costs(progress.cost_usd, simulated=simulated),
            "limit_share": None if progress.limit_share is None else min(progress.limit_share, 1.0),
            "seconds_left": progress.eta_s,
        }
    )


def answers_metadata(report: RunReport, *, simulated: bool) -> Metadata:
    failed, total = sum(report.failures.values()), report.timeline.total()
    limits = {
        f"limit_share_{client}": round(min(share, 1.0), 3) for client, share in report.limit_share.items()
    }
    return _present(
        {
            "dagster/partition_row_count": report.attempts + report.tool_runs,
            "outcome": dg.MetadataValue.md(_outcome_markdown(report, failed, simulated=simulated)),
            "throughput": _markdown(chart.throughput(report.timeline)),
            "latency": _markdown(chart.latency(report.timeline)),
            "over_time": table(_over_time(report.timeline)),
            "threads": report.threads,
            "threads_failed": failed,
            "replies": report.replies,
            "tool_runs": report.tool_runs,
            "tool_failures": report.tool_failures,
            "sent": report.sent,
            "already_answered": report.skipped,
            "answers_taken_over": report.shared or None,
            "retries": report.retries,
            "rate_limited": total.rate_limited,
            "latency_p50_s": _rounded(total.latency.percentile(50)),
            "latency_p99_s": _rounded(total.latency.percentile(99)),
            "prompt_tokens": report.prompt_tokens,
            "completion_tokens": report.completion_tokens,
            "cached_tokens": report.cached_tokens,
            **_costs(report.cost_usd, simulated=simulated),
            "answers_of_unknown_price": report.unknown_price,
            "seconds": round(report.seconds, 3),
            "failures": table({"class": name, "threads": n} for name, n in report.failures.items()),
            **limits,
        }
    )


def versions_metadata(report: VersionReport, fold: FoldReport) -> Metadata:
    return {
        "dagster/partition_row_count": report.thread_versions,
        "mat_id": str(report.mat_id),
        "threads": report.threads,
        "thread_versions": report.thread_versions,
        "messages": report.messages,
        "exchanges": report.exchanges,
        "segments": len(report.segments),
        "fold": dg.MetadataValue.json(
            {"segments": fold.segments, "already": fold.already, "busy": fold.busy, "added": dict(fold.added)}
        ),
    }


def transcripts_metadata(report: TranscriptReport) -> Metadata:
    return {
        "dagster/partition_row_count": report.threads,
        "complete": report.complete,
        "files": dg.MetadataValue.json([str(file) for file in report.files]),
    }


def export_metadata(report: ExportReport) -> Metadata:
    made = report.manifest
    return _present(
        {
            "dagster/partition_row_count": made.conversations,
            "messages": made.messages,
            "reply_tokens": made.reply_tokens,
            "left_out": sum(made.left_out.values()),
            "left_out_by_reason": table(
                {"reason": why, "conversations": count} for why, count in made.left_out.items()
            ),
            "preview": table(report.preview),
            "files": dg.MetadataValue.json([str(file) for file in report.files]),
            "path": dg.MetadataValue.path(report.files[0]),
            "manifest": dg.MetadataValue.path(report.places.manifest),
        }
    )


def _plan_markdown(plan: Plan) -> str:
    shared = f", {plan.shared} that share another's answer" if plan.shared else ""
    return (
        f"**{plan.new} to send**, {plan.answered} answered, {plan.failed} failed before, "
        f"{plan.invalid} invalid{shared}\n\n"
        f"| | |\n|---|---|\n"
        f"| prompt tokens | {plan.prompt_tokens:,} |\n"
        f"| output tokens, at most | {plan.max_output_tokens:,} |\n"
        f"| cost | {plan_cost(plan)} |\n"
        f"| time under the limits | {duration(plan.minutes * 60)} |\n"
    )


def _costs(amount: Decimal, *, simulated: bool) -> Metadata:
    """Under two names: the UI draws each as a line over the partitions, and one line must be money alone."""
    if simulated:
        return {"cost_usd": 0.0, "simulated_cost_usd": float(amount)}
    return {"cost_usd": float(amount)}


def _outcome_markdown(report: RunReport, failed: int, *, simulated: bool) -> str:
    bar = _bar([(report.complete, _GREEN), (failed, _RED), (report.undone, _GREY)])
    words = (
        f"{report.complete} of {report.threads} threads answered, {failed} failed, {report.undone} undone; "
        f"{report.sent} requests sent, {report.skipped} threads reused; "
        f"{dollars(report.cost_usd, simulated=simulated)}"
    )
    text = f"![{report.complete} of {report.threads}]({bar})\n\n{words}"
    return text if len(text) < _INLINE_MARKDOWN else words


def _bar(parts: Iterable[tuple[int, str]], *, width: int = 300) -> str:
    """A stacked bar as a data URI, small enough to stay inline."""
    sized = [(amount, colour) for amount, colour in parts if amount > 0]
    total = sum(amount for amount, _ in sized) or 1
    at, rects = 0.0, []
    for amount, colour in sized:
        length = amount * width / total
        rects.append(f'<rect x="{at:.0f}" width="{max(1.0, length):.0f}" height="14" fill="{colour}"/>')
        at += length
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="14">{"".join(rects)}</svg>'
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _over_time(timeline: Timeline) -> Iterable[dict[str, object]]:
    """The charts in numbers, a row for each stretch of the run; all lanes together."""
    by_lane = {client: timeline.slices(client, most=_PREVIEW_ROWS) for client in timeline.clients}
    for n, each in enumerate(timeline.slices(most=_PREVIEW_ROWS)):
        counts = each.counts
        shares = (
            limit_share(timeline.limits[client], lane[n].counts.reserved, each.seconds)
            for client, lane in by_lane.items()
        )
        yield {
            "from_s": each.start_s,
            "requests_per_s": round(counts.sent / each.seconds, 2),
            "tokens_per_s": round(counts.tokens / each.seconds, 1),
            "limit_share": _rounded(max((share for share in shares if share is not None), default=None)),
            "latency_p50_s": _rounded(counts.latency.percentile(50)),
            "latency_p99_s": _rounded(counts.latency.percentile(99)),
            "rate_limited": counts.rate_limited,
            "failed_otherwise": counts.failed - counts.rate_limited,
        }


def _markdown(text: str | None) -> dg.MetadataValue | None:
    return None if text is None else dg.MetadataValue.md(text)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _limited(progress: Progress) -> str:
    return f"{progress.rate_limited} × 429, " if progress.rate_limited else ""


def _fields(value: object) -> dict[str, object]:
    """A dataclass's fields, shallow: `dataclasses.asdict` would copy what is in them."""
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}  # type: ignore[attr-defined]


def classes(failures: Mapping[str, int]) -> str:
    """How many failed of which class."""
    return ", ".join(f"{count} {name}" for name, count in sorted(failures.items()))


def _cell(value: object) -> str | int | float | bool:
    if isinstance(value, str):
        text = str(value)  # of an enum, too: Dagster stores plain strings only
        return text if len(text) <= _PREVIEW_CHARACTERS else text[: _PREVIEW_CHARACTERS - 1] + "…"
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if value is None:
        return ""
    return _cell(json.dumps(value, default=str, ensure_ascii=False))


def _type(value: object) -> str:
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "string")


def _present(values: Metadata) -> Metadata:
    """What is unknown is left out: the UI would show it as the word "null"."""
    return {name: value for name, value in values.items() if value is not None}
