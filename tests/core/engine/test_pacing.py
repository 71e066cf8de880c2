"""The arithmetic of pacing: never more than a limit in any stretch of time, and all of it used."""

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.engine import LaneLimits
from minference_core.engine.pacing import (
    HEADROOM,
    LONGEST_LEAD_S,
    Amounts,
    Line,
    Rates,
    book,
    rates_of,
    takes_it_all,
)

NOW = 1_000.0
SLACK_S = 0.15  # tokens may run so far ahead where several limits are kept

needs = st.lists(st.integers(1, 2_000), min_size=2, max_size=60).map(
    lambda sizes: [Amounts(1.0, float(size), size * 0.4, size * 0.6) for size in sizes]
)
per_s = st.none() | st.floats(0.5, 5_000)
some_rates = st.builds(Rates, per_s, per_s, per_s, per_s)


def booked(rates: Rates, wanted: list[Amounts], *, late_s: float = 0.0) -> list[float]:
    """All of them, by as many orders as it takes; each comes so long after the one before is used up."""
    line, starts, now = Line(), list[float](), NOW
    while len(starts) < len(wanted):
        starts += book(line, rates, wanted[len(starts) :], now, within_s=0.8)
        now = starts[-1] + late_s
    return starts


@given(some_rates, needs, st.floats(0, 3))
def test_no_stretch_of_time_has_more_than_the_limits_share_of_it_and_one_request(
    rates: Rates, wanted: list[Amounts], late_s: float
) -> None:
    starts = booked(rates, wanted, late_s=late_s)

    assert starts == sorted(starts)
    for n, rate in enumerate(rates):
        if rate is None:
            continue
        for first in range(len(starts)):
            before_last = accumulate(need[n] for need in wanted[first:-1])
            for taken, start in zip(before_last, starts[first + 1 :], strict=True):
                ahead_s = 0.0 if n == 0 else SLACK_S
                assert taken <= rate * (start - starts[first] + ahead_s) * (1 + 1e-9) + 1e-6


@given(st.integers(0, 3), st.floats(0.5, 5_000), needs)
def test_one_limit_is_used_to_the_full_while_there_is_anything_to_send(
    which: int, rate: float, wanted: list[Amounts]
) -> None:
    rates = Rates(*(rate if n == which else None for n in range(4)))

    starts = booked(rates, wanted)

    taken = sum(need[which] for need in wanted[:-1])
    needed_s, took_s = taken / (rate * HEADROOM), starts[-1] - starts[0]
    late = sum(takes_it_all(rates, need) for need in wanted[1:])
    assert needed_s - 1e-6 <= took_s <= needed_s + late * 0.1 + 1e-6


@given(st.integers(0, 2**32), st.integers(2, 12))
def test_two_limits_that_a_mix_uses_up_together_are_both_used_to_the_full(seed: int, one_in: int) -> None:
    """However the large ones come among the small: the slack makes up for a handful of a kind in a row."""
    chance, wanted = random.Random(seed), list[Amounts]()
    for _ in range(200):
        group = [Amounts(1.0, 1_100.0), *[Amounts(1.0, 100.0)] * (one_in - 1)]
        chance.shuffle(group)
        wanted += group
    tokens = sum(need.tokens for need in wanted)
    rates = Rates(100.0, 100.0 * tokens / len(wanted))

    starts = booked(rates, wanted)

    assert len(wanted) / (starts[-1] - starts[0]) >= 0.97 * 100.0


@given(some_rates, needs, st.lists(st.integers(1, 20), min_size=60, max_size=60))
def test_it_makes_no_difference_in_how_many_orders_requests_are_booked(
    rates: Rates, wanted: list[Amounts], sizes: list[int]
) -> None:
    together = book(Line(), rates, wanted, NOW, within_s=1e9)
    line, one_by_one, rest = Line(), list[float](), list(wanted)
    for size in sizes:
        one_by_one += book(line, rates, rest[:size], NOW, within_s=1e9)
        del rest[:size]

    assert one_by_one == pytest.approx(together)


@given(some_rates, needs, st.floats(0, 5))
def test_the_first_is_always_let_in_and_none_after_what_was_asked_for(
    rates: Rates, wanted: list[Amounts], within_s: float
) -> None:
    starts = book(Line(), rates, wanted, NOW, within_s=within_s)

    assert starts
    assert starts[-1] <= starts[0] + within_s


def test_time_in_which_nobody_came_is_not_made_up_for() -> None:
    line, rates = Line(), Rates(requests=10.0)
    book(line, rates, [Amounts(1.0)], NOW, within_s=1.0)

    starts = book(line, rates, [Amounts(1.0)] * 3, NOW + 60, within_s=1.0)

    assert starts == pytest.approx([NOW + 60, NOW + 60 + 0.1 / HEADROOM, NOW + 60 + 0.2 / HEADROOM])


def test_what_was_not_taken_is_given_back_and_what_was_taken_besides_is_waited_for() -> None:
    rates = Rates(tokens=100.0)
    for more, start in ((-50.0, 0.5), (50.0, 1.5), (-1_000.0, 0.0)):
        line = Line()
        book(line, rates, [Amounts(1.0, 100.0 * HEADROOM)], NOW, within_s=1.0)
        line.settle(rates, Amounts(0.0, more), NOW)

        (next_one,) = book(line, rates, [Amounts(1.0, 1.0)], NOW, within_s=1.0)

        assert next_one == pytest.approx(NOW + start, abs=1e-6)


def test_a_held_line_lets_nobody_leave_before() -> None:
    line = Line(held_until=NOW + 5)

    assert book(line, Rates(), [Amounts(1.0)] * 2, NOW, within_s=1.0) == [NOW + 5, NOW + 5]


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=40))
def test_refusals_lower_the_share_and_it_comes_back_without_a_step_down(pauses: list[float]) -> None:
    line, now = Line(), NOW
    for pause in pauses:
        now += pause
        before = line.share_now(now)
        line.slow_down(now)
        assert 0.02 <= line.share_now(now) <= before
        after = [line.share_now(now + second) for second in range(60)]
        assert after == sorted(after)
    assert line.share_now(now + 3_600) == 1.0


def test_refusals_of_one_moment_have_one_cause() -> None:
    line = Line()
    for n in range(10):
        line.slow_down(NOW + n / 20)

    assert line.share == pytest.approx(0.7)


def test_times_that_no_clock_of_ours_wrote_are_forgotten() -> None:
    line = Line(free_at=[NOW + LONGEST_LEAD_S + 1, NOW - 5, NOW + 1, 0.0])
    line.mend(NOW)
    assert line.free_at == [NOW, NOW - 5, NOW, 0.0]

    kept = Line(free_at=[NOW + LONGEST_LEAD_S - 1, 0.0, 0.0, 0.0])
    kept.mend(NOW)
    assert kept.free_at[0] == NOW + LONGEST_LEAD_S - 1


def test_the_lower_of_what_is_set_and_what_is_learned_counts() -> None:
    limits = LaneLimits(requests_per_minute=600, tokens_per_minute=6_000)
    learned = LaneLimits(requests_per_minute=60, tokens_per_minute=60_000, output_tokens_per_minute=120)

    assert rates_of(limits, learned) == Rates(1.0, 100.0, None, 2.0)
    assert rates_of(limits) == Rates(10.0, 100.0, None, None)
