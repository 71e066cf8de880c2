"""When a daily dataset runs by itself."""

from datetime import UTC, timedelta

import dagster as dg

from minference_assets.dataset import Dataset
from minference_assets.resources import Lake

__all__ = ["daily_schedule"]


def daily_schedule(dataset: Dataset, *, hour: int) -> dg.ScheduleDefinition:
    """
    Each day at `hour` (UTC), the day before: a day's specs are complete when the day is over.

    Switched off until someone switches it on: a clone must not spend money by itself.
    """

    @dg.schedule(
        name=f"{dataset.name}_daily",
        job_name=dataset.name,
        cron_schedule=f"0 {hour} * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=f"Each day at {hour:02}:00 UTC: the day before, if it has thread specs.",
    )
    def daily(context: dg.ScheduleEvaluationContext, lake: Lake) -> dg.RunRequest | dg.SkipReason:
        day = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
        if day not in lake.partitions_with_specs(dataset.name):
            return dg.SkipReason(f"no thread specs in {lake.thread_specs(dataset.name, day)}")
        return dg.RunRequest(run_key=day, partition_key=day)

    return daily
