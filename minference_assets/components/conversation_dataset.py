"""
`ConversationDataset`: what a dataset's `defs.yaml` may say, and what it becomes.

The file is all there is to a dataset. Its folder's name is the dataset's name; a field that is not known
here is an error.
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import dagster as dg
from pydantic import Field, field_validator, model_validator

from minference_assets import jobs, partitions
from minference_assets.assets import (
    entity_versions,
    exports,
    requests,
    responses,
    thread_specs,
    transcripts,
)
from minference_assets.dataset import Dataset, checked_name
from minference_assets.schedules import daily_schedule
from minference_assets.sensors import new_folder_sensor
from minference_core.conversations import Scope
from minference_core.engine import Caps, LaneLimits
from minference_core.errors import ConfigError
from minference_core.export import ExportOrder, Selection, Splits
from minference_core.providers import PROVIDERS
from minference_core.specs import SpecDefaults, tools_of
from minference_core.threads import OwnPrice

__all__ = ["ConversationDataset", "DatasetExport", "DatasetPartitions", "DatasetSchedule"]


class DatasetPartitions(dg.Model, dg.Resolvable):
    """How the dataset is cut: by the day, or under names that are the folders' own."""

    type: Literal["daily", "named"] = "daily"
    start_date: Annotated[str, Field(description="The first day, as 2026-11-16. For daily partitions.")] = ""


class DatasetSchedule(dg.Model, dg.Resolvable):
    """When it runs by itself, once switched on in the UI."""

    hour: Annotated[int, Field(ge=0, le=23, description="UTC; the day before is run.")]


class DatasetExport(dg.Model, dg.Resolvable):
    """Conversations in a form that another tool trains on, made with every run."""

    format: Annotated[str, Field(description="chatml, chatml-text, sharegpt, openai or parquet.")]
    name: Annotated[str, Field(description="Of the asset, after export_; the format if not said.")] = ""
    finished: Annotated[bool, Field(description="Only conversations that came to their end.")] = True
    valid: Annotated[bool, Field(description="None with a reply that was no use on the way.")] = False
    where: Annotated[
        str | None, Field(description="A condition over the columns of the view transcripts.")
    ] = None
    reasoning: Annotated[bool | None, Field(description="What the models thought.")] = None
    split: Annotated[
        dict[str, float], Field(default_factory=dict, description="Shares: {train: 0.9, test: 0.1}.")
    ]


