"""`export_…`: conversations in the form that another tool trains on, one asset for each of its exports."""

from dataclasses import replace

import dagster as dg

from minference_assets import columns, metadata
from minference_assets.dataset import Dataset
from minference_assets.failures import failure_from
from minference_assets.left_out import LeftOut
from minference_assets.partitions import partition
from minference_assets.resources import Lake
from minference_core.errors import MinferenceError
from minference_core.export import ExportOrder, ExportReport, export, format_named
from minference_core.lineage import definitions
from minference_core.store import Store

__all__ = ["build"]

# As long as entity_versions waits: what it left to another process's fold has to be in the file that is read.
_WAIT_FOR_STORE_S = 30.0


def build(dataset: Dataset, name: str, order: ExportOrder) -> dg.AssetsDefinition:
    """
    Args:
        name: The asset's name.
        order: What it exports of each partition.
    """
    suffix = format_named(order.format).suffix

    @dg.asset(
        key=dataset.key(name),
        deps=[dataset.key("entity_versions")],
        group_name=dataset.name,
        partitions_def=dataset.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"parquet" if suffix == ".parquet" else "json"},
        owners=[*dataset.owners],
        code_version="1",
        metadata=columns.exported(order.format),
        description=_description(order),
    )
    def exported(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        made: dict[str, ExportReport] = {}
        left_out = LeftOut(context)
        try:
            Store(lake.folder, definitions()).catch_up(_WAIT_FOR_STORE_S)
        except MinferenceError as error:
            raise failure_from(error, f"reading the store for {dataset.name} {name}") from error
        for key in context.partition_keys:
            source = lake.source(partition(dataset.name, key, dataset.partitions), dataset.defaults)
            of_partition = replace(order, selection=replace(order.selection, partitions=(key,)))
            with left_out.unless_readable(source, f"exporting {dataset.name} {key} as {order.format}"):
                target = lake.exports(dataset.name) / name / f"{key}{suffix}"
                made[key] = export(lake.published, of_partition, target, may_be_empty=True)
                context.add_asset_metadata(metadata.export_metadata(made[key]), partition_key=key)
        left_out.fail_unless(made)
        return dg.MaterializeResult()

    return exported


def _description(order: ExportOrder) -> str:
    chosen = order.selection
    which = "Conversations that came to their end" if chosen.finished else "All conversations"
    limits = [", with valid replies only"] if chosen.valid else []
    limits += [f", where {chosen.where}"] if chosen.where else []
    return f"{which}{''.join(limits)}, as {order.format}; beside each file its manifest and list of versions."
