"""`minference store`, from the command line."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from minference_assets.cli import cli
from minference_assets.loading import load_datasets
from minference_assets.partitions import partition
from minference_assets.resources import Lake
from minference_core.store import connect
from tests.assets.conftest import put_specs
from tests.conftest import DAY, Pipeline, specs

Command = Callable[..., Result]


@pytest.fixture
def command(data: Path) -> Command:
    return lambda *arguments: CliRunner().invoke(cli, ["store", *arguments])


@pytest.fixture
def filled(data: Path, simulator: Callable[..., str]) -> Path:
    """One partition of a dataset of this project's, as a run would have left it."""
    (dataset,) = (each for each in load_datasets() if each.name == "support_replies")
    put_specs(data, specs(3), dataset=dataset.name)
    made = Pipeline(data, url=simulator(), dataset=dataset.name, defaults=dataset.defaults)
    assert made.source.partition == partition(dataset.name, DAY, dataset.partitions)
    made.run()
    made.versions()
    made.store.fold()
    return data


def one(data: Path, sql: str) -> str:
    with connect(data / "minference.duckdb") as connection:
        return str(connection.execute(sql).fetchall()[0][0])


def test_every_dataset_is_loaded_with_its_name() -> None:
    assert {dataset.name for dataset in load_datasets()} >= {"order_desk", "support_replies"}


def test_a_sound_store_is_said_to_be_sound(filled: Path, command: Command) -> None:
    assert command("check").output == "the store is sound\n"
    assert command("check", "--deep").output == "the store is sound: every version is what its id says\n"


def test_problems_are_lines_and_the_exit_code_is_1(filled: Path, command: Command) -> None:
    with duckdb.connect(filled / "minference.duckdb") as connection:
        connection.execute("delete from message_version where role = 'user'")

    found = command("check")

    assert found.exit_code == 1
    lines = found.output.splitlines()
    assert lines[0].startswith("thread_version ")
    assert "is not in message_version; run its partition again" in lines[0]
    assert lines[-1].startswith("message_version : the published file has other rows than the private one")


def test_a_rebuild_says_what_it_made_and_took_over(filled: Path, command: Command) -> None:
    done = command("rebuild")

    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == f"1 of 1: support_replies {DAY}"
    assert "rows of 1 partitions again, and took over 0 that only the earlier file had" in done.output
    assert command("check", "--deep").exit_code == 0


def test_a_redaction_says_what_went_and_where_the_text_may_still_be(filled: Path, command: Command) -> None:
    reply = one(filled, "select out_message_id from exchange")

    done = command("redact", reply, "--reason", "asked to", "--by", "ada")

    assert done.exit_code == 0, done.output
    assert f"redacted message_version {reply}" in done.output
    for kind in ("thread_specs", "requests", "journal", "exchanges"):
        assert f"warning: {filled / kind / 'support_replies' / DAY}" in done.output
    assert (
        one(filled, "select distinct content from message_version semi join redaction using (id)")
        == "[redacted]"
    )
    assert one(filled, "select distinct redacted_by from redaction") == "ada"


def test_what_the_lake_calls_asked_has_exchanges(filled: Path) -> None:
    assert Lake().partitions_with_exchanges("support_replies") == [DAY]
    assert Lake().partitions_with_exchanges("order_desk") == []
