"""Budgets: never exceeded, used to the full, shared by processes, kept across restarts."""

import asyncio
import random
import subprocess
import sys
import time
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine import Budget, Ledger, Purse
from minference_core.engine.budget import BudgetSpent
from minference_core.engine.ledger import Takings


def spent(ledger: Ledger, scope: str) -> list[int]:
    return [balance.spent for balance in asyncio.run(ledger.balances(scope))]


async def spend(purse: Purse, most: int, actual: int, *, seconds: float = 0.0) -> bool:
    """Whether there was room for a request that may cost `most` tokens, and costs `actual`."""
    try:
        await purse.reserve(Takings(0, most))
    except BudgetSpent:
        return False
    await asyncio.sleep(seconds)
    purse.settle(Takings(0, most), Takings(0, actual))
    return True


def test_at_the_cap_nothing_more_is_let_through_and_what_is_in_flight_completes(ledger_url: str) -> None:
    scope = uuid.uuid4().hex

    async def run(ledger: Ledger) -> list[bool]:
        async with Purse(ledger, "run", [Budget(scope=scope, tokens=1_000)]) as purse:
            return await asyncio.gather(*(spend(purse, 100, 100, seconds=0.05) for _ in range(30)))

    with Ledger(ledger_url) as ledger:
        let_through = asyncio.run(run(ledger))

        assert let_through == [True] * 10 + [False] * 20
        assert spent(ledger, scope) == [1_000]


def test_what_requests_may_cost_is_held_and_what_they_do_not_cost_is_used(ledger_url: str) -> None:
    """Each may cost ten times what it does: waiting for those in flight brings the budget to its end."""
    scope = uuid.uuid4().hex

    async def run(ledger: Ledger) -> int:
        async with Purse(ledger, "run", [Budget(scope=scope, tokens=10_000)]) as purse:
            return sum(await asyncio.gather(*(spend(purse, 1_000, 100, seconds=0.01) for _ in range(200))))

    with Ledger(ledger_url) as ledger:
        done = asyncio.run(run(ledger))

        assert 91 <= done <= 100
        assert spent(ledger, scope) == [done * 100]


def test_dollars_are_exact_to_the_nanodollar() -> None:
    async def run(ledger: Ledger) -> list[bool]:
        budget = Budget(scope="x", usd=Decimal("0.000000003"))
        async with Purse(ledger, "run", [budget]) as purse:
            results = []
            for _ in range(4):
                try:
                    await purse.reserve(Takings(1, 0))
                except BudgetSpent:
                    results.append(False)
                else:
                    purse.settle(Takings(1, 0), Takings(1, 0))
                    results.append(True)
            return results

    with Ledger() as ledger:
        assert asyncio.run(run(ledger)) == [True, True, True, False]


def test_the_tightest_of_several_budgets_counts_and_is_named() -> None:
    async def run(ledger: Ledger) -> None:
        budgets = [Budget(scope="run 1", tokens=1_000), Budget(scope="dataset x", tokens=50)]
        async with Purse(ledger, "run", budgets) as purse:
            await purse.reserve(Takings(0, 51))

    with Ledger() as ledger, pytest.raises(BudgetSpent, match="dataset x"):
        asyncio.run(run(ledger))


def test_runs_that_name_the_same_budgets_in_another_order_do_not_wait_for_each_other(ledger_url: str) -> None:
    names = [uuid.uuid4().hex for _ in range(2)]

    async def run(number: int) -> None:
        order = names if number % 2 else names[::-1]
        with Ledger(ledger_url) as ledger:
            for n in range(20):
                budgets = [Budget(scope=name, tokens=1_000) for name in order]
                async with Purse(ledger, f"{names[0]} {number} {n}", budgets) as purse:
                    assert await spend(purse, 1, 1)

    async def all_of_them() -> None:
        await asyncio.gather(*map(run, range(6)))

    asyncio.run(all_of_them())


def test_a_new_day_has_a_budget_of_its_own() -> None:
    today = [datetime(2026, 11, 25, 23, 59, tzinfo=UTC)]

    async def run(ledger: Ledger) -> list[bool]:
        daily = Budget(scope="day", daily=True, tokens=100)
        async with Purse(ledger, "run", [daily], today=lambda: today[0]) as purse:
            before = [await spend(purse, 60, 60), await spend(purse, 60, 60)]
            today[0] = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)
            return [*before, await spend(purse, 60, 60)]

    with Ledger() as ledger:
        assert asyncio.run(run(ledger)) == [True, False, True]
        assert spent(ledger, "day 2026-11-25") == [60]
        assert spent(ledger, "day 2026-11-26") == [60]


