"""The journal: on disk before anyone acts on it, one writer, files of bounded size, whatever fails."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine import Journal, segments
from minference_core.engine.history import History
from minference_core.engine.journal_files import (
    first_name,
    journal_files,
    mend_tails,
    name_after,
    read_journal,
)
from minference_core.errors import JournalBusy, JournalError

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
EARLIEST, LATEST = map(datetime.fromisoformat, ("2020-01-01", "2090-01-01"))


def intent(n: int, **more: Any) -> dict[str, Any]:
    key = f"00000000-0000-8000-8000-{n:012d}"
    return {
        "kind": "intent", "lineage_id": key, "request_key": key, "attempt": 1,
        "sent_at": NOW.isoformat(), **more,
    }  # fmt: skip


def write(folder: Path, *records: dict[str, Any], run_id: str = "run", **settings: int) -> None:
    async def all_of_them() -> None:
        async with Journal(folder, run_id, **settings) as journal:
            await asyncio.gather(*(journal.write(record) for record in records))

    asyncio.run(all_of_them())


def numbers(folder: Path) -> list[int]:
    """What is in a folder's journals, in the order of the files."""
    read = (record for path in journal_files(folder) for _, _, record in read_journal(path))
    return [int(record["lineage_id"][-12:]) for record in read]


def test_what_was_written_is_read_back_in_order(tmp_path: Path) -> None:
    write(tmp_path, *(intent(n) for n in range(1_000)))

    assert len(journal_files(tmp_path)) == 1
    assert numbers(tmp_path) == list(range(1_000))


def test_a_run_that_wrote_nothing_leaves_no_file(tmp_path: Path) -> None:
    write(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} <= {".lock"}


def test_a_file_that_is_large_enough_is_followed_by_another(tmp_path: Path) -> None:
    async def one_by_one() -> None:
        async with Journal(tmp_path, "abcdefgh-1", segment_bytes=1_000) as journal:
            for n in range(20):
                await journal.write(intent(n))

    asyncio.run(one_by_one())
    write(tmp_path, intent(20), run_id="0000")

    files = journal_files(tmp_path)
    assert len(files) > 3
    assert all(path.stat().st_size <= 1_000 for path in files)
    assert [path.name[22:] for path in files[:2]] == ["abcdefgh-0001.jsonl", "abcdefgh-0002.jsonl"]
    assert numbers(tmp_path) == list(range(21))


@given(
    clock=st.lists(st.datetimes(EARLIEST, LATEST), min_size=1, max_size=6),
    files=st.integers(1, 3),
)
def test_files_sorted_by_name_are_in_the_order_of_writing_whatever_the_clock_says(
    clock: list[datetime], files: int
) -> None:
    made = ["20251116T093000000000-zzzzzzzz.jsonl"]  # of an earlier version, without a number
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / made[0]).touch()
        for number, now in enumerate(clock):
            later = [first_name(Path(folder), f"{9 - number}" * 9, now=now.replace(tzinfo=UTC))]
            for _ in range(files - 1):
                later.append(name_after(later[-1]))
            for name in later:
                (Path(folder) / name).touch()
            made += later

        assert [path.name for path in journal_files(Path(folder))] == made


def test_ten_thousand_files_are_followed_by_one_that_sorts_after_them() -> None:
    last = "20261116T093000000000-abcdefgh-9999.jsonl"

    assert name_after("20261116T093000000000-abcdefgh-0009.jsonl").endswith("-0010.jsonl")
    assert name_after(last) > last
    assert name_after(last).endswith("-abcdefgh-0001.jsonl")


@given(st.integers(1, 400))
def test_a_torn_last_line_counts_for_nothing_and_is_cut_off_by_the_next_run(cut: int) -> None:
    lines = b"".join(orjson.dumps(intent(n)) + b"\n" for n in range(3))
    torn = lines[:-cut] if cut < len(lines) else b""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "20261116T093000000000-killed-0001.jsonl"
        file.write_bytes(torn)

        assert len(list(read_journal(file))) == torn.count(b"\n")
        History(folder)
        assert file.read_bytes() == torn  # who does not hold the lock only passes over it
        mend_tails(folder)

        assert file.read_bytes() == lines[: lines.rfind(b"\n", 0, len(torn)) + 1]


def test_a_run_that_opens_a_journal_mends_it_and_writes_to_a_file_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, intent(0), run_id="killed")
    (killed,) = journal_files(tmp_path)
    whole = killed.read_bytes()
    killed.write_bytes(whole + b"x" * 200_000)

    write(tmp_path, intent(1), run_id="next")

    assert killed.read_bytes() == whole
    assert numbers(tmp_path) == [0, 1]


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

    with pytest.raises(
        JournalBusy, match=rf"another run \(process {os.getpid()} on .*, since 20.*, run one\)"
    ):
        asyncio.run(both())
    write(tmp_path, intent(1))


HOLD = """
import asyncio, sys
from pathlib import Path
from minference_core.engine import Journal

async def hold():
    async with Journal(Path(sys.argv[1]), "held"):
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(hold())
"""


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for _ in range(2):  # asking changes nothing
            with pytest.raises(JournalBusy, match=rf"process {holder.pid} on .* run held.*kill {holder.pid}"):
                write(tmp_path, intent(1))
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()

    assert (tmp_path / ".lock.holder").exists()  # what the dead one left …
    write(tmp_path, intent(1))  # … is in nobody's way
    assert numbers(tmp_path) == [1]


