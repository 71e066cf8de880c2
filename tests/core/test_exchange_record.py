"""The table of exchanges, read back by conversation."""

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minference_core.engine import EXCHANGES
from minference_core.errors import DiskError, NotMadeYet
from minference_core.parquet import write_rows
from minference_core.requests import ExchangeRecord, record

AT = datetime(2026, 11, 16, tzinfo=UTC)


def row(number: int, of: int) -> dict[str, Any]:
    empty = dict.fromkeys(EXCHANGES.names)
    return {**empty, "lineage_id": str(UUID(int=of)), "request_key": f"{number}", "attempt": 1, "sent_at": AT}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    answered=st.lists(st.integers(0, 12), max_size=60),
    asked=st.lists(st.integers(0, 15), unique=True),
    sizes=st.tuples(st.integers(1, 7), st.integers(1, 3)),
)
def test_each_conversation_has_its_own_rows_as_they_were_written_and_once(
    answered: list[int], asked: list[int], sizes: tuple[int, int], tmp_path: Path
) -> None:
    """In whatever order they were answered and are asked for; what nobody asked for is the rest."""
    table = tmp_path / "exchanges.parquet"
    write_rows(table, EXCHANGES, (row(number, of) for number, of in enumerate(answered)))
    want: dict[int, list[str]] = {}
    for number, of in enumerate(answered):
        want.setdefault(of, []).append(f"{number}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "_ROWS", sizes[0])
        patch.setattr(record, "_BATCHES", sizes[1])
        with ExchangeRecord(table) as read:
            taken = {of: _keys(read.take(UUID(int=of))) for of in asked}
            again = [_keys(read.take(UUID(int=of))) for of in asked]
            rest = sorted(_keys(each) for each in read.rest())

    assert taken == {of: want.get(of, []) for of in asked}
    assert not any(again)
    assert rest == sorted(keys for of, keys in want.items() if of not in asked)
    assert [path.name for path in tmp_path.iterdir()] == ["exchanges.parquet"]


def test_before_there_are_exchanges_the_step_that_makes_them_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotMadeYet, match="materialize responses first"):
        ExchangeRecord(tmp_path / "exchanges.parquet")


@pytest.mark.parametrize("size", [0, 1 << 20], ids=["at once", "at the end"])
def test_no_room_beside_the_exchanges_is_said(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "exchanges.parquet"
    write_rows(table, EXCHANGES, [row(1, 1)])
    full = functools.partial(Path("/dev/full").open, "r+b", buffering=size)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full())

    with pytest.raises(DiskError, match="No space left on device"):
        ExchangeRecord(table)


def _keys(of: record.ConversationRecord) -> list[str]:
    return [attempt["request_key"] for attempt in of.attempts]