class ConversationDataset(dg.Component, dg.Model, dg.Resolvable):
    """
    A dataset of conversations to hold with language models.

    Becomes the assets thread_specs, requests, responses, entity_versions and transcripts, and one for each
    export, in a group of the dataset's name, a job that makes them, a job that only plans, and a schedule or
    a sensor.
    """

    description: Annotated[str, Field(description="What these conversations are for.")]
    owners: Annotated[list[str], Field(description='People and teams: "team:support", "ada@example.com".')]
    partitions: DatasetPartitions
    defaults: Annotated[
        dict[str, Any],
        Field(default_factory=dict, description="Values for the spec columns that a row leaves out."),
    ]
    tools_module: Annotated[
        str,
        Field(description="The Python module whose list TOOLS has the functions and schemas that rows name."),
    ] = ""
    tool_timeout_s: Annotated[
        float | None, Field(gt=0, description="Seconds that one call of a tool may take.")
    ] = 60.0
    limits: Annotated[
        dict[str, dict[str, int]],
        Field(
            default_factory=dict,
            description="By client: requests_per_minute, tokens_per_minute, input_tokens_per_minute, "
            "output_tokens_per_minute, max_in_flight.",
        ),
    ]
    max_in_flight: Annotated[int, Field(ge=1, description="Conversations held at the same time.")] = 64
    budget_usd: Annotated[
        float | None, Field(gt=0, description="The highest cost one partition's plan may have.")
    ] = None
    budgets: Annotated[
        dict[str, dict[str, float]],
        Field(
            default_factory=dict,
            description="What may be spent: run, dataset and day, each with usd, tokens or both.",
        ),
    ]
    prices: Annotated[
        dict[str, dict[str, float]],
        Field(
            default_factory=dict,
            description="By model, dollars for a million tokens: input, output, cached_input.",
        ),
    ]
    allow_unknown_price: Annotated[
        bool, Field(description="Send what has no known price although there is a budget: it is not in it.")
    ] = False
    reuse: Annotated[
        Literal["rows", "partition", "all"],
        Field(
            description="Whose answer to the same request is taken over, not asked for: nobody's (rows), "
            "that of any conversation of the partition, or of all the dataset."
        ),
    ] = "partition"
    schedule: DatasetSchedule | None = None
    transcripts: Annotated[bool, Field(description="Export whole conversations too.")] = True
    exports: Annotated[
        list[DatasetExport],
        Field(default_factory=list, description="Files to train on: an asset export_<name> each."),
    ]

    # Said here, not in the model of the part: Dagster wraps an error from there in its own traceback.
    @field_validator("partitions")
    @classmethod
    def _start_goes_with_daily(cls, value: DatasetPartitions) -> DatasetPartitions:
        if value.type == "named":
            if value.start_date:
                raise ValueError("named partitions have no start_date: remove it, or use type: daily")
            return value
        try:
            date.fromisoformat(value.start_date)
        except ValueError:
            raise ValueError(
                f'start_date is "{value.start_date}": write the first day, for example "2026-11-16"'
            ) from None
        return value

    @model_validator(mode="after")
    def _schedule_goes_with_daily(self) -> Self:
        if self.schedule is not None and self.partitions.type == "named":
            raise ValueError("schedule goes with daily partitions: named ones are run by hand")
        return self

    # The library's own models judge these two, here rather than on first use. They cannot be the fields'
    # types: Dagster's YAML loader does not know the JSON types in them.
    @field_validator("defaults")
    @classmethod
    def _defaults_are_known(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in ("tools_module", "prices"):
            if name in value:
                raise ValueError(f"{name} is no default of rows: write it beside defaults")
        SpecDefaults.model_validate(value)
        return value

    @field_validator("tools_module")
    @classmethod
    def _tools_can_be_registered(cls, value: str) -> str:
        if value:
            try:
                tools_of(value)
            except ConfigError as exc:
                raise ValueError(str(exc)) from exc
        return value

    @field_validator("limits")
    @classmethod
    def _limits_are_known(cls, value: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        for client, limits in value.items():
            if client not in PROVIDERS:
                raise ValueError(f"no client is named {client}: there are {', '.join(PROVIDERS)}")
            LaneLimits.model_validate(limits)
        return value

    @field_validator("budgets")
    @classmethod
    def _budgets_are_known(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        Caps.model_validate(_exact(value))
        return value

    @field_validator("prices")
    @classmethod
    def _prices_are_known(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for price in _exact(value).values():
            OwnPrice.model_validate(price)
        return value

    @field_validator("exports")
    @classmethod
    def _exports_are_known(cls, value: list[DatasetExport]) -> list[DatasetExport]:
        try:
            _orders("", value)
        except ConfigError as exc:
            raise ValueError(str(exc)) from exc
        return value

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return self.defs_of(context.path.name)

    def defs_of(self, name: str) -> dg.Definitions:
        """What the dataset of that name becomes."""
        dataset = self.dataset(name)
        builders = [thread_specs, requests, responses, entity_versions]
        if dataset.transcripts:
            builders.append(transcripts)
        return dg.Definitions(
            assets=[
                *(builder.build(dataset) for builder in builders),
                *(exports.build(dataset, asset, order) for asset, order in dataset.exports.items()),
            ],
            jobs=[jobs.whole_job(dataset), jobs.plan_job(dataset)],
            schedules=self._schedules(dataset),
            sensors=self._sensors(dataset),
        )

    def dataset(self, name: str) -> Dataset:
        """What the YAML in the folder `name` says."""
        return Dataset(
            name=checked_name(name),
            description=self.description,
            owners=tuple(self.owners),
            partitions=self._partitions(name),
            defaults=SpecDefaults.model_validate(
                {
                    **self.defaults,
                    "tools_module": self.tools_module or None,
                    "prices": _exact(self.prices) or None,
                }
            ),
            limits={client: LaneLimits.model_validate(each) for client, each in self.limits.items()},
            max_in_flight=self.max_in_flight,
            tool_timeout_s=self.tool_timeout_s,
            budget_usd=None if self.budget_usd is None else Decimal(str(self.budget_usd)),
            caps=Caps.model_validate(_exact(self.budgets)),
            allow_unknown_price=self.allow_unknown_price,
            transcripts=self.transcripts,
            reuse=Scope(self.reuse),
            exports=_orders(name, self.exports),
        )

    def _partitions(self, name: str) -> dg.PartitionsDefinition:
        if self.partitions.type == "named":
            return partitions.named(name)
        return partitions.daily(date.fromisoformat(self.partitions.start_date))

    def _schedules(self, dataset: Dataset) -> list[dg.ScheduleDefinition]:
        if self.schedule is None:
            return []
        return [daily_schedule(dataset, hour=self.schedule.hour)]

    def _sensors(self, dataset: Dataset) -> list[dg.SensorDefinition]:
        if not isinstance(dataset.partitions, dg.DynamicPartitionsDefinition):
            return []
        return [new_folder_sensor(dataset, dataset.partitions)]


def _orders(dataset: str, given: list[DatasetExport]) -> dict[str, ExportOrder]:
    """
    What each export's asset is to export.

    Raises:
        ConfigError: One of them cannot be, or two have the same name.
    """
    orders: dict[str, ExportOrder] = {}
    for one in given:
        name = f"export_{one.name or one.format.replace('-', '_')}"
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ConfigError(f"{one.name}: an export's name is small letters, digits and _")
        if name in orders:
            raise ConfigError(f"two exports are named {name}: give one another name")
        selection = Selection(dataset=dataset, finished=one.finished, valid=one.valid, where=one.where)
        orders[name] = ExportOrder(
            format=one.format, selection=selection, reasoning=one.reasoning, splits=Splits(one.split)
        )
    return orders


def _exact(amounts: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, str]]:
    """YAML's numbers as they were written: 0.1 dollars are not 0.1000000000000000055."""
    return {
        name: {unit: str(int(n)) if n == int(n) else repr(n) for unit, n in each.items()}
        for name, each in amounts.items()
    }
