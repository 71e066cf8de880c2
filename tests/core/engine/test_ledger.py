"""The ledger: what several processes share, in SQLite and in PostgreSQL alike."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from minference_core.engine import Lane, LaneLimits, Ledger
from minference_core.engine.ledger import Booking, Order
from minference_core.engine.ledger.lanes import ALIVE_S, fair_shares
from minference_core.engine.ledger.processes import Process
from minference_core.engine.pacing import HEADROOM, Amounts
from minference_core.errors import LedgerError
from tests.core.engine.postgres import Server


@pytest.fixture
def account() -> str:
    """Its own: PostgreSQL's database is shared by the tests of a session."""
    return f"openai 127.0.0.1 {uuid.uuid4().hex}"


def order(ledger: Ledger, account: str, **more: object) -> Booking:
    fields = {"limits": LaneLimits(requests_per_minute=6_000), **more}
    return asyncio.run(ledger.order(Order(account=account, **fields)))  # type: ignore[arg-type]


def test_who_comes_second_is_booked_behind_the_first(ledger_url: str, account: str) -> None:
    with Ledger(ledger_url) as one, Ledger(ledger_url) as two:
        first = order(one, account, needs=[Amounts(1.0)] * 50)
        second = order(two, account, needs=[Amounts(1.0)] * 50)

    starts = [*first.starts, *second.starts]
    gaps = [after - before for before, after in pairwise(starts)]
    assert len(starts) == 100
    # PostgreSQL's clock and ours are compared anew each time, and that takes a moment.
    assert all(gap == pytest.approx(0.01 / HEADROOM, abs=0.05) for gap in gaps)
    assert starts[-1] - starts[0] == pytest.approx(99 * 0.01 / HEADROOM, abs=0.1)


def test_no_more_than_about_a_second_is_booked_at_a_time(ledger_url: str, account: str) -> None:
    with Ledger(ledger_url) as ledger:
        booked = order(ledger, account, needs=[Amounts(1.0)] * 500, within_s=0.8)

    assert len(booked.starts) == pytest.approx(80, abs=2)


def test_what_one_process_learns_holds_for_all(ledger_url: str, account: str) -> None:
    with Ledger(ledger_url) as one, Ledger(ledger_url) as two:
        order(one, account, learned=LaneLimits(requests_per_minute=60))
        order(one, account, slow_down=True, hold_s=2.0)
        booked = order(two, account, needs=[Amounts(1.0)])

    assert booked.limits.requests_per_minute == 60
    assert booked.starts[0] - time.monotonic() > 1.0


def connections(server: Server) -> int:
    """Besides the one that asks; one that is being closed may still be there for a moment."""
    count = sa.text("select count(*) - 1 from pg_stat_activity where backend_type = 'client backend'")
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT")
    deadline = time.monotonic() + 5
    with engine.connect() as connection:
        while (found := int(connection.execute(count).scalar_one())) > 1 and time.monotonic() < deadline:
            time.sleep(0.02)
    engine.dispose()
    return found


def start_later(server: Server) -> None:
    time.sleep(1.5)
    server.start()


def test_a_server_that_is_started_again_ends_nobodys_run(postgres: Server, account: str) -> None:
    """What waits for the ledger meanwhile goes on when it is there again, after what was booked before."""
    with Ledger(postgres.url) as ledger:
        first = order(ledger, account, needs=[Amounts(1.0)] * 600, within_s=10.0)
        postgres.stop()
        with ThreadPoolExecutor() as threads:
            again = threads.submit(start_later, postgres)
            second = order(ledger, account, needs=[Amounts(1.0)] * 100)
            again.result()

    assert len(second.starts) > 50
    assert second.starts[0] > first.starts[-1]


