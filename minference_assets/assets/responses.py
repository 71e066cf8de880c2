"""`responses`: the asset around the op `run_parallel_engine`, the only step that spends."""

import dagster as dg

from minference_assets import columns
from minference_assets.checks import ANSWERED, spec
from minference_assets.dataset import Dataset
from minference_assets.ops import EngineConfig, run_parallel_engine

__all__ = ["build"]


def build(dataset: Dataset) -> dg.AssetsDefinition:
    answered = spec(dataset, "responses", ANSWERED)

    @dg.graph_asset(
        key=dataset.key("responses"),
        ins={"requests": dg.AssetIn(key=dataset.key("requests"), dagster_type=dg.Nothing)},
        config={run_parallel_engine.name: {"config": _settings(dataset)}},
        group_name=dataset.name,
        partitions_def=dataset.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[answered],
        kinds={"python", "parquet"},
        owners=[*dataset.owners],
        code_version="1",
        metadata={**columns.RESPONSES},
        description=_DESCRIPTION,
    )
    def responses(requests: None) -> dict[str, object]:
        made, verdict = run_parallel_engine(requests)
        return {"result": made, answered.get_python_identifier(): verdict}

    return responses


_DESCRIPTION = """\
Every attempt to get an answer, with the raw answer: the only step that spends money.

The op `run_parallel_engine` sends what has no answer yet, within the limits, and writes each answer down
before anyone looks at it. Terminate lets what is in flight finish and keeps all of it; running it again, even
after a crash, sends only the rest."""


def _settings(dataset: Dataset) -> dict[str, object]:
    """The op is one and the same for all datasets; what is different is its configuration."""
    config = EngineConfig(
        dataset=dataset.name,
        defaults=dataset.defaults.model_dump(mode="json", exclude_none=True),
        limits={client: limits.model_dump(exclude_none=True) for client, limits in dataset.limits.items()},
        budgets=dataset.caps.model_dump(mode="json", exclude_none=True),
        allow_unknown_price=dataset.allow_unknown_price,
        max_in_flight=dataset.max_in_flight,
        tool_timeout_s=dataset.tool_timeout_s,
        reuse=dataset.reuse.value,
    )
    return config.model_dump()
