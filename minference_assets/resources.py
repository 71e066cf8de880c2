"""
Configuration from the outside world, turned into `minference_core` objects.

A resource here holds settings and builds one thing. It decides nothing.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import dagster as dg
from pydantic import SecretStr

from minference_assets import settings
from minference_core.conversations import Plan
from minference_core.engine import Lane, LaneLimits, Progress, RunReport
from minference_core.providers import PROVIDERS
from minference_core.specs import Partition, SpecDefaults, SpecReport, SpecSource

__all__ = ["Lake", "Listener", "Providers", "Silent"]


class Lake(dg.ConfigurableResource):
    """Where everything is. No path is built anywhere else."""

    root: str = ""
    """The data folder; empty for `MINFERENCE_DATA`, else `data` where the process was started."""

    @property
    def folder(self) -> Path:
        return Path(self.root).resolve() if self.root else settings.data_folder()

    def thread_specs(self, dataset: str, key: str | None = None) -> Path:
        """The folder of one partition's spec files, or of all partitions."""
        folder = self.folder / "thread_specs" / dataset
        return folder if key is None else folder / key

    def source(self, partition: Partition, defaults: SpecDefaults) -> SpecSource:
        """A partition's spec files, and how its rows are to be read."""
        folder = self.thread_specs(partition.dataset, partition.key)
        return SpecSource(partition, folder, defaults, self.generation(partition.dataset, partition.key))

    def generation(self, dataset: str, key: str) -> int:
        """
        Which answers count for a partition: 0, until someone asked for everything afresh.

        The simulator's answers are a generation of their own: they must never be taken for a provider's,
        and a provider's are still there, and still paid for, after a run with the simulator.
        """
        begun = self._generations(dataset, key)
        return begun.get(_asked(), max(begun.values(), default=-1) + 1)

    def begin_generation(self, dataset: str, key: str, *, fresh: bool = False) -> int:
        """
        Settle which answers count from here on; earlier ones are kept.

        Args:
            fresh: Ask for everything again, though there are answers.
        """
        begun = self._generations(dataset, key)
        number = max(begun.values(), default=-1) + 1 if fresh and begun else self.generation(dataset, key)
        file = self._generations_file(dataset, key)
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f"{file.name}.{os.getpid()}.new")
        aside.write_text(json.dumps({**begun, _asked(): number}) + "\n")
        aside.replace(file)
        return number

    def _generations(self, dataset: str, key: str) -> dict[str, int]:
        file = self._generations_file(dataset, key)
        begun: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        return begun

    def _generations_file(self, dataset: str, key: str) -> Path:
        return self.journal(dataset, key) / "generations.json"

    def requests(self, dataset: str, key: str) -> Path:
        return self.folder / "requests" / dataset / f"{key}.parquet"

    def journal(self, dataset: str, key: str) -> Path:
        return self.folder / "journal" / dataset / key

    def exchanges(self, dataset: str, key: str) -> Path:
        return self.folder / "exchanges" / dataset / f"{key}.parquet"

    def transcripts(self, dataset: str) -> Path:
        return self.folder / "transcripts" / dataset

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
        return sorted({file.parent.name for file in folder.glob("*/*.parquet")})


class Providers(dg.ConfigurableResource):
    """
    Who is asked, where, with which key: from the variables of `.env.example`.

    A key is read when a run needs it, so nothing here needs one to load.
    """

    def lanes(self, limits: Mapping[str, LaneLimits]) -> dict[str, Lane]:
        """One lane a client. A missing key is an error later, for the threads that need it."""
        lane = _simulated if settings.simulator() else _lane
        return {client: lane(client, limits.get(client, LaneLimits())) for client in PROVIDERS}


def _asked() -> str:
    """Whose answers are meant; where no provider is configured it can only be the simulator's."""
    simulator = settings.simulator() or not settings.configured_providers()
    return "simulator" if simulator else "providers"


def _lane(client: str, limits: LaneLimits) -> Lane:
    entry, url = PROVIDERS[client], settings.base_url(client)
    return Lane(
        client=client,
        base_url=url or entry.default_base_url,
        api_key=settings.key(client),
        key_name=entry.key_variables[0],
        # Someone's own server may want none; if it does, it will say so.
        key_required=entry.key_required and url is None,
        limits=limits,
    )


def _simulated(client: str, limits: LaneLimits) -> Lane:
    # The first step of the path says whom the simulator plays. It wants a key, as providers do; a real one
    # has no business there.
    url = f"{settings.simulator()}/{client}"
    return Lane(client=client, base_url=url, api_key=SecretStr("simulator"), limits=limits, simulated=True)


class Listener(Protocol):
    """Who wants to know what a run is doing while it does it: the command line, or nobody."""

    def inspected(self, dataset: str, key: str, report: SpecReport) -> None: ...

    def planned(self, dataset: str, key: str, plan: Plan) -> None: ...

    def progressed(self, dataset: str, key: str, progress: Progress) -> None: ...

    def answered(self, dataset: str, key: str, report: RunReport) -> None: ...


class Silent:
    """Nobody is listening: a run of the UI, the daemon or a test."""

    def inspected(self, dataset: str, key: str, report: SpecReport) -> None: ...

    def planned(self, dataset: str, key: str, plan: Plan) -> None: ...

    def progressed(self, dataset: str, key: str, progress: Progress) -> None: ...

    def answered(self, dataset: str, key: str, report: RunReport) -> None: ...
