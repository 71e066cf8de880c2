import sys
from pathlib import Path

import pytest

from minference_core.store import Store


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def inbox(data: Path) -> Path:
    return data / "inbox"


@pytest.fixture
def store(data: Path) -> Store:
    return Store(data, ())


@pytest.fixture(scope="session")
def duckdb_cli() -> str:
    """The plain command line, at DuckDB 1.5, beside this Python."""
    return str(Path(sys.executable).parent / "duckdb")
