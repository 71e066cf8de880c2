"""
A crowd at one store: processes that write segments and fold, others that read, one that makes the file anew
over and over, and somebody who kills them.

`python -m tests.core.store.crowd --seconds 60` does it for a minute, and says how often each thing happened.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

from minference_core.store import SCHEMAS, Store, connect, table, write_segment

from .rows import NEW_YEAR, version

ROWS = 25
"""Messages of each segment, so that a reader may find these or none."""

_ROOT = Path(__file__).parents[3]
_WHOLE = f"""
    with each as (select mat_id, count(*) as n from message_version group by 1)

    select
        (select count(*) from each where n <> {ROWS}) as torn,
        (select count(distinct mat_id) from message_version) as with_messages,
        (select count(*) from materialization) as materializations,
        (select count(*) from segment) as segments
"""  # noqa: S608


def fold_on(data: Path, first: int, seed: int) -> None:
    """Write a segment, say so, fold; until told to stop."""
    chance = random.Random(seed)
    store = Store(data, ())
    while not _told_to_stop(data):
        mat_id = uuid4()
        _write(data / "inbox", mat_id, range(first, first + ROWS))
        first += ROWS
        _say(data, f"saved {mat_id}")
        report = store.fold(wait_s=chance.choice([0.0, 0.0, 60.0]))
        if not report.busy:
            with connect(store.published) as reader:
                found = reader.execute("select count(*) from message_version where mat_id = $1", [mat_id])
                assert found.fetchall() == [(ROWS,)], "a run's own data is published when its fold ends"
        _say(data, "published" if report.published else "left to others" if report.busy else "was there")


def write_anew(data: Path) -> None:
    """Put a file made anew in the place of the private one, as rebuilding does; until told to stop."""
    store = Store(data, ())
    while not _told_to_stop(data):
        with store.replaced(wait_s=60) as made:
            for name in SCHEMAS:
                made.take_over(name)
        _say(data, "written anew")
        time.sleep(1)


def read_on(data: Path, seed: int) -> None:
    """Ask for what must be whole, again and again, in sessions of some length; until told to stop."""
    chance = random.Random(seed)
    before = 0
    while not _told_to_stop(data):
        with connect(data / "minference.duckdb") as reader:
            seen = [reader.execute(_WHOLE).fetchall() for _ in range(chance.randint(1, 4))]
        assert all(rows == seen[0] for rows in seen), "a session sees one state"
        torn, *counts = seen[0][0]
        assert torn == 0, "a segment is seen whole or not at all"
        assert len(set(counts)) == 1, "in all tables at once"
        assert counts[0] >= before, "nothing goes away"
        before = counts[0]
        _say(data, "read")


def crowd(
    data: Path, *, seconds: float, folding: int = 8, reading: int = 4, kill_every_s: float = 1.0
) -> Counter[str]:
    """
    Let them all loose, kill one now and then and put another in its place, fold once at the end.

    Returns:
        How often each thing happened; `lost` counts what was saved and is not there.
    """
    chance = random.Random(0)
    Store(data, ()).fold()
    roles = ["fold"] * folding + ["read"] * reading + ["write_anew"]
    crew = [_start(data, role, number) for number, role in enumerate(roles)]
    started, killed = len(crew), 0
    try:
        while not (data / "happened").exists():  # starting all at once takes a while
            time.sleep(0.1)
            _raise_if_failed(crew)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(kill_every_s)
            place = chance.randrange(len(crew))
            if crew[place].poll() is None:
                crew[place].send_signal(signal.SIGKILL)
                crew[place].communicate()
                killed += 1
                crew[place] = _start(data, roles[place], started)
                started += 1
            _raise_if_failed(crew)
    finally:
        (data / "stop").touch()
        complaints = [process.communicate()[1].decode() for process in crew]
    assert not any(complaints), "\n".join(complaints)
    Store(data, ()).fold()
    return _happened(data) + Counter(killed=killed, started=started)


def _start(data: Path, role: str, number: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __spec__.name, "--as", role, "--number", str(number), str(data)]
    return subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.PIPE)


def _raise_if_failed(crew: Sequence[subprocess.Popen[bytes]]) -> None:
    failed = [process for process in crew if process.poll() is not None]
    assert not failed, failed[0].communicate()[1].decode()


def _happened(data: Path) -> Counter[str]:
    lines = (data / "happened").read_text().splitlines()
    saved = {UUID(line.removeprefix("saved ")) for line in lines if line.startswith("saved ")}
    with connect(data / "minference.duckdb") as reader:
        rows = reader.execute("select mat_id, count(*) from message_version group by 1").fetchall()
    whole = {mat_id for mat_id, count in rows if count == ROWS}
    happened = Counter("saved" if line.startswith("saved ") else line for line in lines)
    return happened + Counter(lost=len(saved - whole))


def _write(inbox: Path, mat_id: UUID, numbers: range) -> None:
    common = {
        "version_no": 1,
        "created_at": NEW_YEAR,
        "mat_id": mat_id,
        "role": "user",
        "content": "word " * 40,
    }
    messages = [
        {"id": version(n), "lineage_id": version(n), "content_hash": version(n), **common} for n in numbers
    ]
    materialization = {
        "mat_id": mat_id,
        "asset_key": "crowd/entity_versions",
        "partition_key": "2026-01-01",
        "generation": 0,
        "run_id": "crowd",
        "code_version": "1",
        "committed_at": NEW_YEAR,
        "n_threads": 0,
        "n_exchanges": 0,
    }
    tables = {
        "message_version": table("message_version", messages),
        "materialization": table("materialization", [materialization]),
    }
    write_segment(inbox, f"crowd-{mat_id}", mat_id, tables)


def _say(data: Path, what: str) -> None:
    with (data / "happened").open("a") as file:
        file.write(f"{what}\n")


def _told_to_stop(data: Path) -> bool:
    return (data / "stop").exists()


def _main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kill-every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--as", dest="role", choices=["fold", "read", "write_anew"])
    parser.add_argument("--number", type=int, default=0)
    given = parser.parse_args()
    if given.role == "fold":
        fold_on(given.data, first=given.number * 10**9, seed=given.number)
    elif given.role == "read":
        read_on(given.data, seed=given.number)
    elif given.role == "write_anew":
        write_anew(given.data)
    else:
        with tempfile.TemporaryDirectory() as folder:
            data = given.data or Path(folder) / "data"
            print(dict(crowd(data, seconds=given.seconds, kill_every_s=given.kill_every)))  # noqa: T201


if __name__ == "__main__":
    _main()
