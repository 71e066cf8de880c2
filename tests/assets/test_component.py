"""A dataset's YAML: what it may say, and what it says when it is wrong."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest
import yaml

from minference_assets.components import ConversationDataset
from minference_assets.new_dataset import write_dataset
from minference_assets.partitions import partition
from minference_core.engine import LaneLimits
from minference_core.specs import EPOCH
from tests.assets.conftest import MINIMAL


def test_what_is_said_is_what_the_assets_get() -> None:
    said = MINIMAL + "budget_usd: 2.5\nlimits: {openai: {requests_per_minute: 60}}\nmax_in_flight: 8\n"

    made = ConversationDataset.resolve_from_yaml(said).dataset("chat")

    assert made.defaults.model == "gpt-4.1-mini"
    assert made.limits == {"openai": LaneLimits(requests_per_minute=60)}
    assert not made.allow_unknown_price
    assert (made.max_in_flight, made.budget_usd) == (8, Decimal("2.5"))


@pytest.mark.parametrize(
    ("line", "names"),
    [
        pytest.param("budget: 3", "budget", id="unknown field"),
        pytest.param("defaults: {modl: x}", "modl", id="unknown column"),
        pytest.param("limits: {opnai: {}}", "opnai", id="unknown client"),
        pytest.param("limits: {openai: {rpm: 3}}", "rpm", id="unknown limit"),
        pytest.param(
            "limits: {openai: {requests_per_minute: 0}}", "requests_per_minute", id="limit of nothing"
        ),
        pytest.param("partitions: {type: daily}", "start_date", id="daily without a start"),
        pytest.param(
            "partitions: {type: named, start_date: '2026-11-16'}", "start_date", id="named with one"
        ),
        pytest.param("schedule: {hour: 24}", "hour", id="no such hour"),
        pytest.param("budget_usd: 0", "budget_usd", id="no budget"),
        pytest.param("max_in_flight: 0", "max_in_flight", id="nothing in flight"),
    ],
)
def test_a_mistake_is_named(line: str, names: str) -> None:
    said = {**yaml.safe_load(MINIMAL), **yaml.safe_load(line)}

    with pytest.raises(Exception, match=names):
        ConversationDataset.resolve_from_yaml(yaml.safe_dump(said))


def test_named_partitions_have_no_schedule() -> None:
    said = {**yaml.safe_load(MINIMAL), "partitions": {"type": "named"}, "schedule": {"hour": 6}}

    with pytest.raises(ValueError, match="schedule goes with daily partitions"):
        ConversationDataset.resolve_from_yaml(yaml.safe_dump(said))


def test_transcripts_can_be_left_out(dataset: Callable[..., dg.Definitions]) -> None:
    keys = {spec.key.path[-1] for spec in dataset(MINIMAL + "transcripts: false\n").resolve_all_asset_specs()}

    assert keys == {"thread_specs", "requests", "responses", "entity_versions"}


def test_the_written_file_is_a_dataset(tmp_path: Path) -> None:
    for name, first_day in (("by_day", "2026-11-16"), ("by_name", None)):
        said = yaml.safe_load(write_dataset(tmp_path, name, first_day=first_day).read_text())
        assert said["type"] == "minference_assets.components.ConversationDataset"
        ConversationDataset.resolve_from_yaml(yaml.safe_dump(said["attributes"])).dataset(name)


def test_a_dataset_is_not_written_twice_or_under_a_bad_name(tmp_path: Path) -> None:
    write_dataset(tmp_path, "mine", first_day=None)

    with pytest.raises(ValueError, match="there already"):
        write_dataset(tmp_path, "mine", first_day=None)
    with pytest.raises(ValueError, match="small letters"):
        write_dataset(tmp_path, "My Data", first_day=None)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("day", ["16.11.2026", "20261116", "2026-13-01", ""])
def test_a_first_day_that_is_none_is_not_written(tmp_path: Path, day: str) -> None:
    with pytest.raises(ValueError, match="write it as 2026-11-16"):
        write_dataset(tmp_path, "mine", first_day=day)

    assert list(tmp_path.iterdir()) == []


def test_a_day_is_born_at_its_start_and_a_name_at_no_time() -> None:
    """Ids begin with this instant: if it changed, every id in every store would."""
    daily = ConversationDataset.resolve_from_yaml(MINIMAL).dataset("chat").partitions
    named = dg.DynamicPartitionsDefinition(name="chat")

    assert partition("chat", "2026-11-18", daily).instant == datetime(2026, 11, 18, tzinfo=UTC)
    assert partition("chat", "pilot", named).instant == EPOCH
