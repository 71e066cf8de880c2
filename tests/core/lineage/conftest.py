import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from minference_core.entities import EntityRegistry
from minference_core.store import connect

from .saved import attached
from .small_store import IDS, make, named

Ask = Callable[[str], list[Any]]

_CLI = Path(sys.executable).parent / "duckdb"
# Characters no text in the small store has.
_BETWEEN_COLUMNS = "\x1f"
_AFTER_ROWS = "\x1e"


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("small") / "data")


@pytest.fixture
def connection(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(published) as opened:
        yield opened


@pytest.fixture
def ask(connection: duckdb.DuckDBPyConnection, published: Path) -> Ask:
    """
    The rows a query gives, ids by name and times in minutes; one column comes without its tuple.

    A name in braces, as in `{a1}`, is that id. The same query also runs in the plain command line of DuckDB
    1.5, and must give the same answer there.
    """

    def run(query: str) -> list[Any]:
        for name, identity in IDS.items():
            query = query.replace(f"{{{name}}}", f"'{identity}'")
        relation = connection.sql(query)
        assert relation is not None
        rows = relation.fetchall()
        assert _in_python(connection, query) == _on_the_command_line(published, query)
        return [named(row[0] if len(row) == 1 else row) for row in rows]

    return run


def _in_python(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    rows = connection.sql(_as_text(query)).fetchall()
    return [_BETWEEN_COLUMNS.join("NULL" if value is None else value for value in row) for row in rows]


def _on_the_command_line(published: Path, query: str) -> list[str]:
    layout = ["-list", "-noheader", "-nullvalue", "NULL"]
    separators = ["-separator", _BETWEEN_COLUMNS, "-newline", _AFTER_ROWS]
    done = subprocess.run(
        [_CLI, "-readonly", "-batch", *layout, *separators, published, "-c", _as_text(query)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split(_AFTER_ROWS)[:-1]


def _as_text(query: str) -> str:
    return f"select cast(columns(*) as varchar) from ({query})"  # noqa: S608  (a test's own query)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def registry(data: Path) -> Iterator[EntityRegistry]:
    """The current registry, with a store behind it."""
    with attached(data) as own:
        yield own
