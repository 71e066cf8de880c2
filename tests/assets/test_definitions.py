"""The code location as a whole: what is in it, and that loading it asks for nothing."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

DATASETS = ("order_desk", "review_labels", "support_replies")
ROOT = Path(__file__).resolve().parents[2]


def test_everything_loads(project: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(project)


def test_the_graph_is_the_one_we_agreed(project: dg.Definitions) -> None:
    way = {
        "thread_specs": ([], ["parquet"]),
        "requests": (["thread_specs"], ["parquet", "python"]),
        "responses": (["requests"], ["parquet", "python"]),
        "entity_versions": (["responses"], ["duckdb", "parquet"]),
        "transcripts": (["entity_versions"], ["json", "parquet"]),
    }

    assert {
        spec.key.to_user_string(): (
            spec.group_name,
            [dep.asset_key.to_user_string() for dep in spec.deps],
            sorted(spec.kinds),
        )
        for spec in project.resolve_all_asset_specs()
    } == {
        f"{name}/{asset}": (name, [f"{name}/{dep}" for dep in deps], kinds)
        for name in DATASETS
        for asset, (deps, kinds) in way.items()
    }


def test_every_asset_says_what_it_is_and_whose(project: dg.Definitions) -> None:
    for spec in project.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.code_version, spec.key
        columns = spec.metadata["dagster/column_schema"].columns
        assert all(column.description for column in columns), spec.key


def test_every_asset_can_be_backfilled_in_one_run(project: dg.Definitions) -> None:
    for asset in project.resolve_asset_graph().assets_defs:
        assert asset.backfill_policy == dg.BackfillPolicy.single_run(), asset.keys


def test_only_the_budget_stops_what_comes_after_it(project: dg.Definitions) -> None:
    blocking = {
        spec.name: spec.blocking
        for asset in project.resolve_asset_graph().assets_defs
        for spec in asset.check_specs
    }

    assert blocking == {
        "partitions_are_readable": False,
        "rows_are_valid": False,
        "plan_is_within_budget": True,
        "every_thread_was_answered": False,
        "versions_are_in_the_store": False,
    }


def test_answers_are_made_by_the_one_op_that_spends(project: dg.Definitions) -> None:
    for name in DATASETS:
        responses = project.resolve_assets_def(dg.AssetKey([name, "responses"]))
        assert [node.definition.name for node in responses.node_def.nodes] == ["run_parallel_engine"]  # type: ignore[attr-defined]
    assert "run_parallel_engine" in {node.name for node in project.resolve_job_def("ad_hoc").nodes}


def test_the_store_has_one_writer_at_a_time(project: dg.Definitions) -> None:
    for name in DATASETS:
        assert project.resolve_assets_def(dg.AssetKey([name, "entity_versions"])).op.pool == "store"


def test_nothing_runs_by_itself_in_a_fresh_clone(project: dg.Definitions) -> None:
    assert {
        schedule.name: schedule.default_status
        for schedule in project.schedules or ()
        if isinstance(schedule, dg.ScheduleDefinition)
    } == {f"{name}_daily": dg.DefaultScheduleStatus.STOPPED for name in DATASETS}


@pytest.mark.parametrize("command", [["-m", "dagster", "definitions", "validate"]], ids=["dagster"])
def test_validates_with_an_empty_environment_and_leaves_nothing_behind(
    command: list[str], tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    ended = subprocess.run(
        [sys.executable, *command, "-w", str(ROOT / "workspace.yaml")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
