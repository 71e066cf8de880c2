"""
Reading the published store, whoever else has it open.

Questions about conversations are in `lineage/`; any DuckDB client can ask them of the same file.
"""

import tempfile
from pathlib import Path

import duckdb

from minference_core.errors import StoreError
from minference_core.store.database import quoted
from minference_core.store.files import copy

__all__ = ["connect"]


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """
    A read-only connection to the store as it is published now.

    It keeps seeing that state; connect again to see what was published since. Not `duckdb.connect(path)`:
    within one process that hands out the file that was opened first, however often it was replaced.

    Args:
        path: The published file.

    Raises:
        StoreError: Nothing is published there, or it is not a DuckDB file.
    """
    if not path.exists():
        raise StoreError(f"there is no store at {path} yet: materialize a partition first")
    # Open for writing elsewhere, for instance in the command line without -readonly: DuckDB would refuse the
    # file, or read that session's log into it, though the log may be of a file that was replaced since.
    if path.with_name(f"{path.name}.wal").exists():
        return _attached_copy(path)
    try:
        return _attached(path)
    except duckdb.OperationalError:
        return _attached_copy(path)


def _attached(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    try:
        # The catalog's name is that of the file, as if it had been opened itself.
        connection.execute(f"attach {quoted(str(path))} as minference (read_only)")
        connection.execute("use minference")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _attached_copy(path: Path) -> duckdb.DuckDBPyConnection:
    with tempfile.TemporaryDirectory(prefix=".read-", dir=path.parent) as folder:
        own = Path(folder) / path.name
        copy(path, own)
        try:
            return _attached(own)  # stays readable after the name is gone
        except duckdb.Error as error:
            raise StoreError(f"{path} cannot be read: {error}") from error
