"""One dollar for four processes that are killed: never exceeded by the provider's own count, and used."""

import asyncio
import itertools
import json
import os
import random
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from pydantic import SecretStr

from minference_core import ChatThread, EntityRegistry, InferenceOrchestrator, LLMConfig
from minference_core.engine import Budget, Cap, Caps, Lane, Ledger, Spending, environment
from minference_core.specs import SpecDefaults
from tests.conftest import Row, write_specs
from tests.e2e.processes import durable, get_ready, journal_records, kill, log_lines, start, was_killed
from tests.e2e.sharing import DONE, Sharing, ask

pytestmark = pytest.mark.slow

SEED, KILLS = 2026, 14
PARTITIONS, ROWS = 4, 90
# So dear that a dollar is two hundred answers; all of them would cost more than a dollar and a half.
DEFAULTS = SpecDefaults(client="openai", model="gpt-4.5-preview", max_tokens=32)
DOLLAR, PLENTY = (Caps(dataset=Cap(usd=Decimal(usd))) for usd in ("1.00", "9.00"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def url(simulator: Callable[..., str], log: Path) -> str:
    get_ready()
    return simulator(latency_ms=120, latency_jitter=0.5, log=log)


@pytest.fixture
def partitions(tmp_path: Path, url: str) -> list[Sharing]:
    """A dataset of so many partitions; whoever asks for them pays, as far as they can know."""
    settings = {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-of-nobody", "MINFERENCE_SIMULATOR": ""}
    data = tmp_path / "data"
    made = [
        Sharing(
            data=data, day=f"part-{n}", defaults=DEFAULTS, environment=settings, caps=DOLLAR, max_in_flight=4
        )
        for n in range(PARTITIONS)
    ]
    for one in made:
        rows: list[Row] = [
            {"thread_key": f"{one.day}-{n}", "prompt": f"What of {n} in {one.day}?"} for n in range(ROWS)
        ]
        write_specs(one.specs, rows)
    return made


class Runs:
    """Each partition in a process of its own, begun anew until it has come to its end."""

    def __init__(self, partitions: Sequence[Sharing], seed: int) -> None:
        self.draw = random.Random(seed)
        self.kills = 0
        self._ids = itertools.count(1)
        self._partitions = partitions

    def until_done(self, *, kills: int) -> None:
        """Killed so often in all, at random moments."""
        running = {made.day: self._begun(made) for made in self._partitions}
        try:
            while running:
                for made in self._partitions:
                    if made.day in running:
                        process, moment = running[made.day]
                        if self.kills < kills and moment(made):
                            process.kill()
                            process.join()
                            self.kills += was_killed(process)
                        if process.exitcode == DONE:
                            del running[made.day]
                        elif process.exitcode is not None:
                            assert was_killed(process), (made.day, process.exitcode)
                            running[made.day] = self._begun(made)
                time.sleep(0.005)
        finally:
            kill(process for process, _ in running.values())

    def _begun(self, made: Sharing) -> tuple[ForkServerProcess, Callable[[Sharing], bool]]:
        """A process, and whether the moment has come when it is to be killed."""
        process = start(ask, made, f"{next(self._ids):08d}-of-{made.day}")
        if self.draw.random() < 0.25:  # whatever it does then
            due = time.monotonic() + self.draw.uniform(0.0, 0.5)
            return process, lambda _: time.monotonic() > due
        enough = len(durable(made.journal)) + self.draw.randint(1, 12)
        return process, lambda made: len(durable(made.journal)) >= enough


def cost_usd(url: str) -> Decimal:
    """What the server has billed, also those who were gone by then."""
    with urllib.request.urlopen(f"{url}/stats", timeout=30) as response:  # noqa: S310 (it is our own)
        (account,) = json.load(response)["accounts"].values()
    assert account["unpriced"] == 0
    return Decimal(account["cost_usd"])


def last_rows(partitions: Sequence[Sharing]) -> Iterator[Row]:
    """What came of each thread in the end."""
    for made in partitions:
        yield from {row["lineage_id"]: row for row in made.exchange_rows() if not row["uncertain"]}.values()


def test_four_processes_that_are_killed_spend_a_dollar_and_never_more(
    partitions: list[Sharing], url: str, log: Path
) -> None:
    runs = Runs(partitions, SEED)
    runs.until_done(kills=KILLS)
    # What the killed ones had set aside, and did not spend, is there for those who come after.
    runs.until_done(kills=runs.kills)

    billed = cost_usd(url)
    assert runs.kills >= KILLS // 2
    assert Decimal("0.80") <= billed <= Decimal("1.00")
    with Ledger(environment.ledger_url(partitions[0].data)) as ledger:
        (book,) = asyncio.run(ledger.balances())
    assert (book.scope, book.unit, book.held) == ("dataset chat", "nanodollars", 0)
    assert billed * 1_000_000_000 <= book.spent <= 1_000_000_000

    rows = list(last_rows(partitions))
    undone = [row for row in rows if row["error_class"] == "budget"]
    assert len(rows) == PARTITIONS * ROWS
    assert {row["status_code"] for row in rows if row not in undone} == {200}
    assert all("dataset chat has no room for it: raise the budget" in row["error_message"] for row in undone)
    assert undone

    sent, known = len(log_lines(log)), {key for made in partitions for key in durable(made.journal)}
    Runs([replace(made, caps=PLENTY) for made in partitions], SEED).until_done(kills=0)

    assert {row["status_code"] for row in last_rows(partitions)} == {200}
    later = [line["client_request_id"] for line in log_lines(log)[sent:]]
    assert len(later) == len(set(later)) == len(undone)
    assert not known & set(later)


def hold_threads(folder: Path, url: str, count: int) -> None:
    """A program of the library's, with a budget of ten thousand tokens for all programs like it."""
    lane = Lane(client="openai", base_url=url, api_key=SecretStr("sk-of-nobody"))
    os.environ[environment.LEDGER_VARIABLE] = f"sqlite:///{folder / 'ledger.sqlite'}"
    orchestrator = InferenceOrchestrator(
        lanes={"openai": lane},
        cache_folder=folder / "library",
        max_in_flight=8,
        spending=Spending(budgets=[Budget(scope="programs", tokens=10_000)]),
    )
    config = LLMConfig(client="openai", model="gpt-4o-mini", max_tokens=32)
    with EntityRegistry().active():
        orchestrator.run([ChatThread(llm_config=config, new_message=f"Case {n}?") for n in range(count)])


def test_what_a_killed_program_had_set_aside_is_there_for_the_next(
    tmp_path: Path, simulator: Callable[..., str]
) -> None:
    """Of its answers what they cost stays spent, of what was under way all that it may have cost."""
    get_ready()
    url = simulator(latency_ms=120)
    program = start(hold_threads, tmp_path, url, 60)
    while not (journals := list(tmp_path.glob("library/*/*"))) or len(durable(journals[0])) < 16:
        assert program.is_alive()
        time.sleep(0.01)
    kill([program])
    with Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        (dead,) = asyncio.run(ledger.balances())
        program = start(hold_threads, tmp_path, url, 1)
        program.join()
        (book,) = asyncio.run(ledger.balances())

    spent: dict[tuple[str, str], int] = {}
    for record in itertools.chain.from_iterable(map(journal_records, tmp_path.glob("library/*/*"))):
        tokens = {"intent": "reserved_tokens", "outcome": "spent_tokens"}[record["kind"]]
        spent[record["lineage_id"], record["request_key"]] = record[tokens]
    assert program.exitcode == 0
    assert dead.held > 0
    assert (book.held, book.spent) == (0, sum(spent.values()))
