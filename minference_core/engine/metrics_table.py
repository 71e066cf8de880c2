"""What a run did over time, as a small Parquet file: one row for each lane and stretch of time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from minference_core.engine.limits import LaneLimits
from minference_core.engine.metrics import Slice, Timeline, limit_share
from minference_core.errors import ErrorClass
from minference_core.parquet import write_rows

__all__ = ["METRICS", "write_metrics"]

METRICS = pa.schema(
    [
        ("dataset", pa.string()),
        ("partition", pa.string()),
        ("run_id", pa.string()),
        ("client", pa.string()),
        ("simulated", pa.bool_()),
        ("started_at", pa.timestamp("us", tz="UTC")),
        ("seconds", pa.float64()),
        ("requests_sent", pa.int64()),
        ("requests_answered", pa.int64()),
        ("requests_failed", pa.int64()),
        ("rate_limited", pa.int64()),
        ("overloaded", pa.int64()),
        ("failures", pa.map_(pa.string(), pa.int64())),
        ("retries", pa.int64()),
        ("max_in_flight", pa.int32()),
        ("prompt_tokens_reserved", pa.int64()),
        ("output_tokens_reserved", pa.int64()),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("cost_usd", pa.decimal128(18, 9)),
        ("answers_of_unknown_price", pa.int64()),
        ("requests_per_minute_limit", pa.int64()),
        ("tokens_per_minute_limit", pa.int64()),
        ("input_tokens_per_minute_limit", pa.int64()),
        ("output_tokens_per_minute_limit", pa.int64()),
        ("limit_share", pa.float64()),
        ("latency_p50_s", pa.float64()),
        ("latency_p90_s", pa.float64()),
        ("latency_p99_s", pa.float64()),
    ]
)


def write_metrics(
    target: Path,
    timeline: Timeline,
    *,
    dataset: str,
    partition: str,
    run_id: str,
    started_at: datetime,
    simulated: bool,
) -> int:
    """
    Write a run's table; returns its rows. A run that sent nothing has none, and no file.

    Args:
        started_at: When the timeline begins, UTC.
        simulated: Whether nobody is to pay its dollars.

    Raises:
        OSError: It cannot be written; an older file there stays as it is.
    """
    if not timeline.clients:
        return 0
    run = {"dataset": dataset, "partition": partition, "run_id": run_id, "simulated": simulated}
    return write_rows(target, METRICS, ({**run, **row} for row in _rows(timeline, started_at)))


def _rows(timeline: Timeline, started_at: datetime) -> Iterator[dict[str, Any]]:
    for client in timeline.clients:
        limits = timeline.limits.get(client, LaneLimits())
        for each in timeline.slices(client):
            yield {"client": client, **_row(each, limits, started_at)}


def _row(each: Slice, limits: LaneLimits, started_at: datetime) -> dict[str, Any]:
    counts, latency = each.counts, each.counts.latency
    return {
        "started_at": started_at + timedelta(seconds=each.start_s),
        "seconds": each.seconds,
        "requests_sent": counts.sent,
        "requests_answered": counts.answered,
        "requests_failed": counts.failed,
        "rate_limited": counts.rate_limited,
        "overloaded": counts.failures.get(ErrorClass.OVERLOADED, 0),
        "failures": sorted((str(error), count) for error, count in counts.failures.items()),
        "retries": counts.retries,
        "max_in_flight": counts.max_in_flight,
        "prompt_tokens_reserved": counts.prompt_reserved,
        "output_tokens_reserved": counts.output_reserved,
        "prompt_tokens": counts.prompt_tokens,
        "completion_tokens": counts.completion_tokens,
        "cost_usd": counts.cost_usd,
        "answers_of_unknown_price": counts.unknown_price,
        "requests_per_minute_limit": limits.requests_per_minute,
        "tokens_per_minute_limit": limits.tokens_per_minute,
        "input_tokens_per_minute_limit": limits.input_tokens_per_minute,
        "output_tokens_per_minute_limit": limits.output_tokens_per_minute,
        "limit_share": limit_share(limits, counts.reserved, each.seconds),
        "latency_p50_s": latency.percentile(50),
        "latency_p90_s": latency.percentile(90),
        "latency_p99_s": latency.percentile(99),
    }
