"""Answers that are taken over: whose, when, and what is written down of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from minference_core.conversations import Scope
from minference_core.conversations.seen import Seen
from minference_core.store.read import connect
from tests.conftest import Pipeline, Row, specs, write_specs

Make = Callable[..., Pipeline]
Start = Callable[..., str]

OTHER_DAY = "2026-11-17"


def alike(count: int, **columns: Any) -> list[Row]:
    """Rows of other keys and the same words."""
    return [{"thread_key": f"same-{n}", "prompt": "Say hello.", **columns} for n in range(count)]


def asked(log: Path) -> int:
    return len(log.read_bytes().splitlines()) if log.exists() else 0


def query(made: Pipeline, sql: str) -> list[Any]:
    made.versions()
    made.store.fold()
    with connect(made.store.published) as con:
        return con.execute(sql).fetchall()


def other_day(made: Pipeline, rows: list[Row], **changes: Any) -> Pipeline:
    """The next partition of the same dataset."""
    settings = {"url": made.url, "reuse": made.reuse, "simulated": made.simulated, **changes}
    next_day = Pipeline(made.data, day=OTHER_DAY, **settings)
    write_specs(next_day.specs, rows)
    return next_day


@pytest.mark.parametrize(("scope", "sent"), [(Scope.ROWS, 6), (Scope.PARTITION, 3), (Scope.ALL, 2)])
def test_each_scope_sends_what_nobody_in_it_was_given(
    pipeline: Make, simulator: Start, tmp_path: Path, scope: Scope, sent: int
) -> None:
    log = tmp_path / "log"
    first = pipeline(alike(2), url=simulator(log=log), reuse=scope, simulated=True)
    second = other_day(first, [*alike(3), *specs(1)])

    plans = []
    for made in (first, second):
        plans.append(made.plan())
        report = asyncio.run(made.answer())
        assert report.complete == report.threads

    assert asked(log) == sum(plan.new for plan in plans) == sent
    assert sum(plan.shared for plan in plans) == 6 - sent
    bodies = {row["response_body"] for row in second.exchange_rows() if row["thread_key"] != "t0000"}
    assert len(bodies) == (3 if scope is Scope.ROWS else 1)


def test_two_in_flight_are_sent_once_and_both_have_the_answer(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    url = simulator(latency_ms=100, log=log)
    made = pipeline(alike(30), url=url, reuse=Scope.PARTITION, max_in_flight=30)

    report = made.run()

    assert (report.sent, report.shared, report.complete, report.skipped) == (1, 29, 30, 29)
    assert asked(log) == 1
    rows = made.exchange_rows()
    paid = [row for row in rows if row["reused_from"] is None]
    assert (len(rows), len(paid)) == (30, 1)
    assert {row["cost_usd"] for row in rows if row["reused_from"]} == {0}
    assert (made.plan().answered, made.run().sent) == (30, 0)


def test_all_turns_are_taken_over_and_a_turn_of_its_own_is_asked(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    rows: list[Row] = [
        {"thread_key": "a", "user_turns": ["One", "Two", "Three"]},
        {"thread_key": "b", "user_turns": ["One", "Two", "Three"]},
        {"thread_key": "c", "user_turns": ["One", "Two", "Other"]},
    ]
    made = pipeline(rows, url=simulator(log=log), reuse=Scope.PARTITION)

    plan = made.plan()
    report = asyncio.run(made.answer())

    assert (plan.new, plan.shared, plan.requests) == (2, 1, 6)  # c is priced as if all of it were its own
    assert (report.complete, report.replies, report.sent, report.shared) == (3, 9, 4, 5)
    assert asked(log) == 4


def test_a_stop_while_others_wait_for_the_answer_asks_nothing_twice(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    rows = [*alike(6, user_turns=["One", "Two"], prompt=None), *specs(6)]
    url = simulator(latency_ms=300, log=log)
    made = pipeline(rows, url=url, reuse=Scope.PARTITION, max_in_flight=8)
    made.plan()

    async def stopped() -> Any:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.15, stop.set)
        return await made.answer(stop=stop)

    assert asyncio.run(stopped()).stopped
    report = made.run()

    assert (report.complete, report.undone) == (12, 0)
    assert asked(log) == 2 + 6


def test_samples_are_answers_of_their_own(pipeline: Make, simulator: Start) -> None:
    made = pipeline(alike(2, samples=3), url=simulator(), reuse=Scope.PARTITION)

    report = made.run()

    assert (report.sent, report.shared) == (3, 3)


def test_a_renamed_row_has_its_answer_already(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(3), url=simulator(), reuse=Scope.PARTITION)
    made.run()
    write_specs(made.specs, [{**row, "thread_key": f"new-{row['thread_key']}"} for row in specs(3)])

    plan = made.plan()
    report = asyncio.run(made.answer())

    assert (plan.new, plan.shared) == (0, 3)
    assert (report.sent, report.shared, report.complete) == (0, 3, 3)


def test_a_failure_is_nobodys_answer_and_the_next_one_asks(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    made = pipeline(alike(3, model="no-such-model"), url=simulator(log=log), reuse=Scope.PARTITION)

    report = made.run()

    assert (report.failures, report.shared) == ({"not_found": 3}, 0)
    assert asked(log) == 3


def test_a_new_generation_takes_nothing_over_from_an_old_one(pipeline: Make, simulator: Start) -> None:
    made = pipeline(alike(2), url=simulator(), reuse=Scope.ALL, simulated=True)
    made.run()
    made.generation = 1

    report = made.run()

    assert (report.sent, report.shared) == (1, 1)


def test_the_simulators_answers_are_never_a_providers_nor_the_other_way_round(
    pipeline: Make, simulator: Start
) -> None:
    made = pipeline(alike(1), url=simulator(), reuse=Scope.ALL, simulated=True)
    made.run()
    real = other_day(made, alike(1), simulated=False)

    assert (real.plan().shared, real.run().sent) == (0, 1)


def test_what_is_taken_over_is_counted_once_and_leads_back_to_who_paid(
    pipeline: Make, simulator: Start
) -> None:
    made = pipeline(alike(3), url=simulator(), reuse=Scope.ALL, simulated=True)
    made.run()
    query(made, "select 1")
    second = other_day(made, alike(2))
    second.run()

    ((tokens, dollars, attempts),) = query(
        second, "select sum(prompt_tokens), sum(cost_usd), sum(attempts) from usage_daily"
    )
    paid = [row for row in made.exchange_rows() if row["reused_from"] is None]
    assert (tokens, dollars, attempts) == (paid[0]["prompt_tokens"], paid[0]["cost_usd"], 1)
    origins = """
        select taken.partition_key, paid.partition_key, paid.total_tokens > 0
        from exchange as taken
        left join lateral provenance(taken.out_message_id) as told on true
        left join exchange as paid on paid.id = told.reused_from
        where taken.reused_from is not null and taken.partition_key = '2026-11-17'"""
    found = query(second, origins)
    assert found == [(OTHER_DAY, made.day, True)] * 2


def test_everything_after_the_journal_needs_no_other_partition(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    made = pipeline(alike(1), url=simulator(), reuse=Scope.ALL, simulated=True)
    made.run()
    second = other_day(made, alike(2))
    second.run()
    before = second.exchanges.read_bytes()
    made.journal.rename(tmp_path / "gone")
    made.exchanges.unlink()
    second.exchanges.unlink()

    report = second.run()

    assert (report.sent, report.shared, report.complete) == (0, 0, 2)
    assert second.exchanges.read_bytes() == before
    (file,) = second.journal.glob("*.jsonl")
    kinds = [orjson.loads(line)["kind"] for line in file.read_bytes().splitlines()]
    assert kinds == ["reused", "reused"]


def test_an_answer_that_was_taken_over_can_be_asked_for_again(pipeline: Make, simulator: Start) -> None:
    made = pipeline(alike(2, max_tokens=1), url=simulator(), reuse=Scope.PARTITION)
    made.run()

    chosen, report = made.retry("truncated", max_tokens=300)

    assert (chosen.chosen, report.sent, report.shared, report.complete) == (2, 1, 1, 2)


def test_a_key_is_seen_once_it_was_added_however_many_there_are() -> None:
    keys = [uuid4() for _ in range(5_000)]
    seen = Seen()

    assert all(seen.add(key) for key in keys)
    assert not any(seen.add(key) for key in keys)
    assert all(key in seen for key in keys)
    assert uuid4() not in seen
    assert UUID(int=0) not in seen
