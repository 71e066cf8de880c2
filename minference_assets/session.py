"""What every command that runs something has: the datasets, a Dagster instance, a simulator if need be."""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError  # it has no public name
from rich.console import Console

from minference_assets import home, settings
from minference_assets.console import Watch
from minference_assets.loading import load_definitions
from minference_assets.resources import Lake
from minference_assets.runs import Outcome, UnknownPartition, Workspace
from minference_core.simulator import SimulatorSettings, simulator_in_thread

__all__ = ["Selection", "Session", "Simulate", "as_a_run_would", "opened", "simulated"]

Simulate = Literal["auto", "always", "never"]

_NOT_STARTED = "http://127.0.0.1:0"  # nobody is asked while planning
_NO_TAGS: Mapping[str, str] = {}

# Enough to look at: some latency, and now and then an error that is worth another try.
_SIMULATOR = SimulatorSettings(latency_ms=150, latency_jitter=0.3, faults={"500": 0.01})


@dataclass(frozen=True, slots=True)
class Selection:
    """What a command is about; empty fields mean everything."""

    dataset: str | None = None
    keys: Sequence[str] = ()
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """An opened workspace."""

    console: Console
    workspace: Workspace
    lake: Lake
    watch: Watch

    def chosen(self, selection: Selection) -> dict[str, list[str]]:
        """
        The partitions of each dataset that are meant; a dataset without any is not in it.

        Raises:
            UnknownDataset: No dataset has the name.
            UnknownPartition: The dataset has no such partition.
        """
        for key in selection.keys:
            self._must_have_specs(selection.dataset or "", key)
        names = [selection.dataset] if selection.dataset else self.workspace.datasets
        found = {
            name: self.workspace.choose(
                name,
                self.lake.partitions_with_specs(name),
                keys=selection.keys,
                first=selection.first,
                last=selection.last,
            )
            for name in names
        }
        return {name: keys for name, keys in found.items() if keys}

    def strays(self) -> list[str]:
        """Folders that belong to nothing: a misspelt name would else go unnoticed."""
        found = []
        for folder in _folders(self.lake.all_thread_specs):
            if folder.name not in self.workspace.datasets:
                found.append(f"{folder} is of no dataset; there are {', '.join(self.workspace.datasets)}")
                continue
            filled = self.lake.partitions_with_specs(folder.name)
            keys = self.workspace.keys(folder.name, filled)
            found += [
                f"{folder / key} is no partition of {folder.name}; there are {keys[0]} to {keys[-1]}"
                for key in filled
                if keys and key not in keys
            ]
        return found

    def _must_have_specs(self, dataset: str, key: str) -> None:
        if dataset in self.workspace.datasets and key not in self.lake.partitions_with_specs(dataset):
            where = self.lake.thread_specs(dataset, key)
            raise UnknownPartition(f"{dataset} {key} has no thread specs: put Parquet files into {where}")

    def run(
        self,
        chosen: dict[str, list[str]],
        *,
        suffix: str = "",
        plan_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] = _NO_TAGS,
    ) -> list[Outcome]:
        """
        Run each dataset's job, or with a suffix the one of that name, on its partitions.

        One dataset's failure does not keep the next from running.

        Args:
            plan_config: Of the step that plans.
            tags: Of each run.
        """
        outcomes: list[Outcome] = []
        try:
            with self.watch:
                for dataset, keys in chosen.items():
                    outcomes += self.workspace.run(f"{dataset}{suffix}", dataset, keys, plan_config, tags)
                    if any(report.stopped for report in self.watch.reports.values()):
                        break  # whoever stopped one did not mean to go on with the next
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        return outcomes


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


@contextlib.contextmanager
def opened(console: Console) -> Iterator[Session]:
    """Everything ready to run in this process."""
    folder = home.prepare(Path.cwd())
    watch, lake = Watch(console), Lake()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end a run the same, orderly way
    with home.claimed(folder) as tags, dg.DagsterInstance.get() as instance:
        home.forget_dead_runs(instance, folder)
        workspace = Workspace(load_definitions(listener=watch), instance, tags)
        yield Session(console, workspace, lake, watch)


@contextlib.contextmanager
def simulated(console: Console, wish: Simulate) -> Iterator[str | None]:
    """The simulator in every provider's place, when that is wished or nothing else is configured."""
    if wish == "never" or settings.simulator() or (wish == "auto" and settings.configured_providers()):
        yield settings.simulator()
        return
    with simulator_in_thread(_SIMULATOR) as url:
        why = "No provider is configured" if wish == "auto" else "As you wish"
        console.print(f"{why}: every request goes to a local simulator at {url}, and costs nothing.")
        os.environ[settings.SIMULATOR_VARIABLE] = url
        try:
            yield url
        finally:
            del os.environ[settings.SIMULATOR_VARIABLE]


@contextlib.contextmanager
def as_a_run_would() -> Iterator[None]:
    """Count the answers that a run would count: the simulator's, where nothing else is configured."""
    if settings.simulator() or settings.configured_providers():
        yield
        return
    os.environ[settings.SIMULATOR_VARIABLE] = _NOT_STARTED
    try:
        yield
    finally:
        del os.environ[settings.SIMULATOR_VARIABLE]
