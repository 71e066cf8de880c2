"""Stores and segments of schema 1, as earlier versions of the code left them, and what becomes of them."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from minference_core.errors import StoreError
from minference_core.store import SCHEMAS, Store, connect, table, write_segment
from minference_core.store.migrations import SCHEMA_VERSION, steps_from

from .rows import MAT, NEW_YEAR, heads, messages, put
from .schema_1 import as_schema_1, make_store
from .test_fold import VIEW, numbers

CONFIG = {
    **dict.fromkeys(("id", "lineage_id", "content_hash", "mat_id"), MAT),
    "version_no": 1,
    "created_at": NEW_YEAR,
    "client": "openai",
    "model": "gpt-4.1-mini",
    "max_tokens": 400,
    "temperature": 0.5,
    "response_format": "text",
    "params": "{}",
}
MATERIALIZATION = {
    "mat_id": MAT,
    "dataset": "chat",
    "asset_key": "chat/entity_versions",
    "partition_key": "2026-01-01",
    "generation": 0,
    "run_id": "r",
    "code_version": "1",
    "committed_at": NEW_YEAR,
    "n_threads": 1,
    "n_exchanges": 0,
}


@pytest.fixture
def old(data: Path) -> Path:
    """A published store of schema 1, with two messages, a config and a materialization in it."""
    make_store(
        data,
        {
            "message_version": messages(1, 2),
            "llm_config_version": table("llm_config_version", [CONFIG]),
            "materialization": table("materialization", [MATERIALIZATION]),
        },
    )
    return data


def shape(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    """Everything that a schema says: tables, columns in order, types, nulls and comments."""
    tables = {*SCHEMAS, "store_info"}
    columns = """
        select table_name, column_index, column_name, data_type, is_nullable, comment
        from duckdb_columns() where not internal order by all"""
    comments = "select table_name, comment from duckdb_tables() where not internal order by all"
    found = [*connection.execute(columns).fetchall(), *connection.execute(comments).fetchall()]
    return [row for row in found if row[0] in tables]


def test_there_is_a_step_to_every_schema_since_the_first() -> None:
    assert len(steps_from(1)) == SCHEMA_VERSION - 1
    assert steps_from(SCHEMA_VERSION) == []


def test_an_older_store_becomes_what_a_new_one_is(old: Path, tmp_path: Path) -> None:
    Store(old, (VIEW,)).fold()
    new = Store(tmp_path / "new", (VIEW,))
    new.fold()

    with connect(old / "minference.duckdb") as migrated, connect(new.published) as made:
        info = migrated.execute("select value from store_info where key = 'schema_version'").fetchall()
        assert info == [(str(SCHEMA_VERSION),)]
        assert shape(migrated) == shape(made)


def test_an_older_store_keeps_its_rows_and_takes_new_ones(old: Path) -> None:
    put(old / "inbox", "new", 2, 4)
    store = Store(old, (VIEW,))

    report = store.fold()

    assert report.added["message_version"] == 1
    assert numbers(store) == [1, 2, 4]
    with connect(store.published) as reader:
        configs = reader.execute("select model, temperature from llm_config_version").fetchall()
        dataset = reader.execute("select dataset from materialization").fetchall()
        extra = reader.execute("select distinct extra, beside, refs from message_version").fetchall()
    assert (configs, dataset, extra) == ([("gpt-4.1-mini", 0.5)], [("chat",)], [(None, None, None)])


def test_the_published_file_of_an_older_store_is_read_until_the_next_fold(old: Path) -> None:
    with connect(old / "minference.duckdb") as reader:
        assert reader.execute("select count(*) from entity_version").fetchall() == [(3,)]


def test_a_step_that_fails_leaves_the_older_store_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "minference_core.store.database.steps_from", lambda _: [*steps_from(1), "from no_such_table"]
    )

    with pytest.raises(duckdb.CatalogException):
        Store(old, ()).fold()

    with duckdb.connect(str(old / ".store" / "store.duckdb")) as left:
        assert left.execute("select value from store_info where key = 'schema_version'").fetchall() == [
            ("1",)
        ]
        assert left.execute(
            "select count(*) from duckdb_tables() where table_name = 'other_version'"
        ).fetchall() == [(0,)]


def test_a_segment_of_an_older_schema_that_still_waits_is_taken_in(store: Store, inbox: Path) -> None:
    given = {"message_version": messages(1, 2), "llm_config_version": table("llm_config_version", [CONFIG])}
    folder = write_segment(inbox, "old", MAT, given)
    for name, rows in given.items():
        found = as_schema_1(rows)
        # Then, a config had to have a model.
        strict = [field.with_nullable(False) if field.name == "model" else field for field in found.schema]
        pq.write_table(found.cast(pa.schema(strict)), folder / f"{name}.parquet")

    assert store.fold().added == {"message_version": 2, "llm_config_version": 1}
    assert numbers(store) == [1, 2]


def test_a_segment_without_a_column_that_must_be_there_is_refused(store: Store, inbox: Path) -> None:
    folder = write_segment(inbox, "bad", MAT, {"thread_head": heads(1)})
    file = folder / "thread_head.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["mat_id"]), file)

    with pytest.raises(StoreError, match="has other columns than the table"):
        store.fold()
