"""Exports of a store: which conversations are in one, that it can be made again, and what goes wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow.parquet as pq
import pytest

from minference_core.entities import EntityRegistry
from minference_core.errors import ConfigError, DiskError, ExportError, StoreError
from minference_core.export import ExportReport, Splits, export_again, read_manifest
from minference_core.lineage import EntityStore
from minference_core.specs import SpecDefaults
from minference_core.store import connect
from minference_core.threads import ChatThread
from tests.conftest import Pipeline, specs
from tests.core.hostile import server
from tests.core.lineage.small_store import IDS, named
from tests.core.scripted import Asked, Call, model

from .conftest import Export

Make = Callable[..., Pipeline]
# One red pixel.
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElF"
    "TkSuQmCC"
)


def versions(report: ExportReport) -> list[str]:
    """Which versions are in an export, by their names in the small store."""
    return [named(UUID(one)) for one in pl.read_parquet(report.places.versions)["thread_id"]]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


# ── which conversations ───────────────────────────────────────────────────────


def test_an_export_has_the_current_versions_of_what_is_finished(exported: Export) -> None:
    report = exported()

    assert versions(report) == ["a1x", "c2"]
    assert report.manifest.left_out == {"server": 1, "truncated": 1}
    assert (report.manifest.conversations, report.manifest.messages) == (2, 68)
    assert [row["begins"][:7] for row in report.preview] == ['Say "hi', "line 1"]


@pytest.mark.parametrize(
    ("selection", "there", "left_out"),
    [
        pytest.param({"finished": False}, ["a1x", "c2", "d1"], {"empty": 1}, id="all"),
        pytest.param(
            {"finished": False, "valid": True}, ["a1x", "c2"], {"invalid": 1, "empty": 1}, id="valid"
        ),
        pytest.param({"where": "model like 'claude%' -- mine"}, ["c2"], {"where": 3}, id="where"),
        pytest.param(
            {"where": "messages[-1].content = 'Good day.'"}, ["a1x"], {"where": 3}, id="by what is said"
        ),
        pytest.param(
            {"partitions": ("2026-01-01",)}, ["a1x", "c2"], {"server": 1, "truncated": 1}, id="partition"
        ),
    ],
)
def test_filters_leave_out_and_say_why(
    exported: Export, selection: dict[str, Any], there: list[str], left_out: dict[str, int]
) -> None:
    report = exported(**selection)

    assert versions(report) == there
    assert report.manifest.left_out == left_out


def test_sql_chooses_any_versions_each_once(exported: Export) -> None:
    wanted = [IDS["a1"], IDS["a1"], IDS["c1"], IDS["d0"], IDS["d1"], IDS["T"]]
    ids = " union all ".join(f"select '{one}'" for one in wanted)

    report = exported(sql=f"{ids} -- all of them", dataset=None)

    assert versions(report) == ["a1", "c1"]
    assert report.manifest.left_out == {"truncated": 1, "unfinished": 1, "unknown": 1}
    assert report.manifest.selected.sql == f"{ids} -- all of them"


def test_a_version_longer_than_its_own_list_is_resolved(exported: Export) -> None:
    report = exported(where="thread_key = 'c'")

    (row,) = pl.read_parquet(report.files[0]).to_dicts()
    assert [one["content"] for one in row["messages"]] == [
        "Be brief.", *(f"line {n}" for n in range(1, 65)), "line 69", "line 70",
    ]  # fmt: skip


# ── what is in a row ──────────────────────────────────────────────────────────


def looks_up(asked: Asked) -> str | list[Call]:
    if not asked.results:
        return [("double", {"x": 4}), ("broken", {"x": 1}), ("add", {"x": 2})]
    return "Done."


def test_a_row_says_what_the_entities_say(pipeline: Make, exported: Export) -> None:
    """Calls, results, reasoning, pictures, prompt and tools, from a real loop."""
    row = {"thread_key": "t", "prompt": "Go on.", "images": [PNG], "system_prompt": "Be brief.",
           "response_format": "auto_tools", "tools": ["double", "add", "broken"], "max_tokens": 900,
           "meta_tag": "x"}  # fmt: skip
    defaults = SpecDefaults(
        client="anthropic", model="claude-haiku-5-5", tools_module="tests.core.shop_tools"
    )
    with server(model(looks_up)) as (url, _):
        made = pipeline([row], url=url, defaults=defaults)
        made.run()
    made.versions()
    made.store.fold()

    report = exported(store=made.store.published, dataset="chat")

    (got,) = pq.read_table(report.files[0]).to_pylist()
    with EntityRegistry().active() as registry:
        registry.attach(EntityStore(made.data))
        thread = ChatThread.get(UUID(got["thread_id"]))
        assert thread is not None
        prompt, *said = got["messages"]
        assert prompt["content"] == "Be brief."
        assert [(one["role"], one["content"], one["reasoning_content"], one["images"]) for one in said] == [
            (
                one.role,
                one.content,
                one.reasoning,
                [image.as_url for image in one.images] if one.images else None,
            )
            for one in thread.history
        ]
        assert [
            (one["id"], one["function"]["name"], json.loads(one["function"]["arguments"]))
            for one in said[1]["tool_calls"]
        ] == [(one.call_id, one.name, one.arguments) for one in thread.history[1].calls]
        assert [one["tool_call_id"] for one in said[2:5]] == [
            one.oai_tool_call_id for one in thread.history[2:5]
        ]
        assert json.loads(got["tools"]) == [tool.get_openai_tool() for tool in thread.tools]
        registry.detach()
    assert [one["role"] for one in said] == ["user", "assistant", "tool", "tool", "tool", "assistant"]
    assert said[1]["reasoning_content"] == "Hm."
    assert json.loads(got["meta"]) == {"meta_tag": "x"}
    assert report.manifest.reply_tokens == 6


def test_a_conversation_that_was_mended_is_not_valid(pipeline: Make, exported: Export) -> None:
    def answers(asked: Asked) -> str:
        return "{}" if "cannot be used" in asked.said else "Sure!"

    with server(model(answers)) as (url, _):
        made = pipeline(specs(1, response_format="json_object"), url=url)
        made.run()
    made.versions()
    made.store.fold()

    report = exported(store=made.store.published, dataset="chat", format="openai")

    (line,) = report.files[0].read_text().splitlines()
    assert [one.get("weight") for one in json.loads(line)["messages"]] == [None, 0, None, None]
    with pytest.raises(ExportError, match=r"left out \(1 invalid\)"):
        exported(store=made.store.published, dataset="chat", valid=True)


# ── again ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["chatml", "parquet"])
def test_the_same_export_has_the_same_bytes(exported: Export, tmp_path: Path, form: str) -> None:
    splits = {"train": 0.5, "test": 0.5}
    exported(format=form, splits=splits, finished=False)
    first = contents(tmp_path / "out")

    exported(format=form, splits=splits, finished=False)

    assert contents(tmp_path / "out") == first
    ending = ".parquet" if form == "parquet" else ".jsonl"
    assert sorted(first) == [
        "out-test" + ending, "out-train" + ending, "out.manifest.json", "out.versions.parquet",
    ]  # fmt: skip


def test_a_manifest_makes_the_same_export_whatever_was_added_since(
    pipeline: Make, simulator: Callable[..., str], exported: Export, tmp_path: Path
) -> None:
    made = pipeline(specs(3), url=simulator())
    made.run()
    made.versions()
    made.store.fold()
    first = exported(store=made.store.published, dataset="chat", splits={"train": 0.6, "test": 0.4})
    before = contents(tmp_path / "out")
    made.generation = 1
    made.run()
    made.versions()
    made.store.fold()

    again = export_again(made.store.published, first.places.manifest, tmp_path / "again" / "out.parquet")
    now = exported("now", store=made.store.published, dataset="chat")

    after = contents(tmp_path / "again")
    assert again.changed == ()
    assert {name: after[name] for name in after if "manifest" not in name} == {
        name: before[name] for name in before if "manifest" not in name
    }
    assert versions(now) != versions(first)
    manifests = read_manifest(first.places.manifest), read_manifest(again.places.manifest)
    assert [one.store.segments for one in manifests] == [1, 2]
    assert manifests[0].model_dump(exclude={"store"}) == manifests[1].model_dump(exclude={"store"})


def test_a_manifest_of_another_store_or_without_its_list_is_refused(
    exported: Export, pipeline: Make, simulator: Callable[..., str]
) -> None:
    report = exported()
    made = pipeline(specs(1), url=simulator())
    made.run()
    made.versions()
    made.store.fold()

    with pytest.raises(ExportError, match=r"2 versions of .* are not in this store"):
        export_again(made.store.published, report.places.manifest)
    report.places.versions.write_bytes(b"")
    with pytest.raises(ExportError, match="is not the list of versions"):
        export_again(made.store.published, report.places.manifest)
    report.places.manifest.write_text("{}")
    with pytest.raises(ConfigError, match="no manifest of an export"):
        export_again(made.store.published, report.places.manifest)


def test_the_list_of_versions_is_in_the_order_of_the_rows(exported: Export) -> None:
    report = exported(finished=False, splits={"train": 0.5, "test": 0.5})

    rows = [one for file in report.files for one in pl.read_parquet(file)["thread_id"]]
    assert rows == pl.read_parquet(report.places.versions)["thread_id"].to_list()
    assert [(entry.split, entry.rows) for entry in report.manifest.files] == [
        (split, pl.read_parquet(file).height)
        for split, file in zip(("train", "test"), report.files, strict=True)
    ]


# ── splits ────────────────────────────────────────────────────────────────────


def test_a_lineage_is_in_the_same_split_for_ever(small: Path) -> None:
    """If this fails, exports that are made again mix what was held back with what was not."""
    splits = Splits({"train": 0.8, "test": 0.1})

    with connect(small) as store:
        found = store.sql(
            f"select {splits.sql('id')}, count(*) "  # noqa: S608 (ours)
            "from (select md5(n::varchar)::uuid as id from range(2000) as t(n)) "
            "group by 1 order by 1 nulls last"
        ).fetchall()

    assert found == [(0, 1604), (1, 195), (None, 201)]


def test_what_the_shares_do_not_cover_is_left_out(exported: Export) -> None:
    report = exported(splits={"tiny": 0.000001}, may_be_empty=True)

    assert report.manifest.left_out == {"no_split": 4}


@pytest.mark.parametrize(
    "shares", [{"train": 0.9, "test": 0.2}, {"train": 0.0}, {"a/b": 0.5}, {"train": 1.5}]
)
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="split"):
        Splits(shares)


# ── what goes wrong ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("order", "words"),
    [
        pytest.param({"dataset": "nobody"}, "of a dataset nobody: there are sales", id="dataset"),
        pytest.param({"partitions": ("2025-01-01",)}, "of sales 2025-01-01: there are 2026", id="partition"),
        pytest.param({"dataset": None}, "name a dataset, or give sql", id="nothing selected"),
        pytest.param({"format": "alpaca"}, "no format is named alpaca: there are chatml", id="format"),
        pytest.param({"format": "openai", "reasoning": True}, "no place for reasoning", id="reasoning"),
        pytest.param({"where": "modle = 'x'"}, 'cannot be run: .*"modle" not found', id="unknown column"),
        pytest.param({"where": "reason is null"}, '"reason" not found', id="a column of ours"),
        pytest.param({"where": "model ="}, "where cannot be run: Parser Error", id="half a condition"),
        pytest.param({"where": "1=1); select (1"}, "more than one statement", id="two statements"),
        pytest.param({"sql": "select 'x'"}, "sql cannot be run: .*'x' to UUID", id="no ids"),
        pytest.param({"sql": "delete from thread_version"}, "sql cannot be run", id="no query"),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_understood_says_why(
    exported: Export, tmp_path: Path, order: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        exported(**order)

    assert not any((tmp_path / "out").glob("*"))


def test_an_export_of_nothing_leaves_the_older_files_alone(exported: Export, tmp_path: Path) -> None:
    exported()
    before = contents(tmp_path / "out")

    with pytest.raises(ExportError, match=r"nothing to export: .* left out \(4 where\)"):
        exported(where="sample > 5")

    assert contents(tmp_path / "out") == before
    report = exported(where="sample > 5", may_be_empty=True)
    assert pl.read_parquet(report.files[0]).height == 0


def test_no_store_and_no_place_to_write_are_said(exported: Export, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        exported(store=tmp_path / "none.duckdb")
    (tmp_path / "out").rmdir()
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DiskError, match="cannot be written"):
        exported()
