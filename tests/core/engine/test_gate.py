"""The gate of a lane: first come, first served, no faster than the limits, for one process and for many."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine import Gate, Lane, LaneLimits, Ledger
from minference_core.engine.gate import Pass
from minference_core.errors import ErrorClass, LedgerError, RequestTooLarge
from minference_core.requests import Weight
from minference_core.threads import TokenUsage


def lane(client: str = "openai", **limits: int) -> Lane:
    return Lane(client=client, base_url="http://127.0.0.1:1", limits=LaneLimits(**limits))


def weight(prompt: int = 1, output: int = 0) -> Weight:
    return Weight(prompt, output, prompt, output)


async def admit(
    gate: Gate, weights: Sequence[Weight], *, leave: bool = True
) -> list[tuple[int, float, Pass]]:
    """When each request passed, in the order they passed."""
    started, passed = time.monotonic(), list[tuple[int, float, Pass]]()

    async def one(n: int, asked: Weight) -> None:
        admitted = await gate.enter(asked)
        passed.append((n, time.monotonic() - started, admitted))
        if leave:
            gate.leave(admitted)

    await asyncio.gather(*(one(n, asked) for n, asked in enumerate(weights)))
    return passed


def passing(lane_: Lane, weights: Sequence[Weight]) -> list[tuple[int, float]]:
    async def all_of_them() -> list[tuple[int, float]]:
        with Ledger() as ledger:
            async with Gate(lane_, ledger, max_in_flight=len(weights)) as gate:
                return [(n, at) for n, at, _ in await admit(gate, weights)]

    return asyncio.run(all_of_them())


@settings(max_examples=4, deadline=None)
@given(st.integers(1_200, 30_000), st.integers(20, 120))
def test_no_stretch_of_time_sees_more_requests_than_the_limits_share_of_it(rpm: int, count: int) -> None:
    passed = passing(lane(requests_per_minute=rpm), [weight()] * count)

    times = [at for _, at in passed]
    late = 0.25  # what this process may catch up with, when it was held up
    for n, at in enumerate(times):
        within = sum(1 for other in times[: n + 1] if at - other < 0.1)
        assert within <= rpm / 60 * (0.1 + late) + 2
    assert times[-1] >= (count - 1) / (rpm / 60) * 0.9


def test_a_large_request_is_not_overtaken_by_small_ones() -> None:
    amounts = [weight(10)] * 10 + [weight(900)] + [weight(10)] * 30

    passed = passing(lane(tokens_per_minute=60_000), amounts)

    assert [n for n, _ in passed] == list(range(41))


def test_a_request_larger_than_a_seconds_tokens_passes_and_the_next_one_waits_for_it() -> None:
    ((_, first), (_, second)) = passing(lane(tokens_per_minute=60_000), [weight(1_000, 1_000), weight()])

    assert first < 1.0
    assert second - first >= 1.9


@pytest.mark.parametrize(
    ("limits", "asked", "said"),
    [
        ({"tokens_per_minute": 60_000}, weight(40_000, 30_000), "70000 tokens but the lane's limit is 60000"),
        (
            {"input_tokens_per_minute": 30_000},
            weight(40_000, 1),
            "40000 tokens but the lane's limit is 30000",
        ),
        ({"output_tokens_per_minute": 8_000}, weight(1, 9_000), "9000 tokens but the lane's limit is 8000"),
    ],
)
def test_a_request_that_can_never_fit_is_refused_and_not_waited_for(
    limits: dict[str, int], asked: Weight, said: str
) -> None:
    async def checked() -> None:
        with Ledger() as ledger:
            async with Gate(lane("anthropic", **limits), ledger, max_in_flight=1) as gate:
                gate.check(asked, None)

    with pytest.raises(RequestTooLarge, match=said):
        asyncio.run(checked())


def test_what_one_models_answers_say_of_its_limits_refuses_nothing_of_another() -> None:
    async def checked() -> None:
        with Ledger() as ledger:
            async with Gate(lane(), ledger, max_in_flight=1) as gate:
                gate.learn((None, 30_000, None, None), "large")
                gate.check(weight(40_000, 1), "small")
                with pytest.raises(RequestTooLarge, match="40001 tokens but the lane's limit is 30000"):
                    gate.check(weight(40_000, 1), "large")

    asyncio.run(checked())


def test_requests_whose_tokens_nobody_could_count_have_no_other_refused() -> None:
    async def checked() -> float:
        with Ledger() as ledger:
            async with Gate(lane(tokens_per_minute=20_000), ledger, max_in_flight=1) as gate:
                for _ in range(40):
                    gate.leave(await gate.enter(weight(1, 1)), TokenUsage(prompt_tokens=50))
                gate.check(weight(19_000, 1), None)
                return (await gate.enter(weight(100, 1))).booked.tokens

    assert asyncio.run(checked()) < 400


def test_input_and_output_tokens_are_limits_of_their_own() -> None:
    limits = lane("anthropic", input_tokens_per_minute=60_000, output_tokens_per_minute=6_000)

    passed = passing(limits, [weight(10, 50)] * 5)

    assert passed[-1][1] >= 4 * 50 / (6_000 / 60) * 0.9


def test_a_held_lane_lets_nothing_through_until_then_and_everything_after() -> None:
    async def held(limits: Lane) -> list[float]:
        with Ledger() as ledger:
            async with Gate(limits, ledger, max_in_flight=2) as gate:
                gate.hold(0.3)
                return [at for _, at, _ in await admit(gate, [weight()] * 2)]

    for limits in (lane(), lane(requests_per_minute=6_000)):
        assert min(asyncio.run(held(limits))) >= 0.29


def test_what_an_answer_did_not_take_is_given_to_the_next_where_the_provider_counts_so() -> None:
    """Anthropic counts what was written; OpenAI the whole of max_tokens."""

    async def third_at(client: str) -> float:
        with Ledger() as ledger:
            limits = lane(client, output_tokens_per_minute=60_000)
            async with Gate(limits, ledger, max_in_flight=1) as gate:
                started = time.monotonic()
                for _ in range(3):
                    admitted = await gate.enter(weight(1, 500))
                    gate.leave(admitted, TokenUsage(prompt_tokens=1, completion_tokens=10))
                return time.monotonic() - started

    assert asyncio.run(third_at("openai")) >= 0.95
    assert asyncio.run(third_at("anthropic")) < 0.95


def test_a_lane_learns_lower_limits_from_the_answers() -> None:
    async def learned() -> tuple[list[float], LaneLimits]:
        with Ledger() as ledger:
            async with Gate(lane(requests_per_minute=60_000), ledger, max_in_flight=8) as gate:
                gate.learn((600, None, None, None), "m")
                await asyncio.sleep(0.2)
                return [at for _, at, _ in await admit(gate, [weight()] * 8)], gate.limits

    times, limits = asyncio.run(learned())

    assert times[-1] >= 0.6
    assert limits.requests_per_minute == 600


def test_a_refused_lane_slows_down_and_recovers() -> None:
    async def rates() -> tuple[float, float]:
        with Ledger() as ledger:
            async with Gate(lane(requests_per_minute=6_000), ledger, max_in_flight=50) as gate:
                before = (await admit(gate, [weight()] * 30))[-1][1]
                for _ in range(3):
                    gate.refused(ErrorClass.RATE_LIMIT)
                    await asyncio.sleep(1.05)
                started = time.monotonic()
                await admit(gate, [weight()] * 30)
                return before, time.monotonic() - started

    before, after = asyncio.run(rates())

    assert after > before * 1.5


def test_two_gates_on_one_ledger_share_a_limit_fairly_and_exactly(tmp_path: object) -> None:
    async def both() -> list[list[float]]:
        with Ledger() as ledger:
            limits = lane(requests_per_minute=3_000)
            async with (
                Gate(limits, ledger, max_in_flight=10) as one,
                Gate(limits, ledger, max_in_flight=10) as two,
            ):
                passed = await asyncio.gather(admit(one, [weight()] * 40), admit(two, [weight()] * 40))
        return [[at for _, at, _ in each] for each in passed]

    first, second = asyncio.run(both())

    assert max(*first, *second) >= 79 / 50 * 0.95
    assert abs(first[-1] - second[-1]) < 1.0


@pytest.mark.parametrize("is_one_process", [True, False])
def test_a_lanes_limit_of_requests_in_flight_is_shared_out_and_never_exceeded(
    tmp_path: object, *, is_one_process: bool
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    most = 0
    in_flight = 0

    async def work(gate: Gate) -> None:
        nonlocal most, in_flight
        admitted = await gate.enter(weight())
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0.05)
        in_flight -= 1
        gate.leave(admitted)

    async def both() -> tuple[float, float]:
        started = time.monotonic()

        async def one(ledger: Ledger) -> float:
            async with Gate(lane(max_in_flight=6), ledger, max_in_flight=6) as gate:
                await asyncio.gather(*(work(gate) for _ in range(60)))
            return time.monotonic() - started

        with Ledger(url) as mine, Ledger(url) as another:  # each is a process of its own to the ledger
            return await asyncio.gather(one(mine), one(mine if is_one_process else another))

    asyncio.run(both())

    assert 2 <= most <= 6


def test_who_was_idle_for_long_asks_anew_for_slots_that_others_have_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minference_core.engine.gate._PULSE_S", 0.05)
    monkeypatch.setattr("minference_core.engine.ledger.lanes.ALIVE_S", 0.3)
    url, limits = f"sqlite:///{tmp_path}/ledger.sqlite", lane(max_in_flight=4)

    async def back_from_idling() -> int:
        with Ledger(url) as mine, Ledger(url) as another:
            async with (
                Gate(limits, mine, max_in_flight=4) as idle,
                Gate(limits, another, max_in_flight=4) as busy,
            ):
                await admit(idle, [weight()] * 4)
                await asyncio.sleep(0.5)
                await admit(busy, [weight()] * 4, leave=False)
                waiting = asyncio.create_task(idle.enter(weight()))
                await asyncio.wait([waiting], timeout=0.2)
                waiting.cancel()
                return idle.window.in_use + busy.window.in_use

    assert asyncio.run(back_from_idling()) == 4


def test_nobody_waits_for_ever_for_a_ledger_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def enter() -> None:
        with Ledger(f"sqlite:///{tmp_path}/file/ledger.sqlite") as ledger:
            async with Gate(lane(max_in_flight=4), ledger, max_in_flight=4) as gate:
                await asyncio.wait_for(gate.enter(weight()), 5.0)

    with pytest.raises(LedgerError, match="ledger"):
        asyncio.run(enter())


def test_whoever_is_let_go_while_waiting_leaves_no_hole() -> None:
    async def cancelled() -> int:
        with Ledger() as ledger:
            async with Gate(lane(requests_per_minute=600), ledger, max_in_flight=4) as gate:
                waiting = [asyncio.create_task(gate.enter(weight())) for _ in range(4)]
                await asyncio.sleep(0.15)
                for task in waiting:
                    task.cancel()
                ended = await asyncio.gather(*waiting, return_exceptions=True)
                for admitted in ended:
                    if isinstance(admitted, Pass):
                        gate.leave(admitted)
                return gate.window.in_use

    assert asyncio.run(cancelled()) == 0
