"""
The op `run_parallel_engine`: the only step that spends.

The same op makes each dataset's `responses` and serves the job `ad_hoc`, which asks for a folder of thread
specs that belongs to no dataset. It decides when to log; everything else is the core's.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from minference_assets import metadata, settings
from minference_assets.checks import ANSWERED, every_thread_was_answered
from minference_assets.failures import failure_from, nothing_answered, stopped
from minference_assets.left_out import LeftOut, must_have_specs
from minference_assets.partitions import partition
from minference_assets.resources import Lake, Listener, Providers, asked, counting
from minference_assets.run_tags import run_budgets
from minference_assets.said import latest_words
from minference_core.conversations import Reuse, Scope, plan_requests, run_conversations
from minference_core.engine import (
    LANE_STOPPERS,
    Caps,
    LaneLimits,
    Ledger,
    Progress,
    RunReport,
    Spending,
    environment,
    graceful_stop,
)
from minference_core.errors import JournalBusy, MinferenceError
from minference_core.specs import Generations, Partition, SpecDefaults, SpecSource, inspect_specs

__all__ = ["AdHocConfig", "EngineConfig", "plan_folder", "run_parallel_engine"]

# A log line costs 5 to 25 ms of the engine's loop and an observation up to 42 (measured, SQLite).
_LOG_EVERY_S = 7.0
_OBSERVE_EVERY_S = 30.0

# Another run is asking for the same partition. Its answers are ours too, so waiting is all there is to do.
_BUSY_POLL_S = 2.0
_BUSY_PATIENCE_S = 900.0


class EngineConfig(dg.Config):
    """What to ask for, and how."""

    dataset: str
    defaults: dict[str, Any] = Field(default_factory=dict)
    """Values for columns that a row leaves out, as in a dataset's YAML."""
    limits: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """By client: requests_per_minute, tokens_per_minute, input_tokens_per_minute, and so on."""
    budgets: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What may be spent: run, dataset and day, each with usd, tokens or both."""
    allow_unknown_price: bool = False
    """Send what no budget in dollars can hold, as nobody knows what it costs."""
    max_in_flight: int = 64
    tool_timeout_s: float | None = None
    """Seconds that one call of a tool may take."""
    reuse: str = Scope.PARTITION.value
    """Whose answer to the same request is taken over: rows (nobody's), partition, or all of the dataset."""
    folder: str = ""
    """Spec files that belong to no dataset's partition; empty for the partitions of the run."""
    output: str = ""
    """Where everything that belongs to `folder` is kept."""

    def lane_limits(self) -> dict[str, LaneLimits]:
        return {client: LaneLimits.model_validate(limits) for client, limits in self.limits.items()}

    def caps(self) -> Caps:
        return Caps.model_validate(self.budgets)


class AdHocConfig(EngineConfig):
    """The configuration of the job `ad_hoc`."""

    folder: str
    """Spec files to ask for."""
    output: str
    """Where the plan, the journal and the answers go."""
    budget_usd: float | None = None
    """Nothing is sent if the plan could cost more."""


@dataclass(frozen=True, slots=True)
class _Work:
    """One partition's files."""

    source: SpecSource
    requests: Path
    journal: Path
    exchanges: Path
    metrics: Path
    reuse: Reuse


@dg.op(
    ins={"planned": dg.In(dg.Nothing)},
    # The verdict is only given where there is an asset to give it on.
    out={"responses": dg.Out(dg.Nothing), ANSWERED: dg.Out(is_required=False)},
    description="Sends what has no answer yet, within the limits. The only step that spends.",
)
# No return annotation: Dagster takes one for the type of the outputs, and refuses an async iterator's.
async def run_parallel_engine(  # type: ignore[no-untyped-def]
    context: dg.OpExecutionContext,
    config: EngineConfig,
    lake: Lake,
    providers: Providers,
    listener: dg.ResourceParam[Listener],
):
    asset = None if config.folder else dg.AssetExecutionContext.get()
    ledger = Ledger(settings.ledger_url(lake.folder))
    engine = _Engine(context, config, providers, listener, asset, ledger)
    reports: dict[str, RunReport] = {}
    left_out = None if asset is None else LeftOut(asset)
    stop = asyncio.Event()
    works = _work_to_do(config, lake, asset, context.run.run_id)
    with ledger, graceful_stop(asyncio.get_running_loop(), stop):
        for work in works:
            key = work.source.partition.key
            try:
                must_have_specs(work.source)
                reports[key] = await engine.hold(work, stop)
            except MinferenceError as error:
                if left_out is not None and left_out.takes(work.source, error):
                    continue
                engine.keep(reports)
                raise failure_from(error, f"asking for {config.dataset} {key}") from error
            if reports[key].stopped:
                engine.keep({done: report for done, report in reports.items() if not report.stopped})
                raise stopped(config.dataset, key, undone=reports[key].undone)
    if left_out is not None:
        left_out.fail_unless(reports)
    messages = latest_words(work.exchanges for work in works if work.source.partition.key in reports)
    if (failure := _nothing_answered(config.dataset, reports, messages)) is not None:
        engine.observe(reports)
        raise failure
    engine.describe(reports)  # before the output: metadata added after it is lost without a word
    yield dg.Output(None, "responses")
    if asset is not None:
        yield every_thread_was_answered(reports, messages, asset.asset_key)


@dg.op(
    out=dg.Out(dg.Nothing), description="Checks a folder of spec files and writes its plan; sends nothing."
)
def plan_folder(context: dg.OpExecutionContext, config: AdHocConfig) -> None:
    work = _folder_work(config, context.run.run_id, begin=True)
    try:
        inspect_specs(work.source)
        plan = plan_requests(
            work.source,
            work.requests,
            journal=work.journal,
            limits=environment.in_force(config.lane_limits()),
            reuse=work.reuse,
        )
    except MinferenceError as error:
        raise failure_from(error, f"planning {config.folder}") from error
    context.add_output_metadata(metadata.plan_metadata(plan))
    if config.budget_usd is not None and plan.cost_high_usd > Decimal(str(config.budget_usd)):
        raise dg.Failure(
            f"the plan may cost {metadata.usd(plan.cost_high_usd)}, above budget_usd {config.budget_usd}: "
            f"nothing was sent",
            allow_retries=False,
        )


def _nothing_answered(
    dataset: str, reports: dict[str, RunReport], messages: dict[str, str]
) -> dg.Failure | None:
    """The failure of a run without any answer, from now or before, because an account is refused."""
    classes = sum((Counter(report.failures) for report in reports.values()), Counter[str]())
    if any(report.replies for report in reports.values()) or not LANE_STOPPERS & classes.keys():
        return None
    return nothing_answered(dataset, classes, messages)


class _Engine:
    """One step's conversations: runs them, says how they are doing, describes what came of them."""

    def __init__(
        self,
        context: dg.OpExecutionContext,
        config: EngineConfig,
        providers: Providers,
        listener: Listener,
        asset: dg.AssetExecutionContext | None,
        ledger: Ledger,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._config = config
        self._lanes = providers.lanes(config.lane_limits())
        self._simulated = any(lane.simulated for lane in self._lanes.values())
        self._listener = listener
        self._asset = asset

    async def hold(self, work: _Work, stop: asyncio.Event) -> RunReport:
        """
        Hold one partition's conversations.

        Raises:
            MinferenceError: It cannot go on: the plan is outdated, the journal cannot be written or
                stays in another run's hands.
        """
        give_up = time.monotonic() + _BUSY_PATIENCE_S
        key, waiting = work.source.partition.key, False
        while True:
            try:
                report = await self._run(work, stop)
            except JournalBusy:
                if stop.is_set() or time.monotonic() > give_up:
                    raise
                if not waiting:
                    self._context.log.info(f"{key}: another run is asking for this partition; waiting for it")
                waiting = True
                await _sleep_unless(stop, _BUSY_POLL_S)
            else:
                self._listener.answered(self._config.dataset, key, report)
                return report

    async def _run(self, work: _Work, stop: asyncio.Event) -> RunReport:
        return await run_conversations(
            work.source,
            requests=work.requests,
            journal=work.journal,
            exchanges=work.exchanges,
            metrics=work.metrics,
            lanes=self._lanes,
            run_id=self._context.run.run_id,
            ledger=self._ledger,
            spending=self._spending(),
            max_in_flight=self._config.max_in_flight,
            tool_timeout_s=self._config.tool_timeout_s,
            reuse=work.reuse,
            on_progress=_Reporter(
                self._context,
                self._listener,
                self._asset,
                work.source.partition,
                simulated=self._simulated,
            ),
            stop=stop,
        )

    def _spending(self) -> Spending:
        run, config = self._context.run, self._config
        budgets = config.caps().budgets(config.dataset, run.run_id, simulated=self._simulated)
        budgets += run_budgets(run.tags, config.dataset, run.run_id, simulated=self._simulated)
        prices = SpecDefaults.model_validate(config.defaults).prices or {}
        return Spending(budgets=budgets, prices=prices, allow_unknown_price=config.allow_unknown_price)

    def _described(self, report: RunReport) -> metadata.Metadata:
        return metadata.answers_metadata(report, simulated=self._simulated)

    def describe(self, reports: dict[str, RunReport]) -> None:
        if self._asset is None:
            for report in reports.values():
                self._context.add_output_metadata(self._described(report), "responses")
            return
        for key, report in reports.items():
            self._asset.add_asset_metadata(self._described(report), partition_key=key)

    def observe(self, reports: dict[str, RunReport]) -> None:
        """The step fails and nothing was made, but what was tried should be seen."""
        self._log(dg.AssetObservation, reports)

    def keep(self, reports: dict[str, RunReport]) -> None:
        """The step fails, but these partitions are complete: the UI should say so."""
        self._log(dg.AssetMaterialization, reports)

    def _log(
        self, kind: type[dg.AssetObservation | dg.AssetMaterialization], reports: dict[str, RunReport]
    ) -> None:
        if self._asset is None:
            return
        for key, report in reports.items():
            told = self._described(report)
            self._context.log_event(kind(self._asset.asset_key, partition=key, metadata=told))


class _Reporter:
    """Tells the run page now and then, and whoever listens each time."""

    def __init__(
        self,
        context: dg.OpExecutionContext,
        listener: Listener,
        asset: dg.AssetExecutionContext | None,
        where: Partition,
        *,
        simulated: bool,
    ) -> None:
        self._context = context
        self._listener = listener
        self._asset = asset
        self._where = where
        self._simulated = simulated
        self._logged = self._observed = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        self._listener.progressed(self._where.dataset, self._where.key, progress)
        now = time.monotonic()
        if now - self._logged >= _LOG_EVERY_S:
            self._logged = now
            said = metadata.progress_line(progress, simulated=self._simulated)
            self._context.log.info(f"{self._where.key}: {said}")
        if self._asset is not None and now - self._observed >= _OBSERVE_EVERY_S:
            self._observed = now
            self._context.log_event(
                dg.AssetObservation(
                    self._asset.asset_key,
                    partition=self._where.key,
                    metadata=metadata.progress_metadata(progress, simulated=self._simulated),
                )
            )


def _work_to_do(
    config: EngineConfig, lake: Lake, asset: dg.AssetExecutionContext | None, run_id: str
) -> Sequence[_Work]:
    if asset is None:
        return [_folder_work(config, run_id)]
    definition = asset.assets_def.partitions_def
    if definition is None:
        raise dg.DagsterInvariantViolationError(f"{asset.asset_key} has no partitions")
    return [
        _Work(
            lake.source(partition(config.dataset, key, definition), _defaults(config)),
            lake.requests(config.dataset, key),
            lake.journal(config.dataset, key),
            lake.exchanges(config.dataset, key),
            lake.metrics(config.dataset, key, run_id),
            lake.reuse(config.dataset, key, Scope(config.reuse)),
        )
        for key in asset.partition_keys
    ]


def _folder_work(config: EngineConfig, run_id: str, *, begin: bool = False) -> _Work:
    folder = Path(config.folder).expanduser().resolve()
    output = Path(config.output).expanduser().resolve()
    if begin:
        Generations(output / "journal").begin(asked())
    source = SpecSource(Partition(config.dataset, folder.name), folder, _defaults(config))
    return _Work(
        counting(source, output / "journal"),
        output / "requests.parquet",
        output / "journal",
        output / "exchanges.parquet",
        output / "metrics" / f"{run_id}.parquet",
        Reuse(scope=Scope(config.reuse)),  # a folder by itself: there is no other partition
    )


def _defaults(config: EngineConfig) -> SpecDefaults:
    return SpecDefaults.model_validate(config.defaults)


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
