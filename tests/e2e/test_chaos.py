"""
Everything goes wrong at once: each of the server's faults, SIGKILL, SIGTERM, a full disk, a clock that jumps.

Four processes share a dataset, an account and a ledger. However long it takes them, all comes to a good end,
and by the server's own record nothing is lost but what was on its way when a process was killed.
"""

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import orjson
import pytest

from minference_core.engine import Cap, Caps, Ledger, environment
from minference_core.errors import ErrorClass
from minference_core.simulator import SimulatorSettings, Storm, simulator_in_thread
from minference_core.store.read import connect
from tests.conftest import Row, write_specs
from tests.e2e.processes import get_ready, journal_records, kill, log_lines, start
from tests.e2e.sharing import DONE, NO_DISK, STOPPED, Sharing, ask

pytestmark = pytest.mark.slow

SEED = 2026
PARTITIONS, ROWS = 4, 45
EVENTS = ["kill"] * 10 + ["term"] * 4 + ["full"] * 2
RPM = 6_000
FAULTS = {
    **dict.fromkeys(("429", "no_retry_after", "500", "503", "drop", "truncate"), 0.03),
    **dict.fromkeys(("garbage", "nothing", "not_http", "wrong_length", "slow_body"), 0.02),
    **dict.fromkeys(("hang", "stall", "refusal", "invalid_output"), 0.01),
}
STORMS = (Storm("429", 0.6, 5.0), Storm("500", 0.3, 7.0))


def say(text: str) -> None:
    """For whoever reads of a test that failed."""
    print(text)  # noqa: T201


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, where this process may make one; else a folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)]
    own = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
    yield folder
    if own:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    get_ready()
    server = SimulatorSettings(
        seed=SEED,
        latency_ms=200,
        latency_jitter=0.9,
        requests_per_minute=RPM,
        faults=FAULTS,
        storms=STORMS,
        log=tmp_path / "log",
        delivered=tmp_path / "delivered",
    )
    with simulator_in_thread(server) as url:
        yield url


@pytest.fixture
def partitions(disk: Path, url: str) -> list[Sharing]:
    """Half of them with a clock that jumps; every third thread has two turns."""
    settings = {
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "sk-of-nobody",
        "MINFERENCE_SIMULATOR": "",
        "OPENAI_RPM": str(RPM),
        "OPENAI_MAX_IN_FLIGHT": "20",
    }
    made = [
        Sharing(
            data=disk / "data",
            day=f"part-{n}",
            environment=settings,
            caps=Caps(dataset=Cap(usd=Decimal(50)), day=Cap(tokens=10_000_000)),
            max_in_flight=8,
            timeout_s=3.0,
            jumps=SEED + n if n % 2 else None,
        )
        for n in range(PARTITIONS)
    ]
    for one in made:
        rows: list[Row] = [
            {
                "thread_key": f"{n}",
                "user_turns": [f"What of {n} in {one.day}?", "And then?"][: turns_of(n)],
                "model": "gpt-4.1-mini",
            }
            for n in range(ROWS)
        ]
        write_specs(one.specs, rows)
    return made


def turns_of(n: int) -> int:
    return 2 if n % 3 == 0 else 1


class Havoc:
    """Partitions in processes of their own, to which things happen until each has come to its end."""

    def __init__(self, partitions: Sequence[Sharing], disk: Path) -> None:
        self.ends: Counter[int | None] = Counter()
        self._draw = random.Random(SEED)
        self._events = self._draw.sample(EVENTS, len(EVENTS))
        self._ids = itertools.count(1)
        self._disk = disk
        self._running = {made.day: (made, self._begun(made)) for made in partitions}

    def rage(self) -> None:
        say(f"seed {SEED}: {' '.join(reversed(self._events))}")
        try:
            while self._running:
                self._let_happen(self._draw.uniform(0.1, 1.0))
                self._begin_anew()
        finally:
            kill(process for _, process in self._running.values())

    def _let_happen(self, seconds: float) -> None:
        time.sleep(seconds)
        alive = [process for _, process in self._running.values() if process.is_alive()]
        if not self._events or not alive:
            return
        victim = self._draw.choice(alive)
        match self._events.pop():
            case "kill":
                victim.kill()
            case "term":
                victim.terminate()
            case _ if os.path.ismount(self._disk):
                self._fill_the_disk()

    def _fill_the_disk(self) -> None:
        """All the room that there is, for half a second."""
        ballast = self._disk / "somebody-elses"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 20)):
                pass
        time.sleep(0.5)
        ballast.unlink()

    def _begin_anew(self) -> None:
        for day, (made, process) in list(self._running.items()):
            if process.exitcode is None:
                continue
            self.ends[process.exitcode] += 1
            if process.exitcode == DONE:
                del self._running[day]
            else:
                self._running[day] = (made, self._begun(made))

    def _begun(self, made: Sharing) -> ForkServerProcess:
        return start(ask, made, f"{next(self._ids):08d}-of-{made.day}")


