"""What a run did over time: percentiles from bins, stretches that are merged, rates of the recent past."""

import asyncio
import math
import re
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine import (
    METRICS,
    RELATIVE_ERROR,
    Histogram,
    Journal,
    Lane,
    LaneLimits,
    Progress,
    RunStats,
    Timeline,
)
from minference_core.engine.metrics import Counts, Look, Pace
from minference_core.errors import ErrorClass, JournalError
from minference_core.requests import Meaning, Weight
from minference_core.threads import Reply, TokenUsage
from tests.conftest import DAY, Pipeline, specs

Make = Callable[..., Pipeline]
Simulator = Callable[..., str]

DOC = Path(__file__).parents[2] / "docs" / "metrics.md"

durations = st.lists(st.floats(0.001, 3_600.0), min_size=1, max_size=300)


def exact(seconds: Sequence[float], percent: float) -> float:
    return sorted(seconds)[max(1, math.ceil(len(seconds) * percent / 100)) - 1]


@settings(deadline=None)
@given(durations, st.sampled_from([1, 25, 50, 90, 99, 100]))
def test_a_percentile_is_within_the_stated_error_of_the_exact_one(seconds: list[float], percent: int) -> None:
    found = Histogram(seconds).percentile(percent)

    assert found == pytest.approx(exact(seconds, percent), rel=RELATIVE_ERROR * 1.000001)


@settings(deadline=None)
@given(durations, durations)
def test_histograms_added_are_one_that_counted_it_all(some: list[float], others: list[float]) -> None:
    merged = Histogram(some)
    merged.merge(Histogram(others))

    assert merged == Histogram(some + others)
    assert merged.count == len(some) + len(others)


def test_nothing_has_no_percentile_and_no_duration_is_too_odd() -> None:
    assert Histogram().percentile(50) is None
    assert Histogram([-1.0, 0.0, 1e-9]).percentile(99) == pytest.approx(1e-4, rel=0.03)
    assert Histogram([math.inf, 1e9]).percentile(1) == pytest.approx(1e5, rel=0.03)


def test_a_histogram_of_a_million_durations_is_small() -> None:
    histogram = Histogram(0.05 * 1.0001 ** (n % 60_000) for n in range(1_000_000))

    assert histogram.count == 1_000_000
    assert len(histogram.bins) < 150


events = st.lists(
    st.tuples(st.sampled_from(["openai", "anthropic"]), st.floats(0, 100_000), st.integers(0, 5_000)),
    min_size=1,
    max_size=200,
)


@settings(deadline=None)
@given(events, st.integers(2, 32))
def test_sums_are_kept_whatever_is_merged(happened: list[tuple[str, float, int]], most: int) -> None:
    timeline = Timeline(1_000.0, most=most)
    for lane, at_s, tokens in sorted(happened, key=lambda event: event[1]):
        counts = timeline.at(lane, 1_000.0 + at_s)
        counts.sent += 1
        counts.fail(ErrorClass.SERVER) if tokens % 7 == 0 else counts.answer(
            tokens, 1, Decimal("0.000000001")
        )
        counts.latency.add(1 + tokens)

    whose: list[str | None] = [None, "openai", "anthropic"]
    for client in whose:
        mine = [event for event in happened if client is None or client == event[0]]
        for added in (timeline.total(client), _added(timeline.slices(client))):
            assert added.sent == len(mine)
            assert added.failures.get("server", 0) == sum(tokens % 7 == 0 for *_, tokens in mine)
            assert added.prompt_tokens == sum(tokens for *_, tokens in mine if tokens % 7)
            assert added.cost_usd == Decimal("0.000000001") * added.answered
            assert added.latency == Histogram(1 + tokens for *_, tokens in mine)


def _added(slices: Sequence[Any]) -> Counts:
    total = Counts()
    for each in slices:
        total.absorb(each.counts)
    return total


@settings(deadline=None)
@given(events, st.integers(2, 32), st.integers(1, 40))
def test_slices_are_few_and_cover_the_run_without_a_gap(
    happened: list[tuple[str, float, int]], most: int, wanted: int
) -> None:
    timeline = Timeline(0.0, most=most)
    for client, at_s, _ in sorted(happened, key=lambda event: event[1]):
        timeline.at(client, at_s).sent += 1

    slices = timeline.slices(most=wanted)

    assert 1 <= len(slices) <= min(wanted, most)
    assert [each.start_s for each in slices] == [n * slices[0].seconds for n in range(len(slices))]
    assert slices[-1].start_s + slices[-1].seconds == pytest.approx(timeline.seconds, abs=1.1e-3)