def test_a_run_after_another_goes_on_from_what_is_spent(ledger_url: str) -> None:
    scope = uuid.uuid4().hex

    async def run(ledger: Ledger, holder: str) -> int:
        async with Purse(ledger, holder, [Budget(scope=scope, tokens=1_000)]) as purse:
            return sum([await spend(purse, 100, 90) for _ in range(8)])

    done = []
    for n in range(2):
        with Ledger(ledger_url) as ledger:
            done.append(asyncio.run(run(ledger, f"{scope} {n}")))

    assert done == [8, 3]


def test_four_processes_never_spend_more_than_there_is_and_little_less(ledger_url: str) -> None:
    scope = uuid.uuid4().hex
    program = f"""
import asyncio, random, sys
sys.path.insert(0, ".")
from minference_core.engine import Budget, Ledger, Purse
from tests.core.engine.test_budget import spend
async def main(n):
    with Ledger({ledger_url!r}) as ledger:
        async with Purse(ledger, f"{scope} {{n}}", [Budget(scope={scope!r}, tokens=20_000)]) as purse:
            draw = random.Random(n)
            asked = [draw.randint(1, 100) for _ in range(200)]
            done = await asyncio.gather(*(spend(purse, 200, cost, seconds=0.01) for cost in asked))
            print(sum(cost for cost, ok in zip(asked, done, strict=True) if ok))
asyncio.run(main(int(sys.argv[1])))
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(n)], stdout=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    by_process = [int(process.communicate()[0]) for process in processes]

    with Ledger(ledger_url) as ledger:
        assert spent(ledger, scope) == [sum(by_process)]
    assert 20_000 - 200 <= sum(by_process) <= 20_000


def test_what_was_spent_counts_although_the_run_ends_while_the_ledger_is_asked() -> None:
    async def run(ledger: Ledger) -> None:
        async with Purse(ledger, "run", [Budget(scope="x", tokens=1_000)]) as purse:
            await spend(purse, 100, 100)
            ledger._thread.submit(time.sleep, 0.1)  # the question has to wait, and is not asked yet
            waiting = asyncio.create_task(purse.reserve(Takings(0, 500)))
            await asyncio.sleep(0.01)
            waiting.cancel()

    with Ledger() as ledger:
        asyncio.run(run(ledger))

        assert spent(ledger, "x") == [100]


def test_who_is_let_go_at_the_moment_of_being_let_through_keeps_nothing_from_others() -> None:
    async def run(ledger: Ledger) -> bool:
        async with Purse(ledger, "run", [Budget(scope="x", tokens=100)]) as purse:
            await purse.reserve(Takings(0, 100))
            waiting = asyncio.create_task(purse.reserve(Takings(0, 100)))
            await asyncio.sleep(0.05)
            purse.settle(Takings(0, 100), Takings())
            waiting.cancel()
            return await asyncio.wait_for(spend(purse, 100, 100), 5.0)

    with Ledger() as ledger:
        assert asyncio.run(run(ledger))


def test_who_comes_after_one_that_was_let_go_is_not_refused_in_its_place() -> None:
    async def run(ledger: Ledger) -> bool:
        async with Purse(ledger, "run", [Budget(scope="x", tokens=100)]) as purse:
            ledger._thread.submit(time.sleep, 0.1)
            too_much = asyncio.create_task(purse.reserve(Takings(0, 200)))
            fitting = asyncio.create_task(spend(purse, 50, 50))
            await asyncio.sleep(0.01)
            too_much.cancel()
            return await fitting

    with Ledger() as ledger:
        assert asyncio.run(run(ledger))


def test_nobody_waits_at_a_purse_that_is_closed() -> None:
    async def run(ledger: Ledger) -> bool:
        async with Purse(ledger, "run", [Budget(scope="x", tokens=100)]) as purse:
            await purse.reserve(Takings(0, 100))
            waiting = asyncio.create_task(purse.reserve(Takings(0, 100)))
            await asyncio.sleep(0.05)
        await asyncio.wait([waiting], timeout=5.0)
        return waiting.cancelled()

    with Ledger() as ledger:
        assert asyncio.run(run(ledger))


@pytest.mark.parametrize("scope", ["x", "requests out 2026-01-01", "requests out 2026-13-45"])
def test_what_a_killed_run_had_set_aside_stays_so_until_its_journal_says_what_it_spent(scope: str) -> None:
    async def dies(ledger: Ledger) -> Purse:
        purse = Purse(ledger, "run 1", [Budget(scope=scope, tokens=100)])
        await purse.reserve(Takings(0, 80))
        return purse

    async def after(ledger: Ledger) -> list[bool]:
        async with Purse(ledger, "run 2", [Budget(scope=scope, tokens=100)]) as purse:
            before = await spend(purse, 50, 0)
            await ledger.correct("run 1", {date(2026, 11, 25): Takings(0, 30)})
            return [before, await spend(purse, 70, 0), await spend(purse, 71, 0)]

    with Ledger() as ledger:
        asyncio.run(dies(ledger))
        ledger._thread.submit(lambda: _set(ledger, "pid = 99999999")).result()  # its process is gone

        assert asyncio.run(after(ledger)) == [False, True, False]


def test_who_finds_no_room_for_what_a_killed_run_set_aside_is_told_to_run_that_again() -> None:
    async def run(ledger: Ledger) -> None:
        dead = Purse(ledger, "run 1", [Budget(scope="x", tokens=100)])  # and never left
        await dead.reserve(Takings(0, 80))
        ledger._thread.submit(lambda: _set(ledger, "pid = 99999999")).result()
        async with Purse(ledger, "run 2", [Budget(scope="x", tokens=100)]) as purse:
            await purse.reserve(Takings(0, 50))

    with Ledger() as ledger, pytest.raises(BudgetSpent, match=r"run that was killed.* partition again"):
        asyncio.run(run(ledger))


def test_nobody_waits_for_a_dead_run_whose_process_number_another_has_by_now() -> None:
    async def run(ledger: Ledger) -> bool:
        dead = Purse(ledger, "run 1", [Budget(scope="x", tokens=100)])  # and never left
        await dead.reserve(Takings(0, 80))
        ledger._thread.submit(lambda: _set(ledger, "seen_at = -1000000")).result()
        async with Purse(ledger, "run 2", [Budget(scope="x", tokens=100)]) as purse:
            return await asyncio.wait_for(spend(purse, 50, 0), 5.0)

    with Ledger() as ledger:
        assert not asyncio.run(run(ledger))


def test_a_run_that_waits_long_for_its_own_answers_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minference_core.engine.budget._PULSE_S", 0.05)

    async def run(ledger: Ledger) -> object:
        async with Purse(ledger, "run", [Budget(scope="x", tokens=100)]) as purse:
            slow = asyncio.create_task(spend(purse, 80, 0, seconds=0.5))
            waiting = asyncio.create_task(spend(purse, 80, 0))
            await asyncio.sleep(0.1)
            ledger._thread.submit(lambda: _set(ledger, "seen_at = -1000000")).result()
            await asyncio.sleep(0.2)
            heard = ledger._thread.submit(lambda: _seen_at(ledger)).result()
            await asyncio.gather(slow, waiting)
            return heard

    with Ledger() as ledger:
        assert asyncio.run(run(ledger)) != -1_000_000


def _set(ledger: Ledger, what: str) -> None:
    assert ledger._connection is not None
    with ledger._connection.begin():
        ledger._connection.exec_driver_sql(f"update minference_holding set {what} where pid > 0")  # noqa: S608


def _seen_at(ledger: Ledger) -> object:
    assert ledger._connection is not None
    with ledger._connection.begin():
        return ledger._connection.exec_driver_sql(
            "select seen_at from minference_holding where pid > 0"
        ).scalar_one()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 400),
    st.lists(st.tuples(st.integers(1, 120), st.floats(0, 1)), max_size=60),
    st.integers(0, 2**16),
)
def test_whatever_is_asked_the_cap_holds_and_what_fits_is_let_through(
    cap: int, asked: list[tuple[int, float]], seed: int
) -> None:
    draw = random.Random(seed)

    async def run(ledger: Ledger) -> list[bool]:
        async with Purse(ledger, "run", [Budget(scope="x", tokens=cap)]) as purse:
            return await asyncio.gather(
                *(spend(purse, most, int(most * part), seconds=draw.random() / 500) for most, part in asked)
            )

    with Ledger() as ledger:
        let_through = asyncio.run(run(ledger))
        total = spent(ledger, "x")

    costs = [int(most * part) for (most, part), ok in zip(asked, let_through, strict=True) if ok]
    assert sum(total) == sum(costs) <= cap
    left = cap - sum(costs)
    assert all(ok or most > left for (most, _), ok in zip(asked, let_through, strict=True))