def test_a_server_that_stays_away_ends_a_run_with_a_reason(
    postgres: Server, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minference_core.engine.ledger.ledger._PATIENCE_S", 1.0)
    with Ledger(postgres.url) as ledger:
        order(ledger, account)
        postgres.stop()
        try:
            with pytest.raises(LedgerError, match="the ledger postgresql"):
                order(ledger, account)
            before = time.monotonic()
            with pytest.raises(LedgerError, match="the ledger postgresql"):
                order(ledger, account)
            assert time.monotonic() - before < 0.9  # it was away for long enough already
        finally:
            postgres.start()
        assert order(ledger, account, needs=[Amounts(1.0)]).starts


def test_who_closes_while_the_server_is_away_leaves_nothing_behind(postgres: Server, account: str) -> None:
    """Neither a connection nor requests in flight that others would wait for."""

    async def let_go(ledger: Ledger) -> None:
        waits = asyncio.create_task(ledger.order(Order(account=account, limits=LaneLimits(max_in_flight=4))))
        await asyncio.sleep(0.2)
        waits.cancel()

    limits = LaneLimits(max_in_flight=4)
    with Ledger(postgres.url) as other, Ledger(postgres.url) as ledger:
        order(ledger, account, limits=limits, in_use=4, wanted=4)
        postgres.stop()
        asyncio.run(let_go(ledger))
        postgres.start()
        ledger.close()

        assert order(other, account, limits=limits, wanted=4).slots == 4
        assert connections(postgres) == 1


def test_times_of_before_a_reboot_mean_nothing(tmp_path: Path, account: str) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with Ledger(url) as before:
        order(before, account, needs=[Amounts(1.0)], hold_s=1_000.0)
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file, file:
        file.execute("update minference_lane set clock = 'an earlier boot'")

    with Ledger(url) as after:
        booked = order(after, account, needs=[Amounts(1.0)])

    assert booked.starts[0] - time.monotonic() < 1.0


def test_slots_in_flight_of_a_killed_process_come_back(ledger_url: str, account: str) -> None:
    """At once, as it can be seen that it is gone."""
    holding = f"""
import asyncio, sys, time
from minference_core.engine import Lane, LaneLimits, Ledger
from minference_core.engine.ledger import Order
ledger = Ledger({ledger_url!r})
limits = LaneLimits(max_in_flight=4)
asked = Order(account={account!r}, limits=limits, in_use=4, wanted=4)
print(asyncio.run(ledger.order(asked)).slots, flush=True)
time.sleep(600)
"""
    with (
        subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE, text=True) as process,
        Ledger(ledger_url) as ledger,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "4"

        def slots() -> int | None:
            return order(ledger, account, limits=LaneLimits(max_in_flight=4), wanted=4).slots

        assert slots() == 0
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert slots() == 4


def test_slots_in_flight_of_another_machine_come_back_when_it_has_been_silent(
    tmp_path: Path, account: str
) -> None:
    file = tmp_path / "ledger.sqlite"
    with Ledger(f"sqlite:///{file}") as one, Ledger(f"sqlite:///{file}") as other:
        other.holder = Process(os.getpid(), "elsewhere").name("a")
        limits = LaneLimits(max_in_flight=4)
        assert order(other, account, limits=limits, in_use=4, wanted=4).slots == 4
        assert order(one, account, limits=limits, wanted=4).slots == 0

        with contextlib.closing(sqlite3.connect(file)) as silent, silent:
            silent.execute("update minference_slot set seen_at = seen_at - ? ", (ALIVE_S,))

        assert order(one, account, limits=limits, wanted=4).slots == 4


def test_a_process_that_is_forked_is_not_its_parent() -> None:
    program = """
import os
from minference_core.engine import Ledger
before = Ledger()
if (child := os.fork()) == 0:
    print(os.getpid(), Ledger().holder, flush=True)
else:
    os.waitpid(child, 0)
"""
    pid, holder = subprocess.check_output([sys.executable, "-c", program], text=True).split(maxsplit=1)

    assert Process.in_name(holder) == Process(int(pid), Process.own().host)
    assert Process.in_name(uuid.uuid4().hex) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "MINFERENCE_LEDGER_URL"),
        ("sqlite:////proc/nowhere/ledger.sqlite", "nowhere"),
        ("postgresql+psycopg://someone:secret@127.0.0.1:1/none", r"someone:\*\*\*@"),
    ],
)
def test_a_ledger_that_cannot_be_reached_is_named_without_its_password(url: str, said: str) -> None:
    with Ledger(url) as ledger, pytest.raises(LedgerError, match=said) as caught:
        order(ledger, "a")

    assert "secret" not in str(caught.value)


@given(st.integers(1, 1_000), st.dictionaries(st.text(min_size=1), st.integers(0, 500), min_size=1))
def test_shares_are_fair_and_all_is_given_out(most: int, wanted: dict[str, int]) -> None:
    shares = fair_shares(most, wanted)

    assert sum(shares.values()) == min(most, sum(wanted.values()))
    for name, wish in wanted.items():
        assert 0 <= shares[name] <= wish
        if shares[name] < wish:
            assert max(shares.values()) - shares[name] <= 1


def test_one_account_is_the_same_however_its_address_is_written() -> None:
    def account(base_url: str, key_name: str = "OPENAI_API_KEY") -> str:
        return Lane(client="openai", base_url=base_url, key_name=key_name).account

    assert {
        account(url)
        for url in ("https://api.openai.com", "https://api.openai.com/v1", "https://API.openai.com/v1/")
    } == {account("https://api.openai.com")}
    assert account("https://api.openai.com/v1", "OTHER_KEY") != account("https://api.openai.com/v1")
    assert account("https://host/team-a/v1") != account("https://host/team-b/v1")
