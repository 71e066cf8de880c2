"""How many requests may be in flight: in order, never too many, fewer after it was too much, more again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from minference_core.engine.window import Window

T = TypeVar("T")


def ran(work: Callable[[], Awaitable[T]]) -> T:
    async def all_of_it() -> T:
        return await work()

    return asyncio.run(all_of_it())


async def turn() -> None:
    """Let everybody go on who can."""
    for _ in range(3):
        await asyncio.sleep(0)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.booleans(),
    st.lists(
        st.sampled_from(["enter", "enter", "leave", "refused", "answered", "slow", "let go"]), max_size=80
    ),
)
def test_whatever_happens_there_are_never_too_many_nobody_is_overtaken_and_none_is_lost(
    most: int, by_latency: bool, events: list[str]
) -> None:
    async def happened() -> None:
        window = Window(most, by_latency=by_latency)
        waiting: list[asyncio.Task[None]] = []
        entered: list[int] = []
        inside, came, now = 0, 0, 0.0

        async def enter(number: int) -> None:
            await window.enter()
            entered.append(number)

        for event in events:
            now += 0.4
            match event:
                case "enter":
                    waiting.append(asyncio.create_task(enter(came)))
                    came += 1
                case "leave" if inside:
                    window.leave()
                case "refused":
                    window.refused(now)
                case "answered" | "slow":
                    window.answered(1.0 if event == "answered" else 9.0, 10)
                case "let go" if waiting:
                    waiting.pop().cancel()
            before = window.in_use
            await turn()
            inside = window.in_use
            assert 1 <= window.limit <= most
            assert inside <= max(before, window.limit)
        while window.in_use:
            window.leave()
            await turn()
        assert window.wanted == 0
        assert entered == sorted(entered)
        assert all(task.done() for task in waiting)

    ran(happened)


def test_a_refusal_halves_what_is_in_flight_and_others_of_the_same_moment_do_nothing() -> None:
    window = Window(100)
    window.in_use = 40

    window.refused(10.0)
    window.refused(10.5)
    assert window.limit == 20
    window.refused(11.5)
    assert window.limit == 10


def test_answers_bring_it_back_a_tenth_of_the_most_for_each_round() -> None:
    window = Window(100)
    window.in_use = 100
    window.refused(0.0)

    answers = 0
    while window.limit < 100:
        window.answered(1.0, 10)
        answers += 1

    assert 5 * 50 <= answers <= 6 * 100


def test_a_lane_led_by_latency_begins_small_grows_while_it_is_quick_and_shrinks_when_it_is_not() -> None:
    window = Window(200, by_latency=True)
    assert window.limit == 8

    for _ in range(2_000):
        window.answered(1.0, 100)
    grown = window.limit
    for _ in range(1_000):
        window.answered(4.0, 100)

    assert grown == 200
    assert window.limit < grown / 2


def test_longer_answers_are_not_taken_for_slower_ones() -> None:
    window = Window(64, by_latency=True)

    for n in range(1_000):
        tokens = 1_000 if n // 100 % 2 else 10
        window.answered(0.01 * (tokens + 32), tokens)

    assert window.limit == 64


def test_who_comes_when_there_is_room_again_does_not_overtake_those_who_wait() -> None:
    async def entered() -> list[str]:
        window, order = Window(10), list[str]()
        window.limit = window.in_use = 1

        async def enter(name: str) -> None:
            await window.enter()
            order.append(name)

        first = asyncio.create_task(enter("first"))
        await turn()
        window.answered(1.0, 10)  # there is room for one more, and nobody has been let in yet
        second = asyncio.create_task(enter("second"))
        await turn()
        window.leave()
        await turn()
        window.leave()
        await asyncio.gather(first, second)
        return order

    assert ran(entered) == ["first", "second"]


def test_nobody_enters_before_the_ledger_has_said_how_many() -> None:
    async def entered() -> list[int]:
        window = Window(10, ceiling=0)
        tasks = [asyncio.create_task(window.enter()) for _ in range(5)]
        counts = []
        for ceiling in (0, 3, 2, 5):
            window.ceiling = ceiling
            window.serve()
            await turn()
            counts.append(window.in_use)
        await asyncio.gather(*tasks)
        return counts

    assert ran(entered) == [0, 3, 3, 5]


def test_who_is_let_go_at_the_moment_of_being_let_in_leaves_the_place_to_the_next() -> None:
    async def let_in() -> tuple[bool, int]:
        window = Window(1)
        await window.enter()
        first, second = (asyncio.create_task(window.enter()) for _ in range(2))
        await turn()
        window.leave()  # the first one is let in, and has not heard of it yet
        first.cancel()
        await turn()
        return second.done(), window.in_use

    assert ran(let_in) == (True, 1)
