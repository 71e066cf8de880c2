"""Runs of a dataset's job in this process, as the command line starts them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from minference_assets import partitions

__all__ = ["Outcome", "UnknownDataset", "UnknownPartition", "Workspace", "datasets_of"]

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_NO_TAGS: Mapping[str, str] = {}


class UnknownDataset(Exception):
    """There is no dataset of that name."""


class UnknownPartition(Exception):
    """The dataset has no such partition."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended."""

    dataset: str
    keys: tuple[str, ...]
    run_id: str
    success: bool
    problems: tuple[str, ...]  # what ended it, in words; empty when all is well
    warnings: tuple[str, ...]  # checks that did not pass and stopped nothing

    @property
    def all_well(self) -> bool:
        """Nothing failed: neither the run, nor a check that tells of an error without ending it."""
        return self.success and not self.problems


class Workspace:
    """The datasets there are, and how to run them."""

    def __init__(
        self, definitions: dg.Definitions, instance: dg.DagsterInstance, tags: Mapping[str, str]
    ) -> None:
        self._definitions = definitions
        self._instance = instance
        self._tags = tags
        self._partitions = datasets_of(definitions)

    @property
    def datasets(self) -> list[str]:
        return sorted(self._partitions)

    def keys(self, dataset: str, folders: Iterable[str]) -> list[str]:
        """
        All partitions of a dataset, oldest first.

        Args:
            dataset: Its name.
            folders: The folders of thread specs there are; where partitions have free names, they are them.
        """
        definition = self._definition(dataset)
        if isinstance(definition, dg.DynamicPartitionsDefinition) and definition.name:
            self._instance.add_dynamic_partitions(definition.name, sorted(folders))
        return partitions.known_keys(definition, self._instance)

    def choose(
        self,
        dataset: str,
        folders: Sequence[str],
        *,
        keys: Sequence[str] = (),
        first: str | None = None,
        last: str | None = None,
    ) -> list[str]:
        """
        The partitions that are meant: `keys`, or those from `first` to `last`, or all with thread specs.

        Raises:
            UnknownPartition: A name that is not one of the dataset's partitions.
        """
        known = self.keys(dataset, folders)
        for key in (*keys, *filter(None, (first, last))):
            if key not in known:
                raise UnknownPartition(_unknown(dataset, key, known))
        if keys:
            return [key for key in known if key in set(keys)]
        start = known.index(first) if first else 0
        end = known.index(last) + 1 if last else len(known)
        return [key for key in known[start:end] if key in set(folders)]

    def run(
        self,
        job: str,
        dataset: str,
        keys: Sequence[str],
        plan_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] = _NO_TAGS,
    ) -> list[Outcome]:
        """
        Materialize partitions: one run for each stretch of them without a gap.

        Args:
            plan_config: Of the step that plans.
            tags: Of each run, besides those of all.
        """
        ops = {"ops": {f"{dataset}__requests": {"config": dict(plan_config)}}} if plan_config else {}
        known = partitions.known_keys(self._definition(dataset), self._instance)
        return [
            self._run(job, dataset, stretch, ops, tags) for stretch in partitions.ranges(list(keys), known)
        ]

    def _run(
        self, job: str, dataset: str, keys: Sequence[str], ops: Mapping[str, Any], tags: Mapping[str, str]
    ) -> Outcome:
        result = self._definitions.resolve_job_def(job).execute_in_process(
            instance=self._instance,
            tags={**self._tags, **tags, _RANGE_START: keys[0], _RANGE_END: keys[-1]},
            # The terminal belongs to the plan and the progress bar; the log is in the UI.
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **ops},
            raise_on_error=False,
        )
        return Outcome(
            dataset,
            tuple(keys),
            result.run_id,
            result.success,
            tuple(_problems(result)),
            tuple(_warnings(result)),
        )

    def _definition(self, dataset: str) -> dg.PartitionsDefinition:
        try:
            return self._partitions[dataset]
        except KeyError:
            names = ", ".join(self.datasets) or "none yet: `minference new dataset NAME` makes one"
            raise UnknownDataset(f"no dataset is named {dataset}; there are {names}") from None


def datasets_of(definitions: dg.Definitions) -> dict[str, dg.PartitionsDefinition]:
    """How each dataset is cut into partitions, by its name."""
    return {
        spec.key.path[0]: spec.partitions_def
        for spec in definitions.resolve_all_asset_specs()
        if spec.key.path[-1] == "thread_specs" and spec.partitions_def is not None
    }


def _unknown(dataset: str, key: str, known: Sequence[str]) -> str:
    if not known:
        return f"{dataset} has no partition {key}, and none at all yet"
    return f"{dataset} has no partition {key}; there are {known[0]} to {known[-1]}"


def _problems(result: dg.ExecuteInProcessResult) -> Iterable[str]:
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                yield failure.user_failure_data.description
            elif failure.error is not None and failure.error.cls_name != "DagsterAssetCheckFailedError":
                cause = failure.error.cause or failure.error
                yield f"{event.step_key}: {cause.message.strip()}"
    yield from _failed_checks(result, blocking=True)


def _warnings(result: dg.ExecuteInProcessResult) -> Iterable[str]:
    yield from _failed_checks(result, blocking=False)


def _failed_checks(result: dg.ExecuteInProcessResult, *, blocking: bool) -> Iterable[str]:
    for check in result.get_asset_check_evaluations():
        if not check.passed and (check.severity == dg.AssetCheckSeverity.ERROR) == blocking:
            where = check.asset_check_key.asset_key.to_user_string()
            yield f"{where}: {check.asset_check_key.name}: {check.description or 'did not pass'}"
