import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pytest

from minference_core.errors import StoreError
from minference_core.store import SCHEMAS, Store, connect, table
from minference_core.store.tables import KEYS

from .rows import NEW_YEAR, put

DUCKDB_TYPES = {
    pa.uuid(): {"UUID"},
    pa.list_(pa.uuid()): {"UUID[]"},
    pa.string(): {"VARCHAR", "JSON"},
    pa.int32(): {"INTEGER"},
    pa.int64(): {"BIGINT"},
    pa.float64(): {"DOUBLE"},
    pa.bool_(): {"BOOLEAN"},
    pa.timestamp("us"): {"TIMESTAMP"},
    pa.decimal128(18, 9): {"DECIMAL(18,9)"},
}


@pytest.fixture
def published(store: Store, inbox: Path) -> Path:
    put(inbox, "one", *range(5000))
    store.fold()
    return store.published


def test_the_arrow_schemas_and_the_tables_are_the_same(published: Path) -> None:
    columns = (
        connect(published)
        .execute(
            """
            select table_name, column_name, data_type, is_nullable
            from duckdb_columns()
            where database_name = 'minference' and not internal
            order by column_index
            """
        )
        .fetchall()
    )
    made = {
        name: [(column, kind, nullable) for found, column, kind, nullable in columns if found == name]
        for name in {row[0] for row in columns}
    }

    assert set(made) == {*SCHEMAS, "store_info"}
    for name, schema in SCHEMAS.items():
        assert [column for column, _, _ in made[name]] == schema.names
        assert [nullable for _, _, nullable in made[name]] == [field.nullable for field in schema]
        for (column, kind, _), field in zip(made[name], schema, strict=True):
            assert kind in DUCKDB_TYPES[field.type], f"{name}.{column}"


def test_every_table_has_a_key_of_its_own_columns() -> None:
    assert set(KEYS) == set(SCHEMAS)
    assert all(set(keys) <= set(SCHEMAS[name].names) for name, keys in KEYS.items())


def test_every_table_and_column_carries_a_comment(published: Path) -> None:
    bare = connect(published).execute(
        """
        select table_name from duckdb_tables() where not internal and comment is null
        union all
        select table_name || '.' || column_name from duckdb_columns() where not internal and comment is null
        """
    )

    assert bare.fetchall() == []


def test_wide_text_really_is_compressed_with_zstd(published: Path) -> None:
    """DuckDB leaves zstd out without a word when the file's storage version is too old."""
    used = connect(published).execute(
        """
        select distinct compression from pragma_storage_info('message_version')
        where column_name = 'content' and segment_type = 'VARCHAR'
        """
    )

    assert [compression.lower() for (compression,) in used.fetchall()] == ["zstd"]


def test_the_duckdb_1_5_command_line_reads_the_file(published: Path, duckdb_cli: str) -> None:
    answer = subprocess.run(
        [
            duckdb_cli,
            "-readonly",
            "-csv",
            "-noheader",
            published,
            "-c",
            "select count(*) from message_version",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout.strip() == "5000"


def test_rows_become_a_table_with_every_column() -> None:
    ids = [UUID(int=1), UUID(int=2)]
    in_rome = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))

    made = table("thread_version", [{"id": ids[0], "new_message_ids": ids, "created_at": in_rome}])

    assert made.schema == SCHEMAS["thread_version"]
    assert made.column("new_message_ids").to_pylist() == [ids]
    assert made.column("created_at").to_pylist() == [NEW_YEAR.replace(tzinfo=None)]
    assert made.column("message_ids").to_pylist() == [None]


def test_a_column_no_table_has_is_named() -> None:
    with pytest.raises(StoreError, match="thread_head has no column thread_idd"):
        table("thread_head", [{"thread_idd": UUID(int=1)}])
