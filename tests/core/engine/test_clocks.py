"""A clock that is set anew holds nothing up for hours: PostgreSQL's, or another than Linux's, can be."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from minference_core.engine import LaneLimits
from minference_core.engine.pacing import Amounts, Line, book, rates_of
from minference_core.providers import retry_after_s

RATES = rates_of(LaneLimits(requests_per_minute=6_000))
HOURS_S = 5 * 3_600.0


def test_a_lane_that_was_held_before_the_clock_was_set_back_is_not_held_for_hours() -> None:
    line, before = Line(), 100_000.0
    line.slow_down(before)
    line.held_until = before + 10.0
    book(line, RATES, [Amounts(1.0)] * 50, before, within_s=60.0)

    now = before - HOURS_S
    line.mend(now)
    starts = book(line, RATES, [Amounts(1.0)] * 50, now, within_s=60.0)

    assert starts[0] == now
    assert len(starts) == 50
    assert line.share_now(now + 120.0) > 0.95


def test_a_lane_that_is_held_for_as_long_as_may_be_stays_so() -> None:
    line = Line(held_until=1_000.0 + 1_800.0)

    line.mend(1_000.0)

    assert line.held_until == 2_800.0


@pytest.mark.parametrize("hours", [-5, 0, 5])
def test_advice_in_the_form_of_a_date_is_read_by_the_servers_own_clock(hours: int) -> None:
    ours = datetime(2026, 11, 16, 12, tzinfo=UTC)
    theirs = ours + timedelta(hours=hours)
    said = {"retry-after": format_datetime(theirs + timedelta(seconds=7), usegmt=True)}

    assert retry_after_s(said | {"date": format_datetime(theirs, usegmt=True)}, now=ours) == 7.0
    assert retry_after_s(said | {"date": "half past nine"}, now=theirs) == 7.0
