"""`entity_versions`: every version of every thread, message, prompt, config and tool, in DuckDB."""

from collections.abc import Iterable

import dagster as dg

from minference_assets import columns, metadata
from minference_assets.checks import STORED, spec, versions_are_in_the_store
from minference_assets.dataset import Dataset
from minference_assets.failures import failure_from
from minference_assets.left_out import LeftOut
from minference_assets.partitions import partition
from minference_assets.resources import Lake
from minference_core.errors import MinferenceError
from minference_core.lineage import VersionReport, definitions, write_versions
from minference_core.store import Store

__all__ = ["CODE_VERSION", "build"]

# Part of what a materialization is: raise it when the versions made from the same answers change.
CODE_VERSION = "1"

# The pool lets one run of this Dagster fold at a time; another process (a second DAGSTER_HOME, a command
# line) may still hold the store. It folds our segments too, but a run that ends should find its own there.
_WAIT_FOR_STORE_S = 30.0


def build(dataset: Dataset) -> dg.AssetsDefinition:
    @dg.asset(
        key=dataset.key("entity_versions"),
        deps=[dataset.key("responses")],
        group_name=dataset.name,
        partitions_def=dataset.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[spec(dataset, "entity_versions", STORED)],
        kinds={"duckdb", "parquet"},
        owners=[*dataset.owners],
        code_version=CODE_VERSION,
        pool="store",
        metadata=columns.ENTITY_VERSIONS,
    )
    def entity_versions(context: dg.AssetExecutionContext, lake: Lake) -> dg.MaterializeResult:
        """
        What was said, as versions: threads, messages, prompts, configurations, tools and raw exchanges.

        Written as Parquet segments without a lock, folded into the store, published as
        `data/minference.duckdb`. Open that file with anything that reads DuckDB: no run is ever in its way.
        Making a partition again makes the same ids and adds nothing.
        """
        written: dict[str, VersionReport] = {}
        left_out = LeftOut(context)
        try:
            for key in context.partition_keys:
                source = lake.source(partition(dataset.name, key, dataset.partitions), dataset.defaults)
                try:
                    written[key] = write_versions(
                        source,
                        exchanges=lake.exchanges(dataset.name, key),
                        inbox=lake.inbox,
                        code_version=CODE_VERSION,
                        run_id=context.run.run_id,
                    )
                except MinferenceError as error:
                    if not left_out.takes(source, error):
                        raise
            left_out.fail_unless(written)
            fold = Store(lake.folder, definitions()).fold(wait_s=_WAIT_FOR_STORE_S)
        except MinferenceError as error:
            raise failure_from(error, f"writing the versions of {dataset.name}") from error
        for key, report in written.items():
            context.add_asset_metadata(metadata.versions_metadata(report, fold), partition_key=key)
        return dg.MaterializeResult(
            metadata={"dagster/uri": str(lake.published)},
            check_results=[versions_are_in_the_store(written, _waiting(lake, written.values()), fold)],
        )

    return entity_versions


def _waiting(lake: Lake, reports: Iterable[VersionReport]) -> list[str]:
    return [name for report in reports for name in report.segments if (lake.inbox / name).exists()]
