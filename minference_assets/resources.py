"""
Configuration from the outside world, turned into `minference_core` objects.

A resource here holds settings and builds one thing. It decides nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import dagster as dg

from minference_assets import settings
from minference_core.conversations import Plan, RetryReport, Reuse, Scope
from minference_core.engine import Lane, LaneLimits, Progress, RunReport, environment
from minference_core.specs import Generations, Partition, SpecDefaults, SpecReport, SpecSource

__all__ = ["Lake", "Listener", "Providers", "Silent", "asked", "counting"]


class Lake(dg.ConfigurableResource):
    """Where everything is. No path is built anywhere else."""

    root: str = ""
    """The data folder; empty for `MINFERENCE_DATA`, else the project's `data`."""

    @property
    def folder(self) -> Path:
        return Path(self.root).resolve() if self.root else settings.data_folder()

    @property
    def all_thread_specs(self) -> Path:
        """The folder of all datasets' spec files."""
        return self.folder / "thread_specs"

    def thread_specs(self, dataset: str, key: str | None = None) -> Path:
        """The folder of one partition's spec files, or of all partitions."""
        folder = self.all_thread_specs / dataset
        return folder if key is None else folder / key

    def source(self, partition: Partition, defaults: SpecDefaults) -> SpecSource:
        """A partition's spec files, and how its rows are to be read."""
        folder = self.thread_specs(partition.dataset, partition.key)
        return counting(
            SpecSource(partition, folder, defaults), self.journal(partition.dataset, partition.key)
        )

    def begin_generation(self, dataset: str, key: str, *, fresh: bool = False) -> int:
        """Settle which answers count for a partition from here on; earlier ones are kept."""
        return Generations(self.journal(dataset, key)).begin(asked(), fresh=fresh)

    def requests(self, dataset: str, key: str) -> Path:
        return self.folder / "requests" / dataset / f"{key}.parquet"

    def journal(self, dataset: str, key: str) -> Path:
        return self.folder / "journal" / dataset / key

    def exchanges(self, dataset: str, key: str) -> Path:
        return self.folder / "exchanges" / dataset / f"{key}.parquet"

    def partitions_with_exchanges(self, dataset: str) -> list[str]:
        """The names of all partitions that were asked, sorted."""
        return sorted(file.stem for file in (self.folder / "exchanges" / dataset).glob("[!.]*.parquet"))

    def metrics(self, dataset: str, key: str, run_id: str) -> Path:
        """What one run did over time."""
        return self.folder / "metrics" / dataset / key / f"{run_id}.parquet"

    def reuse(self, dataset: str, key: str, scope: Scope) -> Reuse:
        """Whose answers are taken over in a partition."""
        own = self.exchanges(dataset, key)
        others = sorted(set(own.parent.glob("*.parquet")) - {own}) if scope is Scope.ALL else ()
        return Reuse(scope=scope, elsewhere=tuple(others), simulated=settings.simulator() is not None)

    def transcripts(self, dataset: str) -> Path:
        return self.folder / "transcripts" / dataset

    def exports(self, dataset: str) -> Path:
        return self.folder / "exports" / dataset

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def published(self) -> Path:
        """The DuckDB file that people open."""
        return self.folder / "minference.duckdb"

    def partitions_with_specs(self, dataset: str) -> list[str]:
        """The names of all partition folders that hold a spec file, sorted."""
        folder = self.thread_specs(dataset)
        return sorted({file.parent.name for file in folder.glob("*/[!.]*.parquet")})


class Providers(dg.ConfigurableResource):
    """
    Who is asked, where, with which key: from the variables of `.env.example`.

    A key is read when a run needs it, so nothing here needs one to load.
    """

    def lanes(self, limits: Mapping[str, LaneLimits]) -> dict[str, Lane]:
        """One lane a client. A missing key is an error later, for the threads that need it."""
        return environment.lanes(limits)


def asked() -> str:
    """Who answers: what the simulator says must never be taken for a provider's word."""
    return "simulator" if settings.simulator() else "providers"


def counting(source: SpecSource, journal: Path) -> SpecSource:
    """The specs, with the answers that count for them now."""
    generations = Generations(journal)
    return replace(
        source,
        generation=generations.number(asked()),
        sequence=generations.sequence,
        amendments=generations.amendments,
    )


class Listener(Protocol):
    """Who wants to know what a run is doing while it does it: the command line, or nobody."""

    def inspected(self, dataset: str, key: str, report: SpecReport) -> None: ...

    def retried(self, dataset: str, key: str, report: RetryReport) -> None: ...

    def planned(self, dataset: str, key: str, plan: Plan) -> None: ...

    def progressed(self, dataset: str, key: str, progress: Progress) -> None: ...

    def answered(self, dataset: str, key: str, report: RunReport) -> None: ...


class Silent:
    """Nobody is listening: a run of the UI, the daemon or a test."""

    def inspected(self, dataset: str, key: str, report: SpecReport) -> None: ...

    def retried(self, dataset: str, key: str, report: RetryReport) -> None: ...

    def planned(self, dataset: str, key: str, plan: Plan) -> None: ...

    def progressed(self, dataset: str, key: str, progress: Progress) -> None: ...

    def answered(self, dataset: str, key: str, report: RunReport) -> None: ...