def test_counting_costs_a_few_microseconds_however_long_the_run() -> None:
    """A ratio within this run: counting an event against adding to a plain dictionary."""

    def timed(one: Callable[[int], object]) -> float:
        started = time.process_time()
        for n in range(100_000):
            one(n)
        return time.process_time() - started

    plain: dict[int, int] = {}
    timeline = Timeline(0.0)

    def add(n: int) -> None:
        plain[n % 240] = plain.get(n % 240, 0) + 1

    def count(n: int) -> None:
        counts = timeline.at("openai", n * 0.01)
        counts.sent += 1
        counts.latency.add(0.5)

    assert min(timed(count) for _ in range(3)) < 30 * min(timed(add) for _ in range(3))


def test_the_recent_past_forgets_what_was_before() -> None:
    pace = Pace(0.0, recent_s=20.0)
    for second in range(1, 101):
        pace.since(Look(float(second), sent=min(second, 50) * 10))

    recent = pace.since(Look(100.0, sent=500))

    assert (recent.at_s, recent.sent) == (20.0, 0)


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 60), min_size=1, max_size=400))
def test_looking_often_keeps_little(pauses: list[float]) -> None:
    pace, now = Pace(0.0, recent_s=20.0), 0.0
    for pause in pauses:
        now += pause
        since = pace.since(Look(now, sent=int(now)))
        assert since.at_s <= max(20.5, max(pauses) + 20.5)

    assert len(pace._looks) <= 83


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Asked:
    """As much of a request as is counted."""

    client, model = "openai", "gpt-4.1-mini"


ANSWERED = Meaning(Reply(text="hi", finish="stop", usage=TokenUsage(prompt_tokens=100, completion_tokens=20)))


def stats_of_a_lane(**limits: int) -> tuple[RunStats, Clock, Callable[[float, Meaning], None]]:
    """Counters on a clock of the test's own, and how it asks: so long, with that answer."""
    clock = Clock()
    stats = RunStats(now=clock)
    lane = Lane(client="openai", base_url="http://127.0.0.1", limits=LaneLimits(**limits))

    def ask(seconds: float, meaning: Meaning = ANSWERED) -> None:
        stats.request_sent(lane, Weight(100, 20, 100, 20))
        clock.at += seconds
        stats.ended(lane, Asked(), meaning, seconds)  # type: ignore[arg-type]
        stats.done += meaning.reply is not None

    return stats, clock, ask


def test_progress_tells_of_now_and_the_report_of_the_whole_run() -> None:
    stats, _, ask = stats_of_a_lane(requests_per_minute=600)
    stats.total = 1_000
    for _ in range(100):
        ask(1.0, ANSWERED)
        stats.progress()
    for _ in range(300):
        ask(0.1, ANSWERED)
        stats.progress()

    now = stats.progress()
    report = stats.report(stopped=False, attempts=400)

    assert now.requests_per_s == pytest.approx(10.0, rel=0.1)
    assert now.tokens_per_s == pytest.approx(1_200, rel=0.1)
    assert now.limit_share == pytest.approx(1.0, rel=0.1)
    assert now.eta_s == pytest.approx(60.0, rel=0.1)
    assert report.limit_share["openai"] == pytest.approx(400 / 130 / 10, rel=0.05)


@pytest.mark.parametrize(
    "limits", [{"input_tokens_per_minute": 12_000}, {"output_tokens_per_minute": 2_400}], ids=str
)
def test_limits_of_what_is_read_and_of_what_is_written_have_their_share(limits: dict[str, int]) -> None:
    stats, _, ask = stats_of_a_lane(**limits)
    for _ in range(60):
        ask(1.0, ANSWERED)

    assert stats.limit_share()["openai"] == pytest.approx(0.5, rel=0.05)


def test_conversations_that_need_nothing_do_not_make_the_rest_look_quick() -> None:
    stats, clock, ask = stats_of_a_lane()
    stats.total = stats.done = stats.skipped = 500
    stats.total += 100
    assert stats.progress().eta_s is None
    for _ in range(10):
        ask(2.0, ANSWERED)

    assert stats.progress().eta_s == pytest.approx(90 * 2.0, rel=0.05)
    assert clock.at == 20.0


