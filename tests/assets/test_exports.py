"""Exports as assets of a dataset, and from the command line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import yaml

from minference_assets import cli, export_command
from minference_assets.components import ConversationDataset
from minference_core.export import FORMATS
from tests.assets.conftest import MINIMAL, Run, failure_of, put_specs, shown
from tests.assets.test_tools import SCENARIOS
from tests.conftest import specs
from tests.core.lineage.small_store import make

DAYS = ("2026-11-16", "2026-11-17")
WITH_EXPORTS = (
    MINIMAL
    + """
tools_module: tests.core.shop_tools
exports:
  - {format: openai, where: "thread_key <> 't0001'"}
  - {format: chatml-text}
  - {format: parquet, name: everything, finished: false, split: {train: 0.5, test: 0.5}}
"""
)

Dataset = Callable[..., dg.Definitions]
Type = Callable[..., tuple[int, str]]


@pytest.fixture
def type_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, data: Path
) -> Type:
    """Type an export of the small store; gives its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    make(data)

    def typed(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["minference", "export", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return typed


# ── assets ────────────────────────────────────────────────────────────────────


def test_a_dataset_has_an_asset_for_each_export(dataset: Dataset) -> None:
    found = {spec.key.path[-1]: spec for spec in dataset(WITH_EXPORTS).resolve_all_asset_specs()}

    names = {"export_openai", "export_chatml_text", "export_everything"}
    assert found.keys() - {spec.key.path[-1] for spec in dataset().resolve_all_asset_specs()} == names
    for name in names:
        assert [dep.asset_key.path[-1] for dep in found[name].deps] == ["entity_versions"]
        assert found[name].description
        assert all(column.description for column in found[name].metadata["dagster/column_schema"].columns)


def test_a_run_exports_a_partition_and_says_what_is_in_it_and_another_makes_the_same(
    dataset: Dataset, run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    put_specs(data, specs(4))
    (data / "thread_specs" / "chat" / DAYS[1]).mkdir()

    result = run(dataset(WITH_EXPORTS), "chat", *DAYS)

    assert result.success
    of_day = shown(result, "export_openai", DAYS[0])
    lines = Path(of_day["path"]).read_text().splitlines()
    manifest = json.loads(Path(of_day["manifest"]).read_text())
    assert Path(of_day["path"]) == data / "exports" / "chat" / "export_openai" / f"{DAYS[0]}.jsonl"
    assert (of_day["dagster/partition_row_count"], len(lines), of_day["left_out"]) == (3, 3, 1)
    assert (manifest["left_out"], manifest["selected"]["partitions"]) == ({"where": 1}, [DAYS[0]])
    assert of_day["reply_tokens"] == manifest["reply_tokens"] > 0
    assert [one.data["thread_key"] for one in of_day["preview"].records] == ["t0000", "t0002", "t0003"]
    assert "no thread specs" in shown(result, "export_openai", DAYS[1])["skipped"]
    before = {file: file.read_bytes() for file in (data / "exports").rglob("*.*")}
    assert run(dataset(WITH_EXPORTS), "chat", *DAYS).success
    assert len(before) == 3 + 3 + 4
    assert {file: file.read_bytes() for file in (data / "exports").rglob("*.*")} == before


def test_every_way_to_use_tools_is_exported(
    dataset: Dataset, run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    put_specs(
        data, [{"thread_key": name, "max_tokens": 1000, **columns} for name, columns in SCENARIOS.items()]
    )

    result = run(dataset(WITH_EXPORTS), "chat", DAYS[0])

    every = shown(result, "export_everything", DAYS[0])
    rows = pl.concat([pl.read_parquet(file) for file in every["files"]]).sort("thread_key")
    lines = Path(shown(result, "export_openai", DAYS[0])["path"]).read_text().splitlines()
    assert rows["thread_key"].to_list() == sorted(SCENARIOS)
    assert every["left_out"] == 0
    assert len(lines) == len(SCENARIOS)  # finished, all of them
    assert [bool(tools) for tools in rows["tools"]] == [True] * len(SCENARIOS)
    for line in map(json.loads, lines):
        asked = [call["id"] for one in line["messages"] for call in one.get("tool_calls", ())]
        answered = [one["tool_call_id"] for one in line["messages"] if one["role"] == "tool"]
        assert asked
        assert asked == answered


def test_a_partition_of_which_nothing_is_left_is_an_empty_file(
    dataset: Dataset, run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated(faults={"400": 1.0})
    put_specs(data, specs(2))

    result = run(dataset(MINIMAL + "exports: [{format: openai}]"), "chat", DAYS[0])

    exported = shown(result, "export_openai", DAYS[0])
    assert (exported["dagster/partition_row_count"], exported["left_out"]) == (0, 2)
    assert Path(exported["path"]).read_bytes() == b""


def test_a_condition_that_cannot_be_run_fails_its_own_asset(
    dataset: Dataset, run: Run, simulated: Callable[..., str], data: Path
) -> None:
    simulated()
    put_specs(data, specs(1))

    result = run(dataset(MINIMAL + "exports: [{format: openai, where: modle = 1}]"), "chat", DAYS[0])

    assert not result.success
    assert failure_of(result).startswith(
        f"exporting chat {DAYS[0]} as openai: where cannot be run: Binder Error: "
    )


@pytest.mark.parametrize(
    ("exports", "words"),
    [
        pytest.param([{"format": "alpaca"}], "no format is named alpaca", id="format"),
        pytest.param([{"format": "openai"}] * 2, "two exports are named export_openai", id="twice"),
        pytest.param([{"format": "openai", "reasoning": True}], "no place for reasoning", id="reasoning"),
        pytest.param([{"format": "openai", "name": "My own"}], "small letters", id="name"),
        pytest.param([{"format": "chatml", "split": {"train": 2}}], "at most 1", id="share"),
        pytest.param([{"format": "chatml", "were": "x"}], "were", id="unknown field"),
    ],
)
def test_a_mistake_in_an_export_is_named(exports: list[dict[str, Any]], words: str) -> None:
    said = {**yaml.safe_load(MINIMAL), "exports": exports}

    with pytest.raises(Exception, match=words):
        ConversationDataset.resolve_from_yaml(yaml.safe_dump(said))


# ── the command ───────────────────────────────────────────────────────────────


def test_an_export_is_typed_made_and_made_again(type_in: Type, tmp_path: Path) -> None:
    code, said = type_in(
        "sales", "2026-01-01", "--format", "sharegpt", "--output", "out/x.jsonl", "--where", "sample = 0"
    )
    again_code, again = type_in("--manifest", "out/x.manifest.json", "--output", "again/x.jsonl")

    assert (code, again_code) == (0, 0), said + again
    assert said.splitlines() == [
        "out/x.jsonl: 2 conversations",
        "68 messages, 0 tokens in replies",
        "left out: 1 server, 1 truncated",
        "manifest: out/x.manifest.json",
    ]
    assert "the same bytes as before" in again
    assert (tmp_path / "again" / "x.jsonl").read_bytes() == (tmp_path / "out" / "x.jsonl").read_bytes()


def test_without_an_output_it_is_beside_the_other_exports(type_in: Type, data: Path) -> None:
    shares = ("--split", "train=0.5,test=0.5")
    code, said = type_in("sales", "2026-01-01", "--format", "parquet", *shares, "--all", "--valid")

    folder = data / "exports" / "sales"
    files = [folder / f"sales-parquet-{split}.parquet" for split in ("train", "test")]
    assert code == 0, said
    assert sum(pl.read_parquet(file).height for file in files) == 2


def test_a_manifest_whose_bytes_changed_is_exit_1(type_in: Type, tmp_path: Path) -> None:
    type_in("sales", "--format", "chatml", "--output", "x.jsonl")
    manifest = json.loads((tmp_path / "x.manifest.json").read_text())
    manifest["files"][0]["sha256"] = "0" * 64
    (tmp_path / "x.manifest.json").write_text(json.dumps(manifest))

    code, said = type_in("--manifest", "x.manifest.json")

    assert code == 1
    assert "not the same bytes as before: x.jsonl" in said


@pytest.mark.parametrize(
    ("code", "words", "arguments"),
    [
        pytest.param(2, "of a dataset nobody: there are sales", ["nobody"], id="unknown dataset"),
        pytest.param(2, "of sales 2025-01-01: there are", ["sales", "2025-01-01"], id="unknown partition"),
        pytest.param(2, 'column "modle" not found', ["sales", "--where", "modle = 1"], id="unknown column"),
        pytest.param(2, "sql cannot be run: Parser Error", ["--sql", "selct 1"], id="bad SQL"),
        pytest.param(1, "nothing to export: all", ["sales", "--where", "sample > 5"], id="empty"),
        pytest.param(
            2, "a file of the format chatml ends in .jsonl", ["sales", "--output", "x.csv"], id="ending"
        ),
        pytest.param(2, "are no shares: write NAME=SHARE", ["sales", "--split", "train"], id="split"),
        pytest.param(
            2, "give nothing else but --output", ["sales", "--manifest", __file__], id="manifest and more"
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(
    type_in: Type, code: int, words: str, arguments: list[str]
) -> None:
    ended, said = type_in(*arguments, "--format", "chatml")

    assert (ended, words in said) == (code, True), said


def test_a_format_has_to_be_named(type_in: Type) -> None:
    code, said = type_in("sales")

    assert code == 2
    assert "say what the rows are to be: --format chatml|chatml-text|" in said


def test_the_command_knows_every_format() -> None:
    assert tuple(FORMATS) == export_command._FORMATS
