"""`thread_specs`: what the user asks for, read and judged."""

import dagster as dg

from minference_assets import columns, metadata
from minference_assets.checks import READABLE, VALID, partitions_are_readable, rows_are_valid, spec
from minference_assets.dataset import Dataset
from minference_assets.left_out import LeftOut
from minference_assets.partitions import partition
from minference_assets.resources import Lake, Listener
from minference_core.specs import SpecReport, inspect_specs

__all__ = ["build"]


def build(dataset: Dataset) -> dg.AssetsDefinition:
    @dg.asset(
        key=dataset.key("thread_specs"),
        group_name=dataset.name,
        partitions_def=dataset.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[spec(dataset, "thread_specs", check) for check in (READABLE, VALID)],
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
        left_out = LeftOut(context)
        for key in context.partition_keys:
            source = lake.source(partition(dataset.name, key, dataset.partitions), dataset.defaults)
            with left_out.unless_readable(source, f"reading the thread specs of {dataset.name} {key}"):
                reports[key] = inspect_specs(source)
                listener.inspected(dataset.name, key, reports[key])
                context.add_asset_metadata(metadata.specs_metadata(reports[key]), partition_key=key)
        left_out.fail_unless(reports)
        return dg.MaterializeResult(
            check_results=[
                partitions_are_readable(left_out.missing, left_out.unreadable),
                rows_are_valid(reports),
            ]
        )

    return thread_specs


_DESCRIPTION = """\
The conversations to hold: one row of Parquet, one conversation.

They are yours: put files into `data/thread_specs/<dataset>/<partition>/`. This step reads them and says which
rows can be run. A row that cannot is left out with its reason, and so is a partition without files or with a
file that cannot be read: the other partitions go on."""
