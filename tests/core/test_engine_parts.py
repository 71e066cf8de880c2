"""The engine's decisions and its journal, each alone."""

import asyncio
import base64
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.engine import POLICY, SETTLED, History, Journal, backoff_s
from minference_core.engine.history import read_journal
from minference_core.engine.records import body_text
from minference_core.errors import ErrorClass, JournalBusy, JournalError

NOW = datetime(2026, 11, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "attempt", "advised_s", "wait_s"),
    [
        pytest.param(ErrorClass.BAD_REQUEST, 1, None, None, id="a bad request: never again"),
        pytest.param(ErrorClass.AUTH, 1, None, None, id="a refused key: never again"),
        pytest.param(ErrorClass.RATE_LIMIT, 1, 90.0, 99.0, id="the provider's advice beats our cap"),
        pytest.param(ErrorClass.RATE_LIMIT, 1, None, 1.0, id="no advice: first wait"),
        pytest.param(ErrorClass.SERVER, 3, None, 2.0, id="doubles"),
        pytest.param(ErrorClass.OVERLOADED, 11, None, 60.0, id="stops growing"),
        pytest.param(ErrorClass.SERVER, 6, None, None, id="attempts used up"),
        pytest.param(ErrorClass.RATE_LIMIT, 2, 9_999.0, None, id="beyond the deadline"),
    ],
)
def test_backoff(error: ErrorClass, attempt: int, advised_s: float | None, wait_s: float | None) -> None:
    waited = backoff_s(error, attempt=attempt, advised_s=advised_s, elapsed_s=0.0, jitter=1.0)

    assert waited == (None if wait_s is None else pytest.approx(wait_s))


@given(st.sampled_from(sorted(POLICY)), st.integers(1, 40), st.floats(0, 1), st.none() | st.floats(0, 100))
def test_a_wait_is_never_shorter_than_advised_and_never_negative(
    error: ErrorClass, attempt: int, jitter: float, advised_s: float | None
) -> None:
    wait_s = backoff_s(error, attempt=attempt, advised_s=advised_s, elapsed_s=0.0, jitter=jitter)

    assert wait_s is None or wait_s >= (advised_s or 0)


def test_every_class_is_either_retried_settled_or_left_to_the_next_run() -> None:
    assert not set(POLICY) & SETTLED


def intent(n: int, **more: Any) -> dict[str, Any]:
    key = f"00000000-0000-8000-8000-{n:012d}"
    return {
        "kind": "intent", "lineage_id": key, "request_key": key, "attempt": 1,
        "sent_at": NOW.isoformat(), **more,
    }  # fmt: skip


def write(folder: Path, *records: dict[str, Any], run_id: str = "run") -> None:
    async def all_of_them() -> None:
        async with Journal(folder, run_id) as journal:
            await asyncio.gather(*(journal.write(record) for record in records))

    asyncio.run(all_of_them())


def test_what_was_written_is_read_back_in_order(tmp_path: Path) -> None:
    write(tmp_path, *(intent(n) for n in range(1_000)))

    (file,) = tmp_path.glob("*.jsonl")
    read = [record["lineage_id"][-12:] for _, _, record in read_journal(file)]

    assert read == [f"{n:012d}" for n in range(1_000)]


def test_a_run_that_wrote_nothing_leaves_no_file(tmp_path: Path) -> None:
    write(tmp_path)

    assert list(tmp_path.glob("*.jsonl")) == []


@given(st.integers(1, 400))
def test_a_torn_last_line_is_cut_off_and_everything_before_it_counts(cut: int) -> None:
    lines = b"".join(orjson.dumps(intent(n)) + b"\n" for n in range(3))
    torn = lines[:-cut] if cut < len(lines) else b""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.jsonl"
        file.write_bytes(torn)

        read = list(read_journal(file))

    assert len(read) == torn.count(b"\n")


def test_a_line_that_is_damaged_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(
        orjson.dumps(intent(1)) + b"\n{oops\n" + orjson.dumps(intent(2)) + b"\n"
    )

    with pytest.raises(JournalError, match=r"a\.jsonl line 2 is damaged"):
        History(tmp_path)


def test_two_runs_cannot_write_one_partitions_journal(tmp_path: Path) -> None:
    async def both() -> None:
        async with Journal(tmp_path, "one"), Journal(tmp_path, "two"):
            pass

    with pytest.raises(JournalBusy, match="another run"):
        asyncio.run(both())


def test_a_journal_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    async def on_a_full_disk() -> None:
        async with Journal(tmp_path, "run") as journal:
            await journal.write(intent(1))
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, journal._file)
            for n in (2, 3):
                with pytest.raises(JournalError, match="cannot be written"):
                    await journal.write(intent(n))

    asyncio.run(on_a_full_disk())

    (file,) = tmp_path.glob("*.jsonl")
    assert len(list(read_journal(file))) == 1


@given(st.binary())
def test_a_raw_body_is_kept_whole_whatever_its_bytes(body: bytes) -> None:
    text = body_text(body)

    prefix = "data:application/octet-stream;base64,"
    kept = base64.b64decode(text.removeprefix(prefix)) if text.startswith(prefix) else text.encode()
    assert kept == body
