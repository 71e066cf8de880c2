"""Limits as a provider keeps them: smooth, per key, with a second's worth of burst, and declared."""

import asyncio
import re
import time
from collections import Counter

import aiohttp
import pytest

from minference_core.simulator import Simulator, SimulatorSettings
from minference_core.simulator.limits import Allowance, Bucket, Weight, go_duration
from tests.core.simulator.conftest import Running


def test_a_bucket_holds_a_second_and_fills_by_the_minute() -> None:
    allowance = Allowance(600, None, now=0.0)

    def admitted(at: float) -> int:
        return sum(allowance.admit(Weight(1), at) is None for _ in range(50))

    assert admitted(0.0) == 10
    assert admitted(0.05) == 0
    assert admitted(0.1) == 1
    assert admitted(0.65) == 5
    assert admitted(60.0) == 10


def test_a_request_larger_than_a_second_waits_for_a_full_bucket_and_is_then_paid_off() -> None:
    allowance = Allowance(None, 600, now=0.0)

    assert allowance.admit(Weight(100), 0.0) is None
    over = allowance.admit(Weight(1), 5.0)
    assert over is not None
    assert over.wait_s == pytest.approx(4.1)
    assert allowance.admit(Weight(10), 10.0) is None


def test_a_request_larger_than_a_minute_is_never_admitted() -> None:
    over = Allowance(None, 600, now=0.0).admit(Weight(601), 0.0)

    assert over is not None
    assert over.wait_s is None


def test_what_is_refused_costs_nothing() -> None:
    allowance = Allowance(60, 600, now=0.0)
    allowance.admit(Weight(10), 0.0)

    for _ in range(20):
        assert allowance.admit(Weight(10), 0.5) is not None

    assert allowance.admit(Weight(10), 1.0) is None


def test_a_bucket_declares_what_is_left_and_when_it_is_full() -> None:
    bucket = Bucket(600, now=0.0)
    bucket.take(4)

    assert bucket.remaining(0.0) == 6
    assert bucket.reset_s(0.0) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0195, "20ms"),
        (0.25, "250ms"),
        (1, "1s"),
        (1.5, "1.5s"),
        (360, "6m0s"),
        (3661.25, "1h1m1.25s"),
    ],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


def test_requests_per_minute_are_enforced_and_declared(running: Running) -> None:
    with running(requests_per_minute=120) as ask:
        first, second, third = (ask.chat() for _ in range(3))
        claude = ask.claude()

    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
    assert first.headers["x-ratelimit-limit-requests"] == "120"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert re.fullmatch(r"\d+ms|1s", first.headers["x-ratelimit-reset-requests"])
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    assert third.headers["retry-after"] == "1"
    assert 0 < int(third.headers["retry-after-ms"]) <= 500
    said = third.json()["error"]
    assert (said["type"], said["code"]) == ("requests", "rate_limit_exceeded")
    assert "on requests per min (RPM): Limit 120" in said["message"]
    assert claude.status_code == 200, "another provider has limits of its own"


def test_tokens_are_counted_with_the_whole_output_limit_before_anything_runs(running: Running) -> None:
    with running(tokens_per_minute=6000) as ask:
        first = ask.chat("hi", max_tokens=80)
        second = ask.chat("hi", max_tokens=80)
        impossible = ask.chat("hi", max_tokens=6000)

    assert (first.status_code, second.status_code, impossible.status_code) == (200, 429, 429)
    assert first.headers["x-ratelimit-limit-tokens"] == "6000"
    assert int(first.headers["x-ratelimit-remaining-tokens"]) < 20
    assert second.json()["error"]["type"] == "tokens"
    assert "Request too large" in impossible.json()["error"]["message"]
    assert "retry-after" not in impossible.headers


def test_anthropic_says_it_its_own_way(running: Running) -> None:
    with running(requests_per_minute=60, tokens_per_minute=600_000) as ask:
        first, second = ask.claude(), ask.claude()

    assert (first.status_code, second.status_code) == (200, 429)
    assert first.headers["anthropic-ratelimit-requests-limit"] == "60"
    assert first.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert first.headers["anthropic-ratelimit-tokens-limit"] == "600000"
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.headers["anthropic-ratelimit-requests-reset"]
    )
    assert second.headers["retry-after"] == "1"
    assert second.json()["error"]["type"] == "rate_limit_error"
    assert "rate limit of 60 requests per minute" in second.json()["error"]["message"]


def test_each_key_has_its_own_limit(running: Running) -> None:
    with running(requests_per_minute=60) as ask:
        statuses = [ask.chat(headers={"Authorization": f"Bearer {key}"}).status_code for key in "aab"]

    assert statuses == [200, 429, 200]


def test_a_request_that_is_refused_as_wrong_counts_too(running: Running) -> None:
    with running(requests_per_minute=60) as ask:
        assert ask.chat(messages=[]).status_code == 400
        assert ask.chat().status_code == 429


def test_without_limits_none_are_declared(running: Running) -> None:
    with running() as ask:
        headers = [*ask.chat().headers, *ask.claude().headers]

    assert not [name for name in headers if "ratelimit" in name]


def test_over_a_window_no_more_get_through_than_the_limit_allows() -> None:
    """A client that hammers for 1.5 s under 6,000 a minute: 100 at once, then 100 a second."""
    seconds, per_minute = 1.5, 6000

    async def hammer(url: str, statuses: Counter[int]) -> None:
        headers = {"Authorization": "Bearer k"}
        body = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "hi"}]}
        until = time.monotonic() + seconds

        async def worker(session: aiohttp.ClientSession) -> None:
            while time.monotonic() < until:
                async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                    await response.read()
                    statuses[response.status] += 1

        async with aiohttp.ClientSession(headers=headers) as session:
            await asyncio.gather(*(worker(session) for _ in range(8)))

    async def main() -> tuple[Counter[int], float]:
        statuses: Counter[int] = Counter()
        async with Simulator(SimulatorSettings(requests_per_minute=per_minute)) as simulator:
            began = time.monotonic()
            await hammer(simulator.url, statuses)
            return statuses, time.monotonic() - began

    statuses, took_s = asyncio.run(main())

    assert set(statuses) == {200, 429}
    assert 100 < statuses[200] <= 1.05 * (100 + 100 * took_s)
