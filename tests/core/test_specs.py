"""What a user may drop into a partition's folder, and what is said about what they may not."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minference_core.errors import SpecError
from minference_core.specs import (
    SpecDefaults,
    SpecReport,
    SpecSource,
    inspect_specs,
    read_conversations,
    read_rows,
)
from tests.conftest import Pipeline, specs, write_specs

Make = Callable[..., Pipeline]
DEFAULTS = SpecDefaults(client="openai", model="gpt-4.1-mini")


def only_problem(report: SpecReport) -> str:
    (problem,) = report.invalid
    return str(problem)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"client": "azure"}, "column client is \"azure\": Input should be 'openai', 'anthropic'"),
        ({"temperature": 9.0}, "column temperature is 9.0: Input should be less than or equal to 2 (a"),
        ({"max_tokens": 0}, "column max_tokens is 0:"),
        ({"samples": 0}, "column samples is 0: Input should be greater than or equal to 1 (a"),
        ({"response_format": "xml"}, "column response_format is \"xml\":"),
        ({"output_schema": "{nope"}, 'column output_schema is "{nope": not valid JSON'),
        ({"extra_body": "[1]"}, 'column extra_body is "[1]": not a JSON object (a JSON'),
        ({"response_format": "structured_output"}, "set output_schema to a JSON schema"),
        ({"user_turns": ["a", "b"]}, "prompt and user_turns are both set"),
        ({"prompt": None}, "nothing to say: set one of prompt, user_turns and messages"),
        ({"prompt": ""}, 'column prompt is "":'),
        ({"output_schema": '{"type": "nope"}'}, "not a valid JSON schema"),
        ({"output_schema": '{"$ref": "http://127.0.0.1:9/s"}'}, "copy that schema into $defs"),
        ({"extra_body": '{"a": 1e999}'}, "column extra_body is"),
        ({"extra_body": '{"a": 123456789012345678901234567890}'}, "64-bit"),
        ({"extra_body": '{"model": "other"}'}, "model is written from the columns: use those"),
        ({"max_tokens": 10**12}, "column max_tokens is 1000000000000"),
        ({"user_turns": [], "prompt": None}, "nothing to say"),
        ({"tools": ["search"]}, "tools are for response_format auto_tools and workflow"),
        ({"thread_key": None}, "column thread_key is missing: give every row a non-empty key"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, 'column messages[0].role is "robot":'),
        (
            {"prompt": None, "messages": [{"role": "assistant", "content": "b"}]},
            "messages ends with the assistant",
        ),
    ],
)  # fmt: skip
def test_a_bad_row_says_its_file_row_column_value_and_remedy_and_leaves_its_neighbours_alone(
    pipeline: Make, columns: dict[str, Any], said: str
) -> None:
    good, other = ({**dict.fromkeys(columns), **row} for row in specs(2))
    bad = {"thread_key": "bad", "prompt": "Hello", **columns}

    report = inspect_specs(pipeline([good, bad, other]).source)

    assert (report.rows, report.valid) == (3, 2)
    assert only_problem(report).startswith("part-0.parquet row 2 (thread_key ")
    assert said in only_problem(report)


def test_a_thread_key_used_twice_is_named_with_its_first_place(pipeline: Make) -> None:
    report = inspect_specs(pipeline([*specs(2), specs(1)[0]]).source)

    assert "thread_key is 't0000': already used in part-0.parquet row 1" in only_problem(report)


def test_a_key_is_unique_over_all_files_of_the_partition(pipeline: Make) -> None:
    made = pipeline(specs(2))
    write_specs(made.specs, specs(3), name="part-1.parquet")

    report = inspect_specs(made.source)

    assert (report.files, report.rows, report.valid) == (2, 5, 3)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("part-0.parquet", b"not parquet at all", "cannot be read as Parquet"),
        ("part-0.parquet", b"", "cannot be read as Parquet"),
        ("notes.csv", b"a,b", "holds no .parquet file"),
    ],
)
def test_a_file_that_is_no_spec_file_is_a_clear_error(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(SpecError, match=said) as raised:
        list(read_rows(_source(tmp_path)))

    assert str(tmp_path) in str(raised.value)


def test_a_missing_partition_and_an_empty_table_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not exist"):
        list(read_rows(_source(tmp_path / "nowhere")))
    pl.DataFrame(schema={"thread_key": pl.String, "prompt": pl.String}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(SpecError, match="has no rows"):
        list(read_rows(_source(tmp_path)))


def test_a_misspelt_column_is_not_silent(pipeline: Make) -> None:
    made = pipeline(specs(1, temprature=0.5, notes="x"))

    with pytest.raises(SpecError, match=r"'temprature' \(did you mean 'temperature'\?\), 'notes'"):
        inspect_specs(made.source)


def test_a_damaged_file_is_an_error_and_not_fewer_rows(pipeline: Make) -> None:
    made = pipeline(specs(500, meta_text="some words to fill a page with"))
    file = made.specs / "part-0.parquet"
    data = bytearray(file.read_bytes())
    data[4:400] = bytes(396)
    file.write_bytes(bytes(data))

    with pytest.raises(SpecError, match=r"part-0\.parquet"):
        inspect_specs(made.source)


def test_a_row_wins_over_the_datasets_defaults_and_null_falls_back_to_them(pipeline: Make) -> None:
    rows = [
        {
            "thread_key": "own",
            "prompt": "a",
            "max_tokens": 7,
            "client": "anthropic",
            "model": "claude-haiku-4-5",
        },
        {"thread_key": "default", "prompt": "b", "max_tokens": None, "client": None, "model": None},
    ]
    made = pipeline(rows, defaults=SpecDefaults(client="openai", model="gpt-4.1", max_tokens=99))

    own, default = (conversation for _, conversation in read_conversations(made.source))

    assert own is not None
    assert default is not None
    assert (own.thread.llm_config.max_tokens, own.thread.llm_config.model) == (7, "claude-haiku-4-5")
    assert (default.thread.llm_config.max_tokens, default.thread.llm_config.model) == (99, "gpt-4.1")


def test_the_default_model_is_not_given_to_another_client(pipeline: Make) -> None:
    report = inspect_specs(pipeline(specs(1, client="anthropic")).source)

    assert "column model is missing" in only_problem(report)


def test_samples_are_conversations_of_their_own_that_share_what_the_row_says(pipeline: Make) -> None:
    made = pipeline(specs(1, samples=3, system_prompt="Be brief."))

    threads = [c.thread for _, c in read_conversations(made.source) if c]
    upcoming = {c.upcoming[0].id for _, c in read_conversations(made.source) if c}

    assert len({thread.lineage_id for thread in threads}) == 3
    assert len({thread.system_prompt.id for thread in threads if thread.system_prompt}) == 1
    assert len(upcoming) == 1


def test_rows_that_say_alike_share_their_config_and_system_prompt(pipeline: Make) -> None:
    made = pipeline(specs(5, system_prompt="Be brief."))

    threads = [c.thread for _, c in read_conversations(made.source) if c]

    assert len({thread.llm_config.id for thread in threads}) == 1
    assert len({thread.system_prompt.id for thread in threads if thread.system_prompt}) == 1
    assert len({thread.id for thread in threads}) == 5


def test_reading_a_partition_again_makes_the_same_ids(pipeline: Make) -> None:
    made = pipeline(specs(20, samples=2))

    def read() -> list[Any]:
        return [c.thread.id for _, c in read_conversations(made.source) if c]

    assert read() == read()


CELLS = st.none() | st.text(max_size=12) | st.sampled_from(["openai", "text", "{}", "auto"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({
    "thread_key": CELLS, "prompt": CELLS, "system_prompt": CELLS, "client": CELLS, "model": CELLS,
    "response_format": CELLS, "output_schema": CELLS, "extra_body": CELLS,
}), min_size=1, max_size=8))  # fmt: skip
def test_whatever_a_table_holds_every_row_is_either_valid_or_has_a_reason(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("specs")
    pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String)).write_parquet(folder / "a.parquet")

    read = list(read_rows(_source(folder)))

    assert len(read) == len(rows)
    assert all((row.spec is None) != (row.problem is None) for row in read)
    assert all(row.problem.reason for row in read if row.problem)


def test_a_default_schema_may_be_an_object_or_text(pipeline: Make) -> None:
    schema = {"type": "object"}
    for form in (schema, json.dumps(schema)):
        defaults = SpecDefaults(
            client="openai", model="gpt-4.1-mini", output_schema=form, response_format="structured_output"
        )
        assert inspect_specs(pipeline(specs(1), defaults=defaults).source).valid == 1


def _source(folder: Path) -> SpecSource:
    return SpecSource(Pipeline(data=folder).source.partition, folder, DEFAULTS)


def test_cells_of_odd_types_travel_and_an_unreadable_one_costs_only_its_row(tmp_path: Path) -> None:
    columns = {
        "thread_key": pa.array(["a", "b", "c"]),
        "prompt": pa.array([b"fine", b"\xff\xfe", b"fine"], pa.binary()).view(pa.string()),
        "meta_at": pa.array([1, 2, 2**62], pa.timestamp("ns")),
        "meta_day": pa.array([1, 2, 3], pa.date32()),
        "meta_price": pa.array([Decimal("1.50"), None, Decimal("2.00")]),
        "meta_kind": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")

    first, second, third = read_rows(_source(tmp_path))

    assert first.spec is not None
    assert json.loads(first.spec.meta_json or "") == {
        "meta_at": "1970-01-01 00:00:00.000000001", "meta_day": "1970-01-02", "meta_kind": "x",
        "meta_price": "1.50",
    }  # fmt: skip
    assert second.problem is not None
    assert str(second.problem).startswith("a.parquet row 2 (thread_key 'b'): column prompt cannot be read")
    assert third.spec is not None


def test_a_file_that_is_being_written_aside_is_not_part_of_the_partition(pipeline: Make) -> None:
    made = pipeline(specs(2))
    before = made.source.fingerprint()
    (made.specs / ".part-1.parquet").write_bytes(b"half")

    assert made.source.fingerprint() == before


def test_defaults_meant_for_one_clients_model_are_not_another_ones(pipeline: Make) -> None:
    defaults = SpecDefaults(client="openai", model="gpt-4.1-mini", temperature=0.5, seed=1)
    made = pipeline(specs(1, client="anthropic", model="claude-haiku-5-5"), defaults=defaults)

    assert (made.plan().new, made.plan().invalid) == (1, 0)