def test_what_a_dead_holder_left_is_never_shown_as_the_present_one(tmp_path: Path) -> None:
    async def while_unsigned() -> None:
        async with Journal(tmp_path, "one"):
            (tmp_path / ".lock.holder").unlink()  # as if it had not signed yet
            (tmp_path / ".lock.holder").write_text('{"pid": 4711, "host": "here"}')  # locked by nobody
            async with Journal(tmp_path, "two"):
                pass

    with pytest.raises(JournalBusy, match="another run: wait") as caught:
        asyncio.run(while_unsigned())
    assert "4711" not in str(caught.value)


def test_a_journal_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    async def on_a_full_disk() -> None:
        async with Journal(tmp_path, "run") as journal:
            await journal.write(intent(1, kind="outcome"))
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, journal._segments._file or -1)
            os.close(full)
            for n in (2, 3):
                with pytest.raises(JournalError, match=r"cannot be written: No space left .* The 1 answers"):
                    await journal.write(intent(n))

    asyncio.run(on_a_full_disk())

    assert numbers(tmp_path) == [1]


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """When each group went to the disk, and how many lines it had."""
    seen: list[tuple[float, int]] = []
    real = segments._write_durably

    def noted(file: int, data: bytes) -> None:
        seen.append((time.monotonic(), data.count(b"\n")))
        real(file, data)

    monkeypatch.setattr(segments, "_write_durably", noted)
    return seen


def test_a_waiter_that_is_cancelled_takes_nothing_with_it(tmp_path: Path) -> None:
    async def one_gives_up() -> None:
        async with Journal(tmp_path, "run") as journal:
            await journal.write(intent(0))  # the next group waits a while
            tasks = [asyncio.create_task(journal.write(intent(n))) for n in range(1, 6)]
            await asyncio.sleep(0)
            tasks[2].cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(end) for end in ended].count(asyncio.CancelledError) == 1

    asyncio.run(one_gives_up())

    assert numbers(tmp_path) == list(range(6))


def test_everything_that_was_handed_over_is_on_disk_when_a_journal_is_closed(tmp_path: Path) -> None:
    async def all_give_up() -> None:
        async with Journal(tmp_path, "run") as journal:
            await journal.write(intent(0))
            tasks = [asyncio.create_task(journal.write(intent(n))) for n in range(1, 400)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()

    asyncio.run(all_give_up())

    assert numbers(tmp_path) == list(range(400))


def test_a_record_is_on_disk_when_its_writer_goes_on(tmp_path: Path) -> None:
    async def look() -> None:
        async with Journal(tmp_path, "run") as journal:

            async def one(n: int) -> None:
                await asyncio.sleep(n / 1_000)
                await journal.write(intent(n))
                assert n in numbers(tmp_path)

            await asyncio.gather(*map(one, range(100)))

    asyncio.run(look())


def test_under_load_there_is_one_commit_in_fifty_milliseconds_or_for_each_full_group(
    tmp_path: Path, commits: list[tuple[float, int]]
) -> None:
    async def load(writers: int, each: int) -> float:
        started = time.monotonic()
        async with Journal(tmp_path, "run") as journal:

            async def one(n: int) -> None:
                for _ in range(each):
                    await journal.write(intent(n))

            await asyncio.gather(*map(one, range(writers)))
        return time.monotonic() - started

    took_s = asyncio.run(load(100, 10))

    assert sum(lines for _, lines in commits) == 1_000
    assert len(commits) <= took_s / 0.05 + 2
    commits.clear()
    took_s = asyncio.run(load(1_024, 4))
    full = sum(lines >= 256 for _, lines in commits)
    assert len(commits) - full <= took_s / 0.05 + 2


def test_an_idle_journal_does_nothing(tmp_path: Path) -> None:
    async def idle() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        async with Journal(tmp_path, "run") as journal:
            await journal.write(intent(1))
            await asyncio.sleep(0.06)
            waiting = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
            ready = list(loop._ready)  # type: ignore[attr-defined]
            return len(waiting), len(ready)

    assert asyncio.run(idle()) == (0, 0)


def test_a_next_file_is_made_beside_the_loop_and_its_name_is_on_disk_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, int]] = []
    names, lines = segments._sync_names, segments._write_durably

    def noted(what: str, real: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            done.append((what, threading.get_ident()))
            real(*arguments)

        return call

    monkeypatch.setattr(segments, "_sync_names", noted("name", names))
    monkeypatch.setattr(segments, "_write_durably", noted("lines", lines))

    async def two_files() -> None:
        async with Journal(tmp_path, "run", segment_bytes=1) as journal:
            await journal.write(intent(1))
            await journal.write(intent(2))

    asyncio.run(two_files())

    assert [what for what, _ in done] == ["name", "lines", "name", "lines"]
    assert threading.get_ident() not in {thread for _, thread in done}


@settings(max_examples=30, deadline=None)
@given(groups=st.lists(st.integers(1, 30), max_size=12), bound=st.integers(1, 4_000))
def test_files_of_any_bound_hold_everything_once_and_in_order(groups: list[int], bound: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = segments.Segments(Path(folder), "run", segment_bytes=bound, reserve_bytes=0)
        made.open()
        count = 0
        for size in groups:
            made.append([orjson.dumps(intent(n)) + b"\n" for n in range(count, count + size)])
            count += size
        made.close()

        assert numbers(Path(folder)) == list(range(count))
