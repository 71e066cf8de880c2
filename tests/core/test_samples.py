"""The sample data: every row is in order, the script makes it, and the order desk's tools run in it."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from minference_core.conversations import plan_requests
from minference_core.export import write_transcripts
from minference_core.specs import (
    SPEC_COLUMNS,
    Partition,
    SpecDefaults,
    SpecSource,
    inspect_specs,
    read_rows,
    spec_files,
    tools_of,
)
from minference_core.store.read import connect
from tests.conftest import DAY, Pipeline

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "data" / "thread_specs"
DEFS = ROOT / "minference_assets" / "defs"
DESK = "order_desk"
DATASETS = ("order_desk", "review_labels", "support_replies")
DAYS = ("2026-11-16", "2026-11-17", "2026-11-18")
CONVERSATIONS = {"order_desk": 71, "review_labels": 182, "support_replies": 169}

each_dataset = pytest.mark.parametrize("dataset", DATASETS)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """scripts/make_thread_specs.py, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("make_thread_specs", ROOT / "scripts/make_thread_specs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def defaults(dataset: str) -> SpecDefaults:
    """What the dataset's YAML says."""
    said = yaml.safe_load((DEFS / dataset / "defs.yaml").read_text(encoding="utf-8"))["attributes"]
    return SpecDefaults(**said["defaults"], tools_module=said.get("tools_module"))


def source(dataset: str, day: str) -> SpecSource:
    born = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return SpecSource(Partition(dataset, day, born), SPECS / dataset / day, defaults(dataset))


def sources(dataset: str) -> Iterator[SpecSource]:
    return (source(dataset, day) for day in DAYS)


def called(message: dict[str, Any]) -> list[str]:
    """The ids of the calls that a message of a transcript asks for, in order."""
    return [call["id"] for call in json.loads(message["tool_calls"] or "[]")]


# ── the files ─────────────────────────────────────────────────────────────────


@each_dataset
def test_every_row_is_valid(dataset: str) -> None:
    reports = [inspect_specs(each) for each in sources(dataset)]

    assert [str(problem) for report in reports for problem in report.invalid] == []
    assert sum(report.conversations for report in reports) == CONVERSATIONS[dataset]


@each_dataset
def test_every_request_can_be_written_and_has_a_plan(dataset: str, tmp_path: Path) -> None:
    plans = [
        plan_requests(
            each, tmp_path / f"{each.partition.key}.parquet", journal=tmp_path / each.partition.key, limits={}
        )
        for each in sources(dataset)
    ]

    assert sum(plan.new for plan in plans) == CONVERSATIONS[dataset]
    assert [plan.invalid for plan in plans] == [0, 0, 0]
    assert all(plan.cost_high_usd < 5 for plan in plans)  # the budget of each


def test_the_files_are_those_that_the_script_makes(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["make_thread_specs.py", "--into", str(tmp_path)])
    script.main()

    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.parquet"))
    there = {path.relative_to(SPECS) for name in DATASETS for day in DAYS for path in files(name, day)}
    assert set(made) == there
    for path in made:
        assert pq.read_table(tmp_path / path).equals(pq.read_table(SPECS / path)), path


def files(dataset: str, day: str) -> list[Path]:
    return spec_files(SPECS / dataset / day)


def test_the_page_on_thread_specs_has_every_column() -> None:
    page = (ROOT / "docs" / "thread-specs.md").read_text(encoding="utf-8")

    assert [name for name in sorted(SPEC_COLUMNS) if f"`{name}`" not in page] == []


def test_the_pages_tools_module_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "thread-specs.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("```python\n")
    (tmp_path / "tools_of_the_page.py").write_text(rest.partition("```")[0], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    assert list(tools_of("tools_of_the_page").tools) == ["local_time", "card"]


# ── the order desk ────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path: Path, simulator: Callable[..., str]) -> Pipeline:
    """Its first day, with somebody to ask."""
    made = Pipeline(data=tmp_path / "data", url=simulator(), dataset=DESK, defaults=defaults(DESK))
    made.specs.mkdir(parents=True)
    for path in files(DESK, DAY):
        (made.specs / path.name).write_bytes(path.read_bytes())
    return made


@pytest.mark.parametrize("day", DAYS)
def test_the_order_desk_shows_every_way_of_asking_on_every_wire_format(day: str, tmp_path: Path) -> None:
    there = source(DESK, day)
    specs = [row.spec for row in read_rows(there) if row.spec is not None]
    plan_requests(there, tmp_path / "plan.parquet", journal=tmp_path / "journal", limits={})
    paths = pq.read_table(tmp_path / "plan.parquet", columns=["url_path"])["url_path"].unique().to_pylist()

    assert {spec.response_format for spec in specs} == {
        "text", "auto_tools", "workflow", "tool", "structured_output",
    }  # fmt: skip
    assert {path.rpartition("/v1")[2] for path in paths} >= {"/chat/completions", "/responses", "/messages"}
    assert {"text", "structured_output"} <= {spec.response_format for spec in specs if spec.images}
    assert any(message.tool_calls for spec in specs for message in spec.messages or ())
    assert any(spec.samples > 1 for spec in specs)
    assert any(len(spec.user_turns or ()) > 1 for spec in specs if spec.response_format == "auto_tools")


def test_a_workflow_and_a_forced_tool_are_asked_for_in_all_wire_formats() -> None:
    specs = [row.spec for each in sources(DESK) for row in read_rows(each) if row.spec is not None]
    for form in ("auto_tools", "workflow", "structured_output"):
        models = {spec.model for spec in specs if spec.response_format == form}
        assert models >= {"gpt-4.1-mini", "gpt-5.4-mini", "claude-haiku-5-5"}, form


def test_the_first_day_goes_all_the_way_and_no_tool_runs_twice(desk: Pipeline) -> None:
    report = desk.run()
    desk.versions()
    desk.store.fold()
    spoken = write_transcripts(
        desk.source, exchanges=desk.exchanges, target_folder=desk.data / "transcripts"
    )  # fmt: skip
    rows = desk.exchange_rows()
    executions = sorted(run_of(row) for row in rows if row["tool_name"] is not None)
    told = [json.loads(line) for line in spoken.files[1].read_text(encoding="utf-8").splitlines()]
    with connect(desk.store.published) as con:
        stored = con.execute(
            "select lineage_id::varchar, tool_call_id, tool_name, arguments, result, error from tool_run"
        ).fetchall()

    assert (dict(report.failures), report.complete, spoken.complete) == ({}, 25, 25)
    assert [thread["thread_key"] for thread in told if not thread["complete"]] == []
    assert len(executions) > 10
    assert sorted(map(run_as_stored, stored)) == executions
    assert any(row["error_message"] for row in rows if row["tool_name"])  # an order that is not there
    for thread in told:
        assert_each_call_has_its_result(thread)

    again = desk.run()
    assert (again.sent, again.skipped, again.complete) == (0, 25, 25)
    assert desk.exchange_rows() == rows


def run_of(row: dict[str, Any]) -> tuple[str, ...]:
    return run_as_stored(
        (
            row["lineage_id"],
            row["tool_call_id"],
            row["tool_name"],
            row["arguments"],
            None if row["error_message"] else row["result"],
            row["error_message"],
        )
    )


def run_as_stored(run: tuple[str | None, ...]) -> tuple[str, ...]:
    return tuple("" if each is None else each for each in run)


def assert_each_call_has_its_result(thread: dict[str, Any]) -> None:
    """In the order of the calls, right after them."""
    messages = thread["messages"]
    for place, message in enumerate(messages):
        calls = called(message)
        results = messages[place + 1 : place + 1 + len(calls)]
        assert [result["tool_call_id"] for result in results] == calls, thread["thread_key"]
    assert sum(len(called(message)) for message in messages) == sum(
        message["role"] == "tool" for message in messages
    )


def test_what_was_looked_up_before_is_what_the_tools_say_now(script: ModuleType) -> None:
    for each in sources(DESK):
        for row in read_rows(each):
            said = (row.spec and row.spec.messages) or ()
            calls = {call.id: call for message in said for call in message.tool_calls or ()}
            for message in said:
                if message.tool_call_id is not None:
                    call = calls[message.tool_call_id]
                    assert message.content == script.called(call.name, call.arguments)
