"""A run's books: those of one that died are put right by its journal, each day by itself."""

import asyncio
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from minference_core.engine import Budget, Journal, Ledger, Purse, Spending, holder_of, opened_books
from minference_core.engine.books import spent_on_record
from minference_core.engine.ledger import Takings, budgets, processes

EVENING, NIGHT = date(2026, 11, 24), date(2026, 11, 25)
RUN = "9a1b2c3d-run"


def intent(name: str, at: str, tokens: int, *, attempt: int = 1, run_id: str = RUN) -> dict[str, Any]:
    return {
        "lineage_id": name,
        "request_key": name,
        "attempt": attempt,
        "kind": "intent",
        "run_id": run_id,
        "sent_at": at,
        "reserved_tokens": tokens,
        "reserved_nanodollars": tokens * 10,
    }


def outcome(name: str, at: str, tokens: int, *, attempt: int = 1) -> dict[str, Any]:
    return {
        "lineage_id": name,
        "request_key": name,
        "attempt": attempt,
        "kind": "outcome",
        "finished_at": at,
        "spent_tokens": tokens,
        "spent_nanodollars": tokens * 10,
    }


def at(day: date, time: str) -> str:
    return f"{day}T{time}+00:00"


OVER_MIDNIGHT = [
    intent("a", at(EVENING, "23:00:00"), 100),
    outcome("a", at(EVENING, "23:00:05"), 40),
    intent("b", at(EVENING, "23:59:58"), 100),
    intent("c", at(EVENING, "23:59:59"), 100),
    outcome("b", at(NIGHT, "00:00:02"), 30),
    intent("d", at(NIGHT, "00:00:03"), 100),
]
"""On the first day 40 and what `c` may have cost; on the second 30 and what `d` may have cost."""


def write(folder: Path, records: list[dict[str, Any]], run_id: str = RUN) -> None:
    async def written() -> None:
        async with Journal(folder, run_id) as journal:
            for record in records:
                await journal.write(record)

    asyncio.run(written())


def test_answers_count_with_what_they_cost_and_what_has_none_with_all_that_was_set_aside(
    tmp_path: Path,
) -> None:
    write(tmp_path, OVER_MIDNIGHT)

    assert spent_on_record(tmp_path, RUN) == {EVENING: Takings(1_400, 140), NIGHT: Takings(1_300, 130)}


def test_days_are_utcs_whatever_offset_the_time_is_written_with(tmp_path: Path) -> None:
    write(tmp_path, [intent("a", "2026-11-25T01:30:00+02:00", 100)])

    assert spent_on_record(tmp_path, RUN) == {EVENING: Takings(1_000, 100)}


def test_every_attempt_counts_and_those_of_other_runs_do_not(tmp_path: Path) -> None:
    write(tmp_path, [intent("a", at(NIGHT, "01:00:00"), 100, run_id="another")], "another")
    retried = [
        intent("a", at(NIGHT, "02:00:00"), 100, attempt=1),
        outcome("a", at(NIGHT, "02:00:01"), 0, attempt=1),
        intent("a", at(NIGHT, "02:00:02"), 100, attempt=2),
        outcome("a", at(NIGHT, "02:00:03"), 25, attempt=2),
    ]
    write(tmp_path, retried)

    assert spent_on_record(tmp_path, RUN) == {NIGHT: Takings(250, 25)}
    assert spent_on_record(tmp_path, "another") == {NIGHT: Takings(1_000, 100)}
    assert spent_on_record(tmp_path, "never") == {}