def test_failures_are_counted_by_class_and_429s_apart() -> None:
    stats, _, ask = stats_of_a_lane()
    for error in [ErrorClass.RATE_LIMIT, ErrorClass.RATE_LIMIT, ErrorClass.OVERLOADED, ErrorClass.SERVER]:
        ask(0.1, Meaning(None, error, "no"))
    ask(4.0, ANSWERED)

    total = stats.report(stopped=False, attempts=5).timeline.total()

    assert total.failures == {"rate_limit": 2, "overloaded": 1, "server": 1}
    assert (total.sent, total.answered, total.failed, total.rate_limited) == (5, 1, 4, 2)
    assert total.latency.percentile(100) == pytest.approx(4.0, rel=RELATIVE_ERROR)
    assert stats.progress().rate_limited == 2
    assert stats.on_their_way() == {"openai": 0}


def table(made: Pipeline) -> Path:
    return made.data / "metrics" / made.dataset / DAY / "run-1.parquet"


def found(made: Pipeline, columns: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(f"select {columns} from '{table(made)}'").fetchall()  # noqa: S608 (the test's)


def test_a_run_leaves_a_small_table_of_what_it_did_over_time(pipeline: Make, simulator: Simulator) -> None:
    made = pipeline(
        specs(60), url=simulator(latency_ms=30, faults={"429": 0.2}, seed=3),
        limits={"openai": LaneLimits(requests_per_minute=6_000)},
    )  # fmt: skip

    report = made.run(metrics=table(made))

    assert pq.read_schema(table(made)).equals(METRICS)
    ((sent, limited, retries, prompt, cost, run, most),) = found(
        made,
        "sum(requests_sent), sum(rate_limited), sum(retries), sum(prompt_tokens), sum(cost_usd), "
        "any_value(run_id), max(max_in_flight)",
    )
    assert (sent, retries, prompt, cost) == (
        report.sent, report.retries, report.prompt_tokens, report.cost_usd,
    )  # fmt: skip
    assert limited == report.timeline.total().rate_limited > 0
    assert run == "run-1"
    assert 1 <= most <= made.max_in_flight
    assert table(made).stat().st_size < 50_000


def test_percentiles_of_the_table_are_those_of_the_exchanges(pipeline: Make, simulator: Simulator) -> None:
    made = pipeline(specs(40), url=simulator(latency_ms=80, latency_jitter=0.5))

    total = made.run().timeline.total()

    took = [(row["finished_at"] - row["sent_at"]).total_seconds() for row in made.exchange_rows()]
    assert total.latency.count == 40
    # What the exchanges have includes writing the intent down.
    assert 0.4 * exact(took, 50) < (total.latency.percentile(50) or 0) < 1.05 * exact(took, 50)


def test_a_run_that_sent_nothing_leaves_no_table(pipeline: Make, simulator: Simulator) -> None:
    made = pipeline(specs(3), url=simulator())
    made.run()

    report = made.run(metrics=table(made))

    assert report.sent == 0
    assert not table(made).exists()


def test_a_stopped_run_leaves_its_table(pipeline: Make, simulator: Simulator) -> None:
    made = pipeline(specs(200), url=simulator(latency_ms=50), max_in_flight=4)
    made.plan()

    async def stopped() -> None:
        stop = asyncio.Event()

        def look(progress: Progress) -> None:
            if progress.done > 3:
                stop.set()

        report = await made.answer(stop=stop, metrics=table(made), on_progress=look)
        assert report.stopped

    asyncio.run(stopped())

    assert found(made, "requests_sent")


def test_a_failed_run_leaves_its_table(
    pipeline: Make, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pipeline(specs(20), url=simulator(), max_in_flight=1)
    written, write = 0, Journal.write

    async def full(journal: Journal, record: dict[str, Any]) -> None:
        nonlocal written
        written += 1
        if written > 9:
            raise JournalError("the disk is full")
        await write(journal, record)

    monkeypatch.setattr(Journal, "write", full)

    with pytest.raises(JournalError):
        made.run(metrics=table(made))

    ((sent,),) = found(made, "sum(requests_sent)")
    assert sent == 5


def test_a_table_that_cannot_be_written_fails_no_run(pipeline: Make, simulator: Simulator) -> None:
    made = pipeline(specs(3), url=simulator())
    (made.data / "metrics").write_text("not a folder")

    assert made.run(metrics=table(made)).complete == 3


def test_the_questions_in_the_docs_can_be_asked(
    pipeline: Make, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pipeline(specs(3), url=simulator())
    made.run(metrics=table(made))
    monkeypatch.chdir(made.data.parent)
    questions = re.findall(r"```sql\n(.*?)```", DOC.read_text(), re.DOTALL)

    with duckdb.connect() as connection:
        answers = [connection.execute(question).fetchall() for question in questions]

    assert all(answers)
    assert len(answers) == 2
    assert all(name in DOC.read_text() for name in METRICS.names)
