"""`requests`: the plan. Every body that would be sent, with its price; nothing is sent."""

import dagster as dg

from minference_assets import columns, metadata, settings
from minference_assets.checks import BUDGET, plan_is_within_budget, spec
from minference_assets.dataset import Dataset
from minference_assets.failures import failure_from
from minference_assets.left_out import LeftOut, must_have_specs
from minference_assets.partitions import partition
from minference_assets.resources import Lake, Listener
from minference_assets.retries import RetryConfig, chosen_again
from minference_core.conversations import Plan, Retry, plan_requests
from minference_core.engine import environment
from minference_core.errors import ConfigError

__all__ = ["build"]


def build(dataset: Dataset) -> dg.AssetsDefinition:
    @dg.asset(
        key=dataset.key("requests"),
        deps=[dataset.key("thread_specs")],
        group_name=dataset.name,
        partitions_def=dataset.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[spec(dataset, "requests", BUDGET)],
        kinds={"python", "parquet"},
        owners=[*dataset.owners],
        code_version="1",
        metadata=columns.REQUESTS,
    )
    def requests(
        context: dg.AssetExecutionContext,
        config: RetryConfig,
        lake: Lake,
        listener: dg.ResourceParam[Listener],
    ) -> dg.MaterializeResult:
        """
        The plan: every request that would be sent, with its exact body, its tokens and its price.

        Making it spends nothing. Look at its metadata before you go on: how many requests are new, how many
        are answered already, what the rest may cost, how long it takes under the limits. Its config can have
        some failures asked again, and nothing else.
        """
        retry = _retry(config)
        plans: dict[str, Plan] = {}
        left_out = LeftOut(context)
        for key in context.partition_keys:
            where = partition(dataset.name, key, dataset.partitions)
            source = lake.source(where, dataset.defaults)
            with left_out.unless_readable(source, f"planning {dataset.name} {key}"):
                must_have_specs(source)
                lake.begin_generation(dataset.name, key)
                source = lake.source(where, dataset.defaults)  # with the answers that count from here on
                journal = lake.journal(dataset.name, key)
                if retry is not None:
                    told = chosen_again(context, listener, source, journal, retry)
                    context.add_asset_metadata(told, partition_key=key)
                    source = lake.source(where, dataset.defaults)
                plans[key] = plan_requests(
                    source,
                    lake.requests(dataset.name, key),
                    journal=journal,
                    limits=environment.in_force(dataset.limits),
                    reuse=lake.reuse(dataset.name, key, dataset.reuse),
                    only=None if retry is None else retry.classes,
                )
                listener.planned(dataset.name, key, plans[key])
                context.add_asset_metadata(metadata.plan_metadata(plans[key]), partition_key=key)
        left_out.fail_unless(plans)
        verdict = plan_is_within_budget(
            plans,
            dataset.budget_usd,
            allow_unknown_price=dataset.allow_unknown_price,
            simulated=settings.simulator() is not None,
        )
        return dg.MaterializeResult(check_results=[verdict])

    return requests


def _retry(config: RetryConfig) -> Retry | None:
    try:
        return config.retry()
    except ConfigError as error:
        raise failure_from(error, "reading what is to be asked again") from error
