"""The breaker of a failure that repeats, and the deadlines: each alone, with no clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.engine.retry import POLICY, Streak, backoff_s
from minference_core.errors import ErrorClass

OF_ALL = [ErrorClass.BAD_REQUEST, ErrorClass.NOT_FOUND, ErrorClass.UNDECODABLE]
OTHERS = [error for error in ErrorClass if error not in OF_ALL]
ENOUGH = 20

Note = tuple[ErrorClass | None, str]


def noted(*notes: Note) -> Streak:
    streak = Streak()
    for error, message in notes:
        streak.note(error, message)
    return streak


@pytest.mark.parametrize("error", OF_ALL)
def test_as_many_alike_as_are_no_accident_break_it_and_one_less_does_not(error: ErrorClass) -> None:
    alike = [(error, "no such model")] * ENOUGH

    assert noted(*alike[1:]).broken() is None
    broken = noted(*alike).broken()
    assert broken is not None
    assert broken[0] is error
    assert "20 requests in a row failed alike: no such model" in broken[1]


def test_an_answer_or_other_words_in_between_begin_anew() -> None:
    alike: list[Note] = [(ErrorClass.BAD_REQUEST, "x")] * (ENOUGH - 1)

    assert noted(*alike, (None, ""), *alike).broken() is None
    assert noted(*alike, (ErrorClass.BAD_REQUEST, "y"), *alike).broken() is None
    assert noted(*alike, (ErrorClass.NOT_FOUND, "x"), *alike).broken() is None


def test_failures_that_say_nothing_of_the_others_are_not_counted_and_reset_nothing() -> None:
    alike: list[Note] = [(ErrorClass.BAD_REQUEST, "x")] * ENOUGH

    assert noted(*[(error, "x") for error in OTHERS] * ENOUGH).broken() is None
    assert noted(*alike[1:], (ErrorClass.RATE_LIMIT, "slow down"), alike[0]).broken() is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, ErrorClass.BAD_REQUEST, ErrorClass.BAD_REQUEST, ErrorClass.TIMEOUT]),
            st.sampled_from(["x", "x", "x", "x", "x", "x", "x", "y"]),
        ),
        max_size=120,
    )
)
def test_it_is_broken_just_when_the_last_ones_that_count_are_all_alike(notes: list[Note]) -> None:
    counted = [note for note in notes if note[0] in (None, ErrorClass.BAD_REQUEST)]
    last = counted[-ENOUGH:]

    expected = len(last) == ENOUGH and len(set(last)) == 1 and last[0][0] is not None
    assert (noted(*notes).broken() is not None) == expected


@given(
    st.sampled_from(sorted(POLICY)),
    st.integers(1, 40),
    st.floats(0, 4_000),
    st.floats(0, 1),
    st.none() | st.floats(0, 4_000),
)
def test_no_attempt_begins_after_the_deadline_or_beyond_their_number(
    error: ErrorClass, attempt: int, elapsed_s: float, jitter: float, advised_s: float | None
) -> None:
    policy = POLICY[error]

    wait_s = backoff_s(error, attempt=attempt, advised_s=advised_s, elapsed_s=elapsed_s, jitter=jitter)

    if wait_s is not None:
        assert attempt < policy.attempts
        assert elapsed_s + wait_s <= policy.deadline_s


@pytest.mark.parametrize("error", sorted(POLICY))
def test_just_before_the_deadline_there_is_no_time_left_to_wait(error: ErrorClass) -> None:
    policy = POLICY[error]
    first_s = policy.first_wait_s

    def wait_s(elapsed_s: float) -> float | None:
        return backoff_s(error, attempt=1, advised_s=None, elapsed_s=elapsed_s, jitter=1.0)

    assert wait_s(policy.deadline_s - first_s) == pytest.approx(first_s)
    assert wait_s(policy.deadline_s - first_s / 2) is None


@pytest.mark.parametrize("error", sorted(POLICY))
def test_waits_grow_and_stop_growing(error: ErrorClass) -> None:
    policy = POLICY[error]

    waits = [
        backoff_s(error, attempt=n, advised_s=None, elapsed_s=0.0, jitter=1.0)
        for n in range(1, policy.attempts)
    ]

    assert waits == sorted(waits, key=lambda wait_s: wait_s or 0.0)
    assert max(wait_s or 0.0 for wait_s in waits) <= policy.longest_wait_s
    assert backoff_s(error, attempt=policy.attempts, advised_s=None, elapsed_s=0.0, jitter=1.0) is None
