"""`transcripts`: whole conversations, ready for training and reading."""

import dagster as dg

from minference_assets import columns, metadata
from minference_assets.dataset import Dataset
from minference_assets.left_out import LeftOut
from minference_assets.partitions import partition
from minference_assets.resources import Lake
from minference_core.export import TranscriptReport, write_transcripts

__all__ = ["build"]


def build(dataset: Dataset) -> dg.AssetsDefinition:
    @dg.asset(
        key=dataset.key("transcripts"),
        deps=[dataset.key("entity_versions")],
        group_name=dataset.name,
        partitions_def=dataset.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"parquet", "json"},
        owners=[*dataset.owners],
        code_version="1",
        metadata=columns.TRANSCRIPTS,
    )
    def transcripts(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """Whole conversations, one a row, as Parquet and as JSON lines for training."""
        made: dict[str, TranscriptReport] = {}
        left_out = LeftOut(context)
        for key in context.partition_keys:
            source = lake.source(partition(dataset.name, key, dataset.partitions), dataset.defaults)
            with left_out.unless_readable(source, f"exporting the transcripts of {dataset.name} {key}"):
                made[key] = write_transcripts(
                    source,
                    exchanges=lake.exchanges(dataset.name, key),
                    target_folder=lake.transcripts(dataset.name),
                )
                context.add_asset_metadata(metadata.transcripts_metadata(made[key]), partition_key=key)
        left_out.fail_unless(made)
        return dg.MaterializeResult()

    return transcripts
