"""Requests of about a second's worth of a limit, or more: only a bucket that is full has room for them."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine import LaneLimits
from minference_core.engine.pacing import Amounts, Line, book, rates_of
from minference_core.simulator.limits import Allowance, Weight

RPM, TPM = 1_800, 1_200_000
LATE_S = 0.1


def refused(weights: list[int], *, rpm: int = RPM, tpm: int = TPM, seed: int) -> int:
    """How many a server refuses to which each comes when it is booked, or up to a tenth of a second later."""
    line, draw = Line(), random.Random(seed)
    rates = rates_of(LaneLimits(requests_per_minute=rpm, tokens_per_minute=tpm))
    needs = [Amounts(1.0, float(tokens), 0.0, float(tokens)) for tokens in weights]
    starts: list[float] = []
    while len(starts) < len(needs):
        starts += book(line, rates, needs[len(starts) :], starts[-1] if starts else 0.0, within_s=0.8)
    arrivals = sorted((start + draw.uniform(0, LATE_S), n) for n, start in enumerate(starts))
    allowance = Allowance(rpm, tpm, 0.0)
    return sum(allowance.admit(Weight(output=weights[n]), at) is not None for at, n in arrivals)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60_000), min_size=2, max_size=80), st.integers())
def test_none_is_refused_however_large_and_in_whatever_order(weights: list[int], seed: int) -> None:
    assert refused(weights, seed=seed) == 0


@given(st.integers(1, 120), st.integers())
def test_none_is_refused_where_a_second_has_room_for_one_or_two(rpm: int, seed: int) -> None:
    assert refused([10] * 40, rpm=rpm, seed=seed) == 0


def test_small_requests_are_not_slower_for_it() -> None:
    line, rates = Line(), rates_of(LaneLimits(tokens_per_minute=TPM))
    starts = book(line, rates, [Amounts(1.0, 1_000.0)] * 100, 0.0, within_s=60.0)

    assert starts[-1] < 99 * 1_000 / (TPM / 60) * 1.01
