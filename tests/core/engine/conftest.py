"""Ledgers of both kinds."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.engine.postgres import Server, server, server_programs


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of this test session."""
    if server_programs() is None:
        pytest.skip("PostgreSQL is not installed here: apt install postgresql")
    with server() as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger that several processes can share."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").url)
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
