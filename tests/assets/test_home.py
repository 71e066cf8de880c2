"""DAGSTER_HOME, and what a killed command line leaves in it."""

from pathlib import Path

import dagster as dg
import pytest

from minference_assets import home
from minference_assets.project import project_root


def started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    @dg.job(name="anything")
    def anything() -> None: ...

    run = instance.create_run_for_job(anything, tags=tags)
    return run.run_id


def test_an_exported_home_wins_and_gets_our_settings(tmp_path: Path) -> None:
    assert home.prepare(tmp_path) == tmp_path / "home"
    assert "pools" in (tmp_path / "home" / "dagster.yaml").read_text()


def test_an_exported_home_keeps_its_own_settings(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    home.prepare(tmp_path)

    assert (tmp_path / "home" / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_the_project_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)

    assert project_root(tmp_path / "a" / "b") == tmp_path


def test_a_run_whose_process_is_gone_is_forgotten_and_a_living_one_is_not(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    with home.claimed(tmp_path) as tags:
        alive = started(instance, tags)
        dead = started(instance, dict.fromkeys(tags, "no-such-process"))
        others = started(instance, {})

        assert home.forget_dead_runs(instance, tmp_path) == 1

    assert instance.get_run_by_id(dead).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    for run_id in (alive, others):
        assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.NOT_STARTED  # type: ignore[union-attr]


def test_a_dead_run_gives_back_its_place_in_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed run in the pool would otherwise keep the next from ever writing to the store."""
    folder = home.prepare(tmp_path)
    with dg.DagsterInstance.get() as instance:
        run_id = started(instance, {"minference/process": "no-such-process"})
        storage = instance.event_log_storage
        storage.initialize_concurrency_limit_to_default("store")
        assert storage.claim_concurrency_slot("store", run_id, "step").is_claimed

        home.forget_dead_runs(instance, folder)

        assert storage.get_concurrency_run_ids() == set()
