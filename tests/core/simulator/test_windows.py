"""Sliding windows: exact, whatever the pattern, and against a plain count of the same events."""

from hypothesis import given
from hypothesis import strategies as st

from minference_core.simulator.windows import Meter, Window

EVENTS = st.lists(st.tuples(st.integers(0, 40), st.integers(-5, 50)), max_size=60)


def test_a_window_holds_what_came_in_any_stretch_and_not_only_in_whole_seconds() -> None:
    window = Window(1.0)
    for at in (0.7, 0.9, 1.1, 1.6, 1.7, 5.0):
        window.add(1, at)

    assert window.most == 4, "0.9 to 1.7; 0.7 is a whole second before the last of them"


@given(EVENTS)
def test_the_most_of_any_stretch_is_found(events: list[tuple[int, int]]) -> None:
    window = Window(1.0)
    came = sorted((tenths / 8, amount) for tenths, amount in events)
    most = 0
    for number, (now, amount) in enumerate(came):
        window.add(amount, now)
        most = max(most, sum(each for at, each in came[: number + 1] if at > now - 1.0))

    assert window.most == most


def test_a_meter_counts_the_whole_the_largest_and_both_windows() -> None:
    meter = Meter()
    for second in range(90):
        meter.add(2 if second % 10 else 5, float(second))

    assert meter.as_json() == {"total": 207, "largest": 5, "max_1s": 5, "max_60s": 138}