def test_all_comes_to_a_good_end_and_nothing_that_was_answered_is_lost(
    partitions: list[Sharing], disk: Path, url: str, tmp_path: Path
) -> None:
    havoc = Havoc(partitions, disk)
    havoc.rage()
    say(f"processes ended with {dict(havoc.ends)}")

    assert set(havoc.ends) <= {DONE, STOPPED, NO_DISK, -signal.SIGKILL, -signal.SIGTERM}
    assert havoc.ends[-signal.SIGKILL] >= 5
    records = [record for made in partitions for record in journal_records(made.journal)]
    assert_nothing_is_lost(records, log_lines(tmp_path / "delivered"))
    assert_nothing_is_asked_that_is_settled(records)
    assert_every_answer_is_in_the_tables(records, partitions)
    assert_every_thread_has_ended(partitions)
    assert_the_books_are_right(partitions, url)


def assert_the_books_are_right(partitions: list[Sharing], url: str) -> None:
    """No more requests at once than the limit, however the clock jumped; no dollar that nobody knows of."""
    with urllib.request.urlopen(f"{url}/stats", timeout=30) as response:  # noqa: S310 (it is our own)
        (account,) = json.load(response)["accounts"].values()
    assert account["received"]["requests"]["max_1s"] <= 2 * RPM / 60
    with Ledger(environment.ledger_url(partitions[0].data)) as ledger:
        books = asyncio.run(ledger.balances())
    (dollars,) = [book.spent for book in books if book.unit == "nanodollars"]
    assert Decimal(account["cost_usd"]) * 1_000_000_000 <= dollars
    assert not any(book.held for book in books)
    assert len(books) > 3  # the clock jumped over several days, each with a budget of its own


def assert_nothing_is_lost(records: list[Row], delivered: list[Row]) -> None:
    """What the server delivered is on record, but for what was in flight when a process was killed."""
    kept = {record.get("provider_request_id") for record in records if record["kind"] == "outcome"}
    lost = Counter(line["client_request_id"] for line in delivered if line["request_id"] not in kept)
    unknown = Counter(record["request_key"] for record in records if record["kind"] == "intent")
    unknown -= Counter(
        record["request_key"]
        for record in records
        if record["kind"] == "outcome" and record["error"] != ErrorClass.TIMEOUT
    )
    say(f"{len(delivered)} delivered, {lost.total()} lost, {unknown.total()} unknown")
    assert lost <= unknown
    assert len(delivered) > 100


def is_answer(record: Row) -> bool:
    if record["kind"] != "outcome" or record["status"] != 200:
        return False
    try:
        return "choices" in orjson.loads(record["body"])
    except (orjson.JSONDecodeError, TypeError):
        return False


def assert_nothing_is_asked_that_is_settled(records: list[Row]) -> None:
    settled = set[tuple[str, str]]()
    for record in records:
        name = record["lineage_id"], record["request_key"]
        assert record["kind"] != "intent" or name not in settled
        if is_answer(record):
            settled.add(name)
    assert len(settled) > 100


def assert_every_answer_is_in_the_tables(records: list[Row], partitions: list[Sharing]) -> None:
    rows = {row["provider_request_id"]: row for made in partitions for row in made.exchange_rows()}
    for record in filter(is_answer, records):
        assert rows[record["provider_request_id"]]["response_body"] == record["body"]


def assert_every_thread_has_ended(partitions: list[Sharing]) -> None:
    for made in partitions:
        made.versions()
    made = partitions[0]
    made.store.fold()
    with connect(made.store.published) as con:
        ends = con.execute("select lineage_id, error_class from thread_current").fetchall()
        failed = con.execute("select lineage_id, error_class, error_message from failures").fetchall()
        whole = con.execute(
            "select thread_key, n_messages from thread_current where error_class is null"
        ).fetchall()
    say(f"threads ended with {Counter(error for _, error in ends)}")
    assert len(ends) == len({lineage for lineage, _ in ends}) == PARTITIONS * ROWS
    assert all(messages == 2 * turns_of(int(key)) for key, messages in whole)
    assert {(lineage, error) for lineage, error, _ in failed} == {end for end in ends if end[1]}
    assert all(message for *_, message in failed)
    assert len(whole) > PARTITIONS * ROWS / 2
