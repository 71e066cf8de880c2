"""What can be started by name: a dataset's whole way, its plan alone, and a folder of its own."""

from typing import TYPE_CHECKING

import dagster as dg

from minference_assets.dataset import Dataset
from minference_assets.ops import AdHocConfig, EngineConfig, plan_folder, run_parallel_engine

if TYPE_CHECKING:
    # What `define_asset_job` returns has no public name.
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

__all__ = ["ASSETS", "PLAN_ASSETS", "ad_hoc", "plan_job", "whole_job"]

PLAN_ASSETS = ("thread_specs", "requests")
ASSETS = (*PLAN_ASSETS, "responses", "entity_versions", "transcripts")


def whole_job(dataset: Dataset) -> "UnresolvedAssetJobDefinition":
    names = (*(ASSETS if dataset.transcripts else ASSETS[:-1]), *dataset.exports)
    return dg.define_asset_job(
        dataset.name,
        selection=[dataset.key(name) for name in names],
        description=f"{dataset.description} All steps, from thread specs to lineage. Spends money.",
    )


def plan_job(dataset: Dataset) -> "UnresolvedAssetJobDefinition":
    return dg.define_asset_job(
        f"{dataset.name}_plan",
        selection=[dataset.key(name) for name in PLAN_ASSETS],
        description=f"What a run of {dataset.name} would send and cost. Spends nothing.",
    )


@dg.config_mapping
def _once_for_both(config: AdHocConfig) -> dict[str, object]:
    shared = EngineConfig(**{name: getattr(config, name) for name in EngineConfig.model_fields})
    each = {plan_folder.name: config, run_parallel_engine.name: shared}
    return {"ops": {name: {"config": one.model_dump()} for name, one in each.items()}}


@dg.job(
    config=_once_for_both,
    executor_def=dg.in_process_executor,
    description="Asks for a folder of thread specs that belongs to no dataset. Spends money.",
)
def ad_hoc() -> None:
    run_parallel_engine(plan_folder())
