"""
The private DuckDB file: opened by whoever holds the fold lock, and by nobody else.

What a fold does with it is in `fold.py`; what users open is a copy (`publish.py`).
"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa

from minference_core.errors import StoreError
from minference_core.store.migrations import SCHEMA_VERSION, steps_from
from minference_core.store.preferences import preferred
from minference_core.store.segments import Segment
from minference_core.store.tables import KEYS
from minference_core.store.tombstones import columns

__all__ = ["Database", "digest_of", "opened", "quoted", "transaction"]

# DuckDB 2.0 would otherwise write a file that 1.5 and its command line cannot read; and with the default
# of 1.5, zstd is silently left out.
_STORAGE_VERSION = "v1.5.0"
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Enough for a segment of the largest size, and little beside the run that folds it. By default DuckDB
    # takes four fifths of the machine.
    "memory_limit": "512MB",
    # By default each few segments are worked into the file at once, which writes row groups that are not full
    # yet again and again: two fifths of the file were free blocks, and a third of the time went there.
    "checkpoint_threshold": "256MB",
}


@contextmanager
def opened(path: Path) -> Iterator["Database"]:
    """
    The store at `path`, made if it is not there, and nothing left in its log when it is closed.

    A file of an earlier schema is brought to the present one.

    Raises:
        StoreError: Somebody has the file open, or it is not a store this code can write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # DuckDB spills beside the database; for one in memory that would be the working directory.
    spill = str(path.with_suffix(".spill"))
    connection = duckdb.connect(config={**_CONFIG, "temp_directory": spill})
    try:
        _attach(connection, path)
        yield Database(connection)
        connection.execute("checkpoint store")
    finally:
        connection.close()


def digest_of(definitions: Sequence[str]) -> str:
    """The same for the same views and macros; `Database.state` ends with that of those in the file."""
    return hashlib.sha256("\n;\n".join(definitions).encode()).hexdigest()


def quoted(text: str) -> str:
    """A string as an SQL literal, for the few places that take no parameter."""
    return "'" + text.replace("'", "''") + "'"


class Database:
    """What the fold asks of the open store."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, catalog: str = "store") -> None:
        self._connection = connection
        self._catalog = catalog

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """For what the fold does not ask: the store's own tables are in the current database."""
        return self._connection

    def has(self, segment: str) -> bool:
        """Whether that segment was taken in before."""
        found = self._connection.execute("select 1 from segment where segment_id = $1", [segment])
        return found.fetchone() is not None

    def append(self, segments: Iterable[Segment], *, earlier: bool = False) -> Counter[str]:
        """
        Take in segments: all of them or, on any error, nothing.

        Args:
            segments: None that was taken in before. Each is looked at when the one before it is in.
            earlier: Whether an earlier file is attached as `old`, whose word counts of when and by what a row
                was first recorded.

        Returns:
            Rows added to each table; those that were there already are not.
        """
        masked = self.has_redactions()
        added: Counter[str] = Counter()
        with transaction(self._connection):
            for segment in segments:
                for name in segment.files:
                    for rows in segment.pieces(name):
                        added[name] += self._append_rows(name, rows, earlier=earlier, masked=masked)
                self._connection.execute(
                    "insert into segment values ($1, $2, $3, $4)",
                    [segment.name, segment.mat_id, segment.rows, datetime.now(UTC).replace(tzinfo=None)],
                )
        return added

    def define(self, definitions: Sequence[str]) -> None:
        """Make the views and macros those given, unless they are already."""
        digest = digest_of(definitions)
        if self.info("definitions") == digest:
            return
        with transaction(self._connection):
            for statement in definitions:
                self._connection.execute(statement)
            self._connection.execute("delete from store_info where key = 'definitions'")
            self._connection.execute("insert into store_info values ('definitions', $1)", [digest])

    def has_redactions(self) -> bool:
        """Whether any row is to have a tombstone in the place of its content."""
        return self._connection.execute("select 1 from redaction limit 1").fetchone() is not None

    def state(self) -> str:
        """What a copy made now would hold: equal for equal contents, and for nothing else."""
        row = self._connection.execute(f"select count(*) from {self._catalog}.segment").fetchone()  # noqa: S608
        segments = row[0] if row else 0
        of_file = (self.info("store_id"), self.info("schema_version"), segments, self.info("definitions"))
        return " ".join(map(str, of_file))

    def info(self, key: str) -> str | None:
        """What is noted of the file itself; None if nothing is."""
        found = f"select value from {self._catalog}.store_info where key = $1"  # noqa: S608 (the catalog is ours)
        row = self._connection.execute(found, [key]).fetchone()
        return None if row is None else str(row[0])

    def _append_rows(self, name: str, rows: pa.Table, *, earlier: bool, masked: bool) -> int:
        first = KEYS[name][0]
        keys = ", ".join(KEYS[name])
        # All of it is ours, from tables.py. The range keeps the joins from reading whole tables.
        there = f"where {first} between $1 and $2"
        kept = f"left join (from old.{name} {there}) as kept using ({keys})" if earlier else ""
        values = [
            (column, preferred(name, column) if earlier else f"given.{column}")
            for column in rows.schema.names
        ]
        statement = f"""
            insert into {name} by name
            select {columns(name, values, masked=masked)}
            from new_rows as given
            {kept}
            anti join (select {keys} from {name} {there}) as known using ({keys})
        """  # noqa: S608
        # A segment is sorted by its key, so its ends are its bounds.
        bounds = [rows.column(first)[0].as_py(), rows.column(first)[-1].as_py()]
        self._connection.register("new_rows", rows)
        added = self._connection.execute(statement, bounds).fetchone()
        self._connection.unregister("new_rows")  # after an error the rollback does it
        return int(added[0]) if added else 0


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    is_new = not path.exists()
    try:
        connection.execute(f"attach {quoted(str(path))} as store (storage_version '{_STORAGE_VERSION}')")
    except duckdb.Error as error:
        if is_new:
            path.unlink(missing_ok=True)  # half a file, on a full disk, would never be opened again
        raise StoreError(
            f"cannot open {path}: {error}. It is the project's own file: close whatever has it open "
            f"and query the published copy instead"
        ) from error
    connection.execute("use store")
    tables = {row[0] for row in connection.execute("select table_name from duckdb_tables()").fetchall()}
    if "store_info" not in tables:
        _create(connection)
    _bring_up_to_date(connection, path)


def _bring_up_to_date(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    made_for = Database(connection).info("schema_version") or ""
    if not made_for.isdigit() or int(made_for) > SCHEMA_VERSION:
        raise StoreError(
            f"{path} has the tables of schema {made_for}, this code writes schema {SCHEMA_VERSION}: "
            f"use the version of minference that made it, or a later one"
        )
    if int(made_for) == SCHEMA_VERSION:
        return
    with transaction(connection):
        for step in steps_from(int(made_for)):
            connection.execute(step)
        # The definitions are made again: a view knows the columns its tables had when it was made.
        connection.execute("delete from store_info where key in ('schema_version', 'definitions')")
        connection.execute("insert into store_info values ('schema_version', $1)", [str(SCHEMA_VERSION)])


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    schema = resources.files(__package__).joinpath("sql/schema.sql").read_text(encoding="utf-8")
    with transaction(connection):
        connection.execute(schema)
        connection.execute(
            "insert into store_info values ('schema_version', $1), ('store_id', $2)",
            [str(SCHEMA_VERSION), str(uuid.uuid4())],
        )


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
