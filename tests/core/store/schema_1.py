"""Stores as earlier versions of the code left them."""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from minference_core.store.database import quoted
from minference_core.store.publish import publish

_FIXTURES = Path(__file__).parent / "fixtures"
_LATER = frozenset({"extra", "beside", "refs"})


def as_schema_1(rows: pa.Table) -> pa.Table:
    """The rows without the columns that schema 1 does not have."""
    return rows.select([column for column in rows.schema.names if column not in _LATER])


def make_store(data: Path, tables: Mapping[str, pa.Table]) -> None:
    """A published store of schema 1, its views and macros and these rows in it."""
    private = data / ".store" / "store.duckdb"
    private.parent.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {quoted(str(private))} as store (storage_version 'v1.5.0')")
        connection.execute("use store")
        for name in ("schema_1.sql", "definitions_1.sql"):
            connection.execute((_FIXTURES / name).read_text())
        connection.execute("insert into store_info values ('schema_version', '1'), ('store_id', 'old')")
        for name, rows in tables.items():
            connection.register("given", as_schema_1(rows))
            connection.execute(f"insert into {name} by name select * from given")  # noqa: S608 (a test's own)
    publish(private, data / "minference.duckdb")
