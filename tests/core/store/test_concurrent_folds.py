"""Many processes at once, and processes killed: the store ends up with every row, once."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minference_core.store import Store, connect
from minference_core.store.check import Findings, check_inbox, check_published, check_tables
from minference_core.store.place import Place

from .crowd import crowd
from .rows import put
from .test_fold import Session, numbers

WRITERS = 6
SEGMENTS = 8
ROWS = 20

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from rows import put
from minference_core.store import Store

data, writer, segments, rows = Path(sys.argv[2]), *map(int, sys.argv[3:6])
store = Store(data, ())
for segment in range(segments):
    first = (writer * segments + segment) * rows
    put(data / "inbox", f"w{writer}-{segment}", *range(first, first + rows))
    store.fold()
"""

FOLDER = """
import sys
from pathlib import Path
from minference_core.store import Store
print("ready", flush=True)
Store(Path(sys.argv[1]), ()).fold()
"""


def start_writer(data: Path, number: int) -> subprocess.Popen[bytes]:
    arguments = [str(value) for value in (Path(__file__).parent, data, number, SEGMENTS, ROWS)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stderr=subprocess.PIPE)


def test_writers_folders_a_reader_and_an_open_session_never_disturb_each_other(
    data: Path, store: Store
) -> None:
    put(data / "inbox", "first", *range(10**6, 10**6 + ROWS))
    store.fold()
    seen: list[int] = []

    with Session(store.published):
        writers = [start_writer(data, number) for number in range(WRITERS)]
        while any(writer.poll() is None for writer in writers):
            with connect(store.published) as reader:
                counts = reader.execute(
                    "select (select count(*) from message_version), (select count(*) from thread_head)"
                ).fetchone()
            assert counts is not None
            assert counts[0] == counts[1]
            seen.append(counts[0])
            time.sleep(0.02)

    errors = [writer.communicate()[1].decode() for writer in writers]
    assert errors == [""] * WRITERS
    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert list((data / "inbox").iterdir()) == []
    assert seen == sorted(seen)
    assert all(count % ROWS == 0 for count in seen)
    assert numbers(store) == [*range(WRITERS * SEGMENTS * ROWS), *range(10**6, 10**6 + ROWS)]


@pytest.mark.slow
def test_a_fold_killed_at_any_moment_loses_nothing_and_doubles_nothing(data: Path, store: Store) -> None:
    moments = random.Random(4)
    written = 0
    for attempt in range(12):
        for segment in range(12):
            put(data / "inbox", f"k{attempt}-{segment}", *range(written, written + 300))
            written += 300
        folder = subprocess.Popen([sys.executable, "-c", FOLDER, data], stdout=subprocess.PIPE)
        assert folder.stdout is not None
        folder.stdout.readline()
        time.sleep(moments.uniform(0, 0.35))
        folder.send_signal(signal.SIGKILL)
        folder.wait()
        folder.stdout.close()

    store.fold()

    assert numbers(store) == list(range(written))
    with connect(store.published) as reader:
        rows = reader.execute("select count(*), count(distinct segment_id) from segment").fetchone()
    assert rows == (144, 144)
    assert [path.name for path in (data / "inbox").iterdir() if not path.name.startswith(".tmp-")] == []
    assert [path.name for path in data.glob(".minference*")] == []


@pytest.mark.slow
def test_eight_that_fold_and_four_that_read_whoever_is_killed(data: Path) -> None:
    """`python -m tests.core.store.crowd --seconds 60` is the same for a minute."""
    happened = crowd(data, seconds=8)

    assert happened["lost"] == 0
    assert min(happened["killed"], happened["published"], happened["read"], happened["saved"]) > 0
    place = Place(data)
    found = check_tables(place) + check_inbox(place) + check_published(place, whole_rows=True)
    assert found == Findings()
