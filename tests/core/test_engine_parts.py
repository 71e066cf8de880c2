"""The engine's decisions and its pacing, each alone."""

import asyncio
import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine import POLICY, SETTLED, LaneLimits, backoff_s
from minference_core.engine.gate import Gate
from minference_core.engine.records import body_text
from minference_core.errors import ErrorClass, RequestTooLarge

NOW = datetime(2026, 11, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "attempt", "advised_s", "wait_s"),
    [
        pytest.param(ErrorClass.BAD_REQUEST, 1, None, None, id="a bad request: never again"),
        pytest.param(ErrorClass.AUTH, 1, None, None, id="a refused key: never again"),
        pytest.param(ErrorClass.RATE_LIMIT, 1, 90.0, 99.0, id="the provider's advice beats our cap"),
        pytest.param(ErrorClass.RATE_LIMIT, 1, None, 1.0, id="no advice: first wait"),
        pytest.param(ErrorClass.SERVER, 3, None, 2.0, id="doubles"),
        pytest.param(ErrorClass.OVERLOADED, 11, None, 60.0, id="stops growing"),
        pytest.param(ErrorClass.SERVER, 6, None, None, id="attempts used up"),
        pytest.param(ErrorClass.RATE_LIMIT, 2, 9_999.0, None, id="beyond the deadline"),
    ],
)
def test_backoff(error: ErrorClass, attempt: int, advised_s: float | None, wait_s: float | None) -> None:
    waited = backoff_s(error, attempt=attempt, advised_s=advised_s, elapsed_s=0.0, jitter=1.0)

    assert waited == (None if wait_s is None else pytest.approx(wait_s))


@given(st.sampled_from(sorted(POLICY)), st.integers(1, 40), st.floats(0, 1), st.none() | st.floats(0, 100))
def test_a_wait_is_never_shorter_than_advised_and_never_negative(
    error: ErrorClass, attempt: int, jitter: float, advised_s: float | None
) -> None:
    wait_s = backoff_s(error, attempt=attempt, advised_s=advised_s, elapsed_s=0.0, jitter=jitter)

    assert wait_s is None or wait_s >= (advised_s or 0)


def test_every_class_is_either_retried_settled_or_left_to_the_next_run() -> None:
    assert not set(POLICY) & SETTLED


async def _admit(gate: Gate, amounts: list[int]) -> list[tuple[int, float]]:
    """When each request passed, in the order they passed."""
    started, passed = time.monotonic(), list[tuple[int, float]]()

    async def one(n: int, tokens: int) -> None:
        await gate.enter(tokens)
        passed.append((n, time.monotonic() - started))

    await asyncio.gather(*(one(n, tokens) for n, tokens in enumerate(amounts)))
    return passed


@settings(max_examples=4, deadline=None)
@given(st.integers(600, 30_000), st.integers(20, 120))
def test_no_second_sees_more_requests_than_the_limits_share_of_it(rpm: int, count: int) -> None:
    limits = LaneLimits(requests_per_minute=rpm)

    passed = asyncio.run(_admit(Gate(limits, now=time.monotonic), [1] * count))

    times = [at for _, at in passed]
    bucket = max(1.0, rpm / 60 * 0.9)
    for n, at in enumerate(times):
        within = sum(1 for other in times[: n + 1] if at - other < 0.1)
        assert within <= bucket + rpm / 60 * 0.1 + 1


def test_a_large_request_is_not_overtaken_by_small_ones() -> None:
    """`AsyncLimiter` alone serves whoever asks for least first."""
    amounts = [10] * 10 + [900] + [10] * 30

    passed = asyncio.run(_admit(Gate(LaneLimits(tokens_per_minute=60_000), now=time.monotonic), amounts))

    assert [n for n, _ in passed] == list(range(41))


def test_a_request_larger_than_a_seconds_tokens_waits_its_time_and_passes() -> None:
    gate = Gate(LaneLimits(tokens_per_minute=60_000), now=time.monotonic)

    ((_, first), (_, second)) = asyncio.run(_admit(gate, [2_000, 1]))

    assert 1.0 <= first <= 4.0
    assert second >= first


def test_a_request_that_can_never_fit_is_refused_and_not_waited_for() -> None:
    with pytest.raises(RequestTooLarge, match="70000 tokens but the lane's limit is 60000"):
        Gate(LaneLimits(tokens_per_minute=60_000), now=time.monotonic).check(70_000)


def test_a_held_lane_lets_nothing_through_until_then() -> None:
    gate = Gate(LaneLimits(), now=time.monotonic)
    gate.hold(0.3)

    passed = asyncio.run(_admit(gate, [1, 1]))

    assert min(at for _, at in passed) >= 0.29


@given(st.binary())
def test_a_raw_body_is_kept_whole_whatever_its_bytes(body: bytes) -> None:
    text = body_text(body)

    prefix = "data:application/octet-stream;base64,"
    kept = base64.b64decode(text.removeprefix(prefix)) if text.startswith(prefix) else text.encode()
    assert kept == body
