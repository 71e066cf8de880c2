"""What these tests need: an environment that says nothing, a dataset of their own, a throw-away instance."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from minference_assets import settings
from minference_assets.components import ConversationDataset
from minference_assets.definitions import build_defs
from minference_assets.resources import Lake, Providers, Silent
from minference_core.providers import PROVIDERS
from tests.conftest import DAY, write_specs

MINIMAL = """
description: Small talk.
owners: ["team:tests"]
partitions: {type: daily, start_date: "2026-11-16"}
defaults: {client: openai, model: gpt-4.1-mini, max_tokens: 60}
"""

Run = Callable[..., dg.ExecuteInProcessResult]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Backfill policies work and are called beta; the definitions say the same filter for real runs."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore::dagster.BetaWarning"))


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty data folder, in an environment where nothing is configured."""
    for entry in PROVIDERS.values():
        for name in (*entry.key_variables, entry.url_variable):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(settings.SIMULATOR_VARIABLE, raising=False)
    monkeypatch.setenv(settings.DATA_VARIABLE, str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return tmp_path / "data"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="session")
def project() -> dg.Definitions:
    """The code location as it is."""
    return build_defs()


@pytest.fixture
def dataset() -> Callable[..., dg.Definitions]:
    """The definitions of one dataset, named chat, from its YAML."""

    def make(yaml: str = MINIMAL, **resources: object) -> dg.Definitions:
        component = ConversationDataset.resolve_from_yaml(yaml)
        return dg.Definitions.merge(
            component.defs_of("chat"),
            dg.Definitions(
                executor=dg.in_process_executor,
                resources={"lake": Lake(), "providers": Providers(), "listener": Silent(), **resources},
            ),
        )

    return make


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Run:
    """Run a job on partitions, as a backfill in a single run would."""

    def execute(
        definitions: dg.Definitions, job: str, *keys: str, config: dict[str, Any] | None = None
    ) -> dg.ExecuteInProcessResult:
        return definitions.resolve_job_def(job).execute_in_process(
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": keys[0],
                "dagster/asset_partition_range_end": keys[-1],
            },
            run_config=config,
            raise_on_error=False,
        )

    return execute


@pytest.fixture
def simulated(simulator: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Let a simulator with these settings play all providers."""

    def start(**how: Any) -> str:
        url = simulator(**how)
        monkeypatch.setenv(settings.SIMULATOR_VARIABLE, url)
        return url

    return start


def put_specs(data: Path, rows: list[dict[str, Any]], *days: str, dataset: str = "chat") -> None:
    for day in days or (DAY,):
        write_specs(data / "thread_specs" / dataset / day, rows)


def shown(result: dg.ExecuteInProcessResult, asset: str, partition: str) -> dict[str, Any]:
    """The metadata of one partition's materialization."""
    (found,) = (
        event.materialization
        for event in result.all_events
        if event.is_step_materialization
        and event.asset_key == dg.AssetKey(["chat", asset])
        and event.partition == partition
    )
    return {name: value.value for name, value in found.metadata.items()}


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, str | None]:
    return {
        check.check_name: check.description
        for check in result.get_asset_check_evaluations()
        if not check.passed
    }


def severities(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckSeverity]:
    """Of the checks that did not pass."""
    return [check.severity for check in result.get_asset_check_evaluations() if not check.passed]


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """What the step that failed says."""
    (failure,) = (event.step_failure_data for event in result.all_events if event.is_step_failure)
    assert failure.user_failure_data is not None
    return failure.user_failure_data.description or ""
