"""Loops, workflows and several turns through the assets, on all three wire formats."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from minference_assets.components import ConversationDataset
from minference_core.store import connect
from tests.assets.conftest import MINIMAL, Run, failed_checks, put_specs, shown
from tests.conftest import DAY

WITH_TOOLS = MINIMAL + "tools_module: tests.core.shop_tools\n"
MODELS = [("openai", "gpt-4.1-mini"), ("openai", "gpt-5.4-mini"), ("anthropic", "claude-haiku-5-5")]
SCENARIOS: dict[str, dict[str, Any]] = {
    "loop": {"response_format": "auto_tools", "tools": ["double", "add"], "prompt": "Add up 1 and 2."},
    "turns": {"response_format": "auto_tools", "tools": ["add"], "user_turns": ["Add 1 and 2.", "Und 3?"]},
    "workflow": {"response_format": "workflow", "tools": ["double", "add", "label"], "prompt": "Go."},
    "forced": {"response_format": "tool", "forced_output": "add", "prompt": "Add up."},
}


def test_every_scenario_ends_complete_on_every_wire_format_and_is_not_run_twice(
    dataset: Callable[..., dg.Definitions], run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    rows = [
        {"thread_key": f"{name}-{model}", "client": client, "model": model, "max_tokens": 1000, **columns}
        for name, columns in SCENARIOS.items()
        for client, model in MODELS
    ]
    put_specs(data, rows)

    result = run(dataset(WITH_TOOLS), "chat", DAY)
    again = run(dataset(WITH_TOOLS), "chat", DAY)

    assert (result.success, failed_checks(result)) == (True, {})
    assert shown(result, "transcripts", DAY)["complete"] == len(rows)
    assert (shown(again, "responses", DAY)["sent"], shown(again, "requests", DAY)["answered"]) == (
        0,
        len(rows),
    )
    with connect(data / "minference.duckdb") as store:
        paths = store.execute("select distinct parse_path(url)[-1] from exchange order by 1").fetchall()
        assert [path for (path,) in paths] == ["completions", "messages", "responses"]
        steps = "select thread_key, workflow_step from thread_current where thread_key like 'workflow%'"
        assert {step for _, step in store.execute(steps).fetchall()} == {3}
        turns = "select distinct thread_key from exchange where thread_key like 'turns%' and turn = 2"
        assert len(store.execute(turns).fetchall()) == 3
        twice = "select count(*), count(distinct id) from tool_run"
        ((ran, distinct),) = store.execute(twice).fetchall()
        assert ran == distinct > 0


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("tests.no_such_module", "tools_module tests.no_such_module cannot be imported"),
        ("tests.conftest", "tools_module tests.conftest has no list TOOLS: list the tools in it"),
    ],
)
def test_a_module_without_tools_is_named_when_the_dataset_is_loaded(module: str, says: str) -> None:
    said = {**yaml.safe_load(MINIMAL), "tools_module": module}

    with pytest.raises(Exception, match=says):
        ConversationDataset.resolve_from_yaml(yaml.safe_dump(said))