def test_a_run_over_midnight_that_died_is_charged_to_each_day_what_was_spent_on_it(
    tmp_path: Path, ledger_url: str
) -> None:
    """The dead run had told the ledger something else of both days, and had a million set aside."""
    whose, journal = uuid.uuid4().hex, tmp_path / "journal"
    both = [
        Budget(scope=f"{whose} all", tokens=10_000_000, usd=Decimal(1_000)),
        Budget(scope=f"{whose} on", daily=True, tokens=10_000_000),
    ]
    spending = Spending(budgets=both)

    async def dies(ledger: Ledger) -> None:
        purse = Purse(ledger, holder_of(journal, RUN), both)  # and never left
        for day in (EVENING, NIGHT):
            now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
            purse._today = lambda now=now: now  # type: ignore[misc]
            await purse.reserve(Takings(1_000_000, 1_000_000))
            purse.settle(Takings(1_000_000, 1_000_000), Takings(7, 7))
            await purse.reserve(Takings(1_000_000, 1_000_000))

    async def next_one(ledger: Ledger) -> None:
        async with opened_books(ledger, journal, "next", spending):
            pass

    with Ledger(ledger_url) as ledger:
        asyncio.run(dies(ledger))
        write(journal, OVER_MIDNIGHT)
        asyncio.run(next_one(ledger))
        found = {(row.scope, row.unit): row for row in asyncio.run(ledger.balances(whose))}

    assert {name: row.spent for name, row in found.items()} == {
        (f"{whose} all", "nanodollars"): 2_700,
        (f"{whose} all", "tokens"): 270,
        (f"{whose} on {EVENING}", "tokens"): 140,
        (f"{whose} on {NIGHT}", "tokens"): 130,
    }
    assert all(row.held == 0 for row in found.values())


@pytest.mark.parametrize("name", ["other", "Journal", "journal b"])
def test_the_books_of_another_partition_are_left_alone(tmp_path: Path, ledger_url: str, name: str) -> None:
    scope = uuid.uuid4().hex
    spending = Spending(budgets=[Budget(scope=scope, tokens=1_000)])

    async def opened(ledger: Ledger) -> list[int]:
        async with opened_books(ledger, tmp_path / name, "alive", spending) as other:
            await other.reserve(Takings(0, 600))
            async with opened_books(ledger, tmp_path / "mine", "next", spending):
                held = [balance.held for balance in await ledger.balances(scope)]
            other.settle(Takings(0, 600), Takings())
            return held

    with Ledger(ledger_url) as ledger:
        assert asyncio.run(opened(ledger)) == [600]


@pytest.mark.parametrize(
    ("silent_s", "writes", "held"),
    [
        pytest.param(3_600.0, True, 0, id="the same folder"),
        pytest.param(0.0, True, 600, id="it may still be there"),
        pytest.param(3_600.0, False, 600, id="a folder that never saw it"),
    ],
)
def test_the_books_of_a_container_that_comes_back_under_another_name_are_put_right(
    tmp_path: Path,
    ledger_url: str,
    monkeypatch: pytest.MonkeyPatch,
    silent_s: float,
    writes: bool,
    held: int,
) -> None:
    scope, journal = uuid.uuid4().hex, tmp_path / "journal"
    spending = Spending(budgets=[Budget(scope=scope, tokens=1_000)])
    journal.mkdir()
    if writes:
        write(journal, [intent("a", at(NIGHT, "01:00:00"), 100), outcome("a", at(NIGHT, "01:00:01"), 40)])

    async def dies(ledger: Ledger) -> None:
        await Purse(ledger, holder_of(journal, RUN), spending.budgets).reserve(Takings(0, 600))

    async def next_one(ledger: Ledger) -> None:
        async with opened_books(ledger, journal, "next", spending):
            pass

    with monkeypatch.context() as before:
        before.setattr("socket.gethostname", lambda: "pod-1")
        before.setattr(processes, "_here", lambda: "pod-1")
        with Ledger(ledger_url) as ledger:
            asyncio.run(dies(ledger))
    monkeypatch.setattr(budgets, "_ALIVE_S", 60.0 - silent_s)
    with Ledger(ledger_url) as ledger:
        asyncio.run(next_one(ledger))
        (balance,) = asyncio.run(ledger.balances(scope))

    assert (balance.held, balance.spent) == (held, 0 if held else 40)
