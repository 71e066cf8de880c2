"""The engine's decisions and its pacing, each alone."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.engine import POLICY, SETTLED, backoff_s
from minference_core.engine.records import body_text
from minference_core.errors import ErrorClass

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


@given(st.binary())
def test_a_raw_body_is_kept_whole_whatever_its_bytes(body: bytes) -> None:
    text = body_text(body)

    prefix = "data:application/octet-stream;base64,"
    kept = base64.b64decode(text.removeprefix(prefix)) if text.startswith(prefix) else text.encode()
    assert kept == body
