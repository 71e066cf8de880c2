"""What most tests need: a partition on disk, a simulator behind a socket, and the real steps between."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from minference_core.conversations import (
    Plan,
    Retry,
    RetryReport,
    Reuse,
    Scope,
    amend,
    plan_requests,
    run_conversations,
)
from minference_core.engine import Lane, LaneLimits, RunReport
from minference_core.errors import ErrorClass
from minference_core.lineage import VersionReport, definitions, write_versions
from minference_core.providers import PROVIDERS
from minference_core.simulator import SimulatorSettings, simulator_in_thread
from minference_core.specs import Generations, Partition, SpecDefaults, SpecSource
from minference_core.store import Store

DAY = "2026-11-16"
INSTANT = datetime(2026, 11, 16, tzinfo=UTC)

Row = dict[str, Any]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: one more than there are cores, since much of the time is spent waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, the slow tests begin first: nobody should wait for them in the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def write_specs(folder: Path, rows: list[Row], name: str = "part-0.parquet") -> None:
    """Thread specs as a user would write them."""
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(folder / name)


@dataclass
class Pipeline:
    """One partition's way through the core, each step the real one."""

    data: Path
    url: str = "http://127.0.0.1:9"  # nobody listens there
    dataset: str = "chat"
    defaults: SpecDefaults = field(
        default_factory=lambda: SpecDefaults(client="openai", model="gpt-4.1-mini")
    )
    limits: Mapping[str, LaneLimits] = field(default_factory=dict)
    key: str | None = "sk-test-secret"
    max_in_flight: int = 16
    generation: int = 0
    day: str = DAY
    reuse: Scope = Scope.ROWS
    simulated: bool = False

    @property
    def source(self) -> SpecSource:
        partition = Partition(self.dataset, self.day, INSTANT)
        kept = Generations(self.journal)
        counting = self.generation, kept.sequence, kept.amendments
        return SpecSource(partition, self.specs, self.defaults, *counting)

    @property
    def specs(self) -> Path:
        return self.data / "thread_specs" / self.dataset / self.day

    @property
    def requests(self) -> Path:
        return self.data / "requests" / self.dataset / f"{self.day}.parquet"

    @property
    def journal(self) -> Path:
        return self.data / "journal" / self.dataset / self.day

    @property
    def exchanges(self) -> Path:
        return self.data / "exchanges" / self.dataset / f"{self.day}.parquet"

    @property
    def store(self) -> Store:
        return Store(self.data, definitions())

    @property
    def reusing(self) -> Reuse:
        others = sorted(set(self.exchanges.parent.glob("*.parquet")) - {self.exchanges})
        return Reuse(scope=self.reuse, elsewhere=tuple(others), simulated=self.simulated)

    def lanes(self) -> dict[str, Lane]:
        key = None if self.key is None else SecretStr(self.key)
        return {
            client: Lane(
                client=client,
                base_url=f"{self.url}/{client}" if client not in ("openai", "anthropic") else self.url,
                api_key=key,
                key_name=entry.key_variables[0],
                key_required=entry.key_required,
                limits=self.limits.get(client, LaneLimits()),
                timeout_s=5.0,
                simulated=self.simulated,
            )
            for client, entry in PROVIDERS.items()
        }

    def plan(self, **more: Any) -> Plan:
        more |= {"journal": self.journal, "limits": self.limits, "reuse": self.reusing}
        return plan_requests(self.source, self.requests, **more)

    async def answer(
        self, *, stop: asyncio.Event | None = None, run_id: str = "run-1", **more: Any
    ) -> RunReport:
        return await run_conversations(
            self.source,
            requests=self.requests,
            journal=self.journal,
            exchanges=self.exchanges,
            lanes=self.lanes(),
            run_id=run_id,
            stop=stop or asyncio.Event(),
            max_in_flight=self.max_in_flight,
            reuse=self.reusing,
            **more,
        )

    def run(self, **more: Any) -> RunReport:
        """Plan and answer."""
        self.plan()
        return asyncio.run(self.answer(**more))

    def retry(self, *classes: str, run_id: str = "run-2", **config: Any) -> tuple[RetryReport, RunReport]:
        """Choose what failed so, plan it and ask it again."""
        chosen = self.amend(*classes, run_id=run_id, **config)
        self.plan(only=frozenset(map(ErrorClass, classes)))
        return chosen, asyncio.run(self.answer(run_id=run_id))

    def amend(self, *classes: str, run_id: str = "run-2", **config: Any) -> RetryReport:
        """Only choose what failed so."""
        retry = Retry(frozenset(map(ErrorClass, classes)), config)
        return amend(self.source, self.journal, retry, at=datetime.now(UTC), run_id=run_id)

    def versions(self) -> VersionReport:
        return write_versions(
            self.source, exchanges=self.exchanges, inbox=self.data / "inbox", code_version="1", run_id="run-1"
        )

    def exchange_rows(self) -> list[Row]:
        return pl.read_parquet(self.exchanges).to_dicts()

    def request_rows(self) -> list[Row]:
        return pl.read_parquet(self.requests).to_dicts()


@pytest.fixture
def pipeline(tmp_path: Path) -> Callable[..., Pipeline]:
    """A partition of these rows; say `url=` to have somebody answer."""

    def make(rows: list[Row], **settings: Any) -> Pipeline:
        made = Pipeline(data=tmp_path / "data", **settings)
        write_specs(made.specs, rows)
        return made

    return make


@pytest.fixture
def simulator() -> Iterator[Callable[..., str]]:
    """Start a simulator with these settings; it ends with the test."""
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(simulator_in_thread(SimulatorSettings(**settings)))


def specs(count: int, **columns: Any) -> list[Row]:
    """Simple rows that differ in key and prompt."""
    return [
        {"thread_key": f"t{n:04d}", "prompt": f"Tell me about topic {n}.", **columns} for n in range(count)
    ]
