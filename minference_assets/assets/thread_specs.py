"""`thread_specs`: what the user asks for, read and judged."""

import dagster as dg

from minference_assets import columns, metadata
from minference_assets.checks import VALID, rows_are_valid, spec
from minference_assets.dataset import Dataset
from minference_assets.failures import failure_from
from minference_assets.partitions import partition
from minference_assets.resources import Lake, Listener
from minference_core.errors import SpecError
from minference_core.specs import SpecReport, inspect_specs

__all__ = ["build"]


def build(dataset: Dataset) -> dg.AssetsDefinition:
    @dg.asset(
        key=dataset.key("thread_specs"),
        group_name=dataset.name,
        partitions_def=dataset.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[spec(dataset, "thread_specs", VALID)],
        kinds={"parquet"},
        owners=[*dataset.owners],
        code_version="1",
        metadata=columns.THREAD_SPECS,
        description=f"{dataset.description}\n\n{_DESCRIPTION}",
    )
    def thread_specs(
        context: dg.AssetExecutionContext, lake: Lake, listener: dg.ResourceParam[Listener]
    ) -> dg.MaterializeResult:
        reports: dict[str, SpecReport] = {}
        broken: dict[str, SpecError] = {}
        for key in context.partition_keys:
            where = partition(dataset.name, key, dataset.partitions)
            try:
                reports[key] = inspect_specs(lake.source(where, dataset.defaults))
            except SpecError as error:
                broken[key] = error
                continue
            listener.inspected(dataset.name, key, reports[key])
            context.add_asset_metadata(metadata.specs_metadata(reports[key]), partition_key=key)
        if broken:
            raise _unusable(broken)
        return dg.MaterializeResult(check_results=[rows_are_valid(reports)])

    return thread_specs


_DESCRIPTION = """\
The conversations to hold: one row of Parquet, one conversation.

They are yours: put files into `data/thread_specs/<dataset>/<partition>/`. This step reads them and says which
rows can be run. A row that cannot is left out with its reason; a file that cannot be read, or a partition
without files, ends the step."""


def _unusable(broken: dict[str, SpecError]) -> dg.Failure:
    """All partitions that cannot be read, so that a backfill is mended in one go."""
    if len(broken) == 1:
        ((key, error),) = broken.items()
        return failure_from(error, f"reading the thread specs of {key}")
    reasons = "\n".join(f"{key}: {error}" for key, error in broken.items())
    return failure_from(SpecError(f"{len(broken)} partitions cannot be read:\n{reasons}"), "thread specs")
