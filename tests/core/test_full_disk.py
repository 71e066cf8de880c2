"""A disk that fills or turns read-only: the run stops, what there is is kept, the same command goes on."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from minference_core.engine import segments
from minference_core.engine.journal_files import journal_files, read_journal
from minference_core.errors import DiskError, JournalError, StoreError
from tests.conftest import Pipeline, Row, specs, write_specs

MB = 1024 * 1024
# So long that the answers are a good part of a small disk: the simulator says again what it is asked.
ROWS: list[Row] = [row | {"prompt": row["prompt"] + " word" * 400} for row in specs(60)]


def mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or not mounted("-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)):
        pytest.skip("mounting a file system takes rights that this process does not have")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def made(disk: Path, simulator: Callable[..., str]) -> Pipeline:
    """A partition on that disk, its specs in place, and a simulator that logs elsewhere."""
    url = simulator(latency_ms=60, log=disk.parent / "log")
    pipeline = Pipeline(data=disk / "data", url=url, max_in_flight=8)
    write_specs(pipeline.specs, ROWS)
    pipeline.plan()
    return pipeline


def fill(disk: Path, *, but: int = 0) -> Path:
    """Take all the room there is, but so many bytes."""
    ballast = disk / "somebody-elses"
    room = shutil.disk_usage(disk).free - but
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, room))
    return ballast


def asked(made: Pipeline) -> Counter[str]:
    """How often the provider answered each request."""
    log = made.data.parent.parent / "log"
    lines = [orjson.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
    return Counter(line["client_request_id"] for line in lines)


def durable(made: Pipeline) -> set[str]:
    records = [record for path in journal_files(made.journal) for _, _, record in read_journal(path)]
    return {record["request_key"] for record in records if record["kind"] == "outcome"}


class FillsUp:
    """Takes all the room there is once some requests are answered."""

    def __init__(self, disk: Path, *, after: int) -> None:
        self.disk, self.after = disk, after
        self.ballast: Path | None = None

    def __call__(self, progress: Any) -> None:
        if self.ballast is None and progress.done >= self.after:
            self.ballast = fill(self.disk)


def test_a_disk_that_fills_stops_the_run_and_nothing_that_was_sent_is_lost(
    made: Pipeline, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minference_core.engine.workers._PROGRESS_EVERY_S", 0.02)
    filled = FillsUp(disk, after=10)

    with pytest.raises(JournalError, match=r"No space left on device\. The \d+ answers .* kept: make room"):
        asyncio.run(made.answer(on_progress=filled))

    assert filled.ballast is not None
    assert 10 <= len(asked(made)) < len(ROWS)
    assert durable(made) == set(asked(made))  # what was in flight, too: there was room kept for it
    filled.ballast.unlink()
    report = asyncio.run(made.answer(run_id="again"))
    assert report.complete == len(ROWS)
    assert set(asked(made).values()) == {1}
    assert not any(row["uncertain"] for row in made.exchange_rows())


def test_a_disk_without_room_to_begin_with_sends_nothing(made: Pipeline, disk: Path) -> None:
    ballast = fill(disk, but=2 * MB)

    with pytest.raises(JournalError, match=r"No space left on device\. Nothing was sent: make room"):
        asyncio.run(made.answer())

    assert not asked(made)
    ballast.unlink()
    assert asyncio.run(made.answer()).complete == len(ROWS)


def test_a_disk_that_stays_full_under_the_reserve_keeps_what_is_durable(
    made: Pipeline, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else takes the reserve, too: what cannot be written is uncertain, all else is kept."""
    monkeypatch.setattr("minference_core.engine.workers._PROGRESS_EVERY_S", 0.02)
    monkeypatch.setattr("minference_core.engine.journal.Segments", _WithoutReserve)
    filled = FillsUp(disk, after=10)

    with pytest.raises(JournalError, match="No space left on device"):
        asyncio.run(made.answer(on_progress=filled))

    kept, before = durable(made), asked(made)
    assert kept <= set(before)
    assert filled.ballast is not None
    filled.ballast.unlink()
    assert asyncio.run(made.answer(run_id="again")).complete == len(ROWS)
    twice = {key for key, times in asked(made).items() if times > 1}
    assert not twice & kept
    assert len(twice) <= sum(row["uncertain"] for row in made.exchange_rows()) <= made.max_in_flight


class _WithoutReserve(segments.Segments):
    def __init__(self, folder: Path, run_id: str, *, segment_bytes: int, reserve_bytes: int) -> None:
        super().__init__(folder, run_id, segment_bytes=segment_bytes, reserve_bytes=0 * reserve_bytes)


def test_the_table_of_exchanges_that_does_not_fit_is_written_by_the_next_run(
    made: Pipeline, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = segments.Segments.append

    def fills_up(self: segments.Segments, lines: list[bytes]) -> None:
        real(self, lines)
        if len(durable(made)) == len(ROWS) and not (disk / "somebody-elses").exists():
            fill(disk)

    monkeypatch.setattr(segments.Segments, "append", fills_up)

    with pytest.raises(DiskError, match=r"parquet cannot .* Every answer is in the journal: make room"):
        asyncio.run(made.answer())

    assert not made.exchanges.exists()
    assert not list(made.exchanges.parent.glob(".*"))
    (disk / "somebody-elses").unlink()
    monkeypatch.undo()
    assert asyncio.run(made.answer(run_id="again")).sent == 0
    assert len(made.exchange_rows()) == len(ROWS)


def test_a_plan_that_does_not_fit_leaves_the_older_one(made: Pipeline, disk: Path) -> None:
    before = made.requests.read_bytes()
    ballast = fill(disk)

    with pytest.raises(DiskError, match=r"parquet cannot be written: .*Nothing was sent: make room"):
        made.plan()

    assert made.requests.read_bytes() == before
    ballast.unlink()
    made.plan()


def test_segments_that_do_not_fit_are_written_when_there_is_room(made: Pipeline, disk: Path) -> None:
    asyncio.run(made.answer())
    ballast = fill(disk)

    with pytest.raises(DiskError, match="Every answer is in the table of exchanges: make room"):
        made.versions()
    elsewhere = tempfile.TemporaryFile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", lambda **_: elsewhere())
        with pytest.raises(
            DiskError, match="What it is made of, and every segment before it, is kept: make room"
        ):
            made.versions()
    ballast.unlink()
    made.versions()
    ballast = fill(disk)
    with pytest.raises((DiskError, StoreError), match="No space left on device"):
        made.store.fold()
    ballast.unlink()

    assert made.store.fold().published
    assert not list((made.data / "inbox").iterdir())


def test_a_disk_that_is_read_only_sends_nothing_and_says_so(made: Pipeline, disk: Path) -> None:
    assert mounted("-o", "remount,ro", str(disk))

    with pytest.raises(JournalError, match=r"Read-only file system\. Nothing was sent: make it writable"):
        asyncio.run(made.answer())
    with pytest.raises(DiskError, match=r"Read-only file system"):
        made.plan()

    assert not asked(made)
    assert mounted("-o", "remount,rw", str(disk))
    assert asyncio.run(made.answer()).complete == len(ROWS)
