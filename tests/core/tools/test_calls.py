"""Items D9 and D10 of seed-behaviour.md: arguments in, results out, and nothing blocks."""

import asyncio
import enum
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from minference_core.entities import EntityRegistry
from minference_core.errors import ToolFailed, ToolStopped
from minference_core.tools import CallableRegistry, ensure_async, is_async_callable
from minference_core.tools.interface import Interface
from minference_core.tools.running import run


class Colour(enum.Enum):
    RED = "red"


class Point(BaseModel):
    x: float
    y: float = 0

    @field_validator("x")
    @classmethod
    def _small(cls, x: float) -> float:
        if x > 100:
            raise ValueError("too far out")
        return x


class Named(BaseModel):
    long_name: int = Field(alias="longName")


@dataclass
class Pair:
    a: int
    b: tuple[int, ...] = ()


def call(function: Callable[..., Any], *, timeout_s: float | None = None, **arguments: Any) -> Any:
    CallableRegistry.update("f", function)
    return CallableRegistry.execute("f", arguments, timeout_s=timeout_s)


def acall(function: Callable[..., Any], *, timeout_s: float | None = None, **arguments: Any) -> Any:
    CallableRegistry.update("f", function)
    return asyncio.run(CallableRegistry.aexecute("f", arguments, timeout_s=timeout_s))


def test_d9_defaults_are_the_functions_own() -> None:
    marker = object()

    def f(x: int, y: float = 2.5, where: object = marker, seen: list[int] = []) -> bool:  # noqa: B006
        seen.append(x)
        return where is marker and y == 2.5 and len(seen) == x

    assert call(f, x=1) == {"result": True}
    assert call(f, x=2) == {"result": True}


def test_d9_a_default_in_pydantics_words() -> None:
    def f(x: int = Field(3, ge=1), *, y: int = Field(default_factory=lambda: 4)) -> int:
        return x * y

    assert call(f) == {"result": 12}
    assert call(f, x=1) == {"result": 4}
    with pytest.raises(ToolFailed, match="'x': Input should be greater than or equal to 1"):
        call(f, x=0)


def test_d9_plain_arguments_are_checked_and_converted() -> None:
    def f(
        n: int,
        point: Point,
        points: list[Point],
        pair: Pair,
        colour: Colour,
        when: date,
        which: Literal["a", "b"],
        price: Decimal,
        names: set[str],
    ) -> list[str]:
        given: tuple[Any, ...] = (n, point, points[0], pair, colour, when, which, price, names)
        return [type(each).__name__ for each in given]

    assert call(
        f,
        n="5",
        point={"x": 1},
        points=[{"x": 2, "y": 3}],
        pair={"a": 1, "b": [1, 2]},
        colour="red",
        when="2026-01-02",
        which="b",
        price=1.5,
        names=["a", "a"],
    ) == {"result": ["int", "Point", "Point", "Pair", "Colour", "date", "str", "Decimal", "set"]}


def test_d9_a_single_model_is_made_from_the_fields() -> None:
    def f(point: Point) -> Point:
        return Point(x=point.x + 1, y=point.y)

    async def g(*, point: Point) -> float:
        return point.x

    def h(point: Point = Point(x=7)) -> float:  # noqa: B008
        return point.x

    assert call(f, x=1, y=2) == {"x": 2.0, "y": 2.0}
    assert call(g, x=1) == {"result": 1.0}
    assert call(h) == {"result": 7.0}
    assert call(h, x=8) == {"result": 8.0}


def test_d9_every_kind_of_parameter_and_function() -> None:
    def f(a: int, b: int = 2, /, c: int = 3, *, d: int) -> list[int]:
        return [a, b, c, d]

    class Desk:
        def book(self, room: str, seats: int = 1) -> str:
            return f"{room}{seats}"

        async def __call__(self, json: str) -> str:
            return json

    assert call(f, a=1, d=4) == {"result": [1, 2, 3, 4]}
    assert call(f, a=1, b=5, c=6, d=7) == {"result": [1, 5, 6, 7]}
    assert call(Desk().book, room="r") == {"result": "r1"}
    assert call(partial(Desk().book, seats=3), room="r") == {"result": "r3"}
    assert call(Desk(), json="text") == {"result": "text"}
    assert CallableRegistry.execute("f", {"json": "text"}) == {"result": "text"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param({}, "1 validation error for fInput: 'x' is missing: Field required", id="missing"),
        pytest.param({"x": 1, "z": 2}, r"'z' is unknown: .* \(the arguments are: x, p\)", id="unknown"),
        pytest.param({"x": "one"}, "'x': Input should be a valid integer", id="wrong type"),
        pytest.param({"x": 1, "p": {"x": 101}}, "'p.x': Value error, too far out", id="the model's own rule"),
        pytest.param({"x": None, "p": 3}, "2 validation errors", id="several"),
        pytest.param([1], "the arguments must be an object", id="no object"),
    ],
)
def test_d9_what_is_wrong_with_arguments_is_said(arguments: Any, complaint: str) -> None:
    called = []

    def f(x: int, p: Point = Point(x=1)) -> int:  # noqa: B008
        called.append(x)
        return x

    CallableRegistry.register("f", f)

    with pytest.raises(ValueError, match=f"^Error executing f: .*{complaint}"):
        CallableRegistry.execute("f", arguments)
    assert called == []


def test_d9_a_thousand_bad_items_are_not_a_thousand_lines() -> None:
    def f(items: list[int]) -> int:
        return len(items)

    with pytest.raises(ToolFailed, match="1000 validation errors") as caught:
        call(f, items=["x"] * 1000)

    assert len(str(caught.value)) < 3_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param((1, "a", None), [1, "a", None], id="tuple"),
        pytest.param({3}, [3], id="set"),
        pytest.param({"a": [Point(x=1)]}, {"a": [{"x": 1.0, "y": 0.0}]}, id="models inside"),
        pytest.param({1: 2, (1, 2): 3}, {"1": 2, "1,2": 3}, id="keys that are no text"),
        pytest.param(Pair(1, (2, 3)), {"a": 1, "b": [2, 3]}, id="dataclass"),
        pytest.param(datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z", id="datetime"),
        pytest.param(timedelta(minutes=1), "PT1M", id="duration"),
        pytest.param(Decimal("1.50"), "1.50", id="decimal"),
        pytest.param(Colour.RED, "red", id="enum"),
        pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="uuid"),
        pytest.param(Path("/a"), "/a", id="path"),
        pytest.param(None, None, id="nothing"),
        pytest.param("é\n", "é\n", id="text"),
    ],
)
def test_d9_results_of_every_kind_are_json(value: Any, said: Any) -> None:
    def f() -> Any:
        return value

    assert call(f) == acall(f) == {"result": said}


def test_d9_a_model_is_its_own_object() -> None:
    def f() -> Named:
        return Named(longName=3)

    assert call(f) == {"longName": 3}, "as its schema says it"


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    "value",
    [object(), print, float("nan"), [float("inf")], "\ud800", b"\xff", _circle(), sys],
    ids=["object", "function", "NaN", "infinity", "half a character", "bytes", "circle", "module"],
)
def test_d9_what_json_cannot_say_is_an_error(value: Any) -> None:
    def f() -> Any:
        return value

    with pytest.raises(ValueError, match="Error executing f: its result cannot be written as JSON"):
        call(f)


def raising(exc: BaseException) -> Callable[[], int]:
    def f() -> int:
        raise exc

    return f


def araising(exc: BaseException) -> Callable[[], Awaitable[int]]:
    async def f() -> int:
        raise exc

    return f


@pytest.mark.parametrize("make", [raising, araising])
@pytest.mark.parametrize("how", [call, acall])
@pytest.mark.parametrize(
    ("exc", "said"),
    [
        (RuntimeError("boom"), "boom"),
        (KeyError("k"), "KeyError: 'k'"),
        (ValueError(), "ValueError: "),
        (SystemExit(3), "SystemExit: 3"),
        (TimeoutError("its own"), "its own"),
        (RecursionError("deep"), "deep"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_d9_whatever_a_function_raises_is_a_failed_call(make: Any, how: Any, exc: Any, said: str) -> None:
    with pytest.raises(ToolFailed) as caught:
        how(make(exc), timeout_s=5)

    assert str(caught.value) == f"Error executing f: {said}"
    assert caught.value.reason == said
    assert caught.value.__cause__ is exc
    assert not isinstance(caught.value, ToolStopped)


def test_d9_a_function_that_ends_an_iteration_does_not_hang_the_caller() -> None:
    def f() -> int:
        return next(iter([]))

    with pytest.raises(ToolFailed, match="StopIteration"):
        acall(f)


def test_ctrl_c_is_not_the_tools() -> None:
    with pytest.raises(KeyboardInterrupt):
        call(raising(KeyboardInterrupt()))


def test_d10_what_is_async() -> None:
    async def later() -> int:
        return 1

    def now() -> int:
        return 2

    class Later:
        async def __call__(self) -> int:
            return 3

    assert [is_async_callable(each) for each in (later, partial(later), Later(), now, print)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert asyncio.run(ensure_async(later)) == 1
    assert asyncio.run(ensure_async(now)) == 2


def test_d10_a_function_that_waits_does_not_stop_the_event_loop() -> None:
    def waits() -> str:
        time.sleep(0.3)
        return threading.current_thread().name

    async def main() -> tuple[int, Any]:
        CallableRegistry.register("waits", waits)
        task = asyncio.create_task(CallableRegistry.aexecute("waits", {}))
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks, await task

    ticks, result = asyncio.run(main())

    assert ticks >= 10
    assert result["result"] != threading.main_thread().name


def test_d10_an_async_function_shares_the_callers_loop() -> None:
    async def f() -> int:
        return id(asyncio.get_running_loop())

    async def main() -> bool:
        CallableRegistry.register("f", f)
        result = await CallableRegistry.aexecute("f", {})
        return bool(result["result"] == id(asyncio.get_running_loop()))

    assert asyncio.run(main())


def test_d10_an_async_function_can_be_called_from_anywhere() -> None:
    async def f() -> int:
        await asyncio.sleep(0)
        return 1

    def g() -> Awaitable[int]:
        return f()

    async def inside_a_loop() -> Any:
        return call(f)

    assert call(f) == call(g) == acall(g) == asyncio.run(inside_a_loop()) == {"result": 1}


def test_d10_a_tool_sees_the_callers_registry() -> None:
    def f() -> int:
        return id(EntityRegistry.current())

    with EntityRegistry().active():
        here = id(EntityRegistry.current())
        assert call(f) == acall(f) == call(f, timeout_s=5) == acall(f, timeout_s=5) == {"result": here}


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("how", [call, acall])
def test_a_function_that_hangs_is_reported_in_time(how: Any, release: threading.Event) -> None:
    def hangs() -> bool:
        return release.wait(30)

    async def waits() -> None:
        await asyncio.sleep(30)

    began = time.monotonic()
    for function in (hangs, waits):
        with pytest.raises(ToolStopped, match=r"Error executing f: no result after 0\.1 s"):
            how(function, timeout_s=0.1)

    assert time.monotonic() - began < 5


_numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
_said = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def _echo(value: dict[str, Any], points: list[Point], when: Annotated[date, "day"]) -> dict[str, Any]:
    return {"value": value, "points": points, "when": when}


_ECHO = Interface(_echo, "echo")


@given(
    st.dictionaries(st.text(), _said, max_size=4),
    st.lists(st.builds(Point, x=st.floats(-100, 100), y=st.floats(-1e9, 1e9)), max_size=4),
    st.dates(),
)
def test_json_goes_through_unchanged_and_models_come_back(
    value: dict[str, Any], points: list[Point], when: date
) -> None:
    given_points = [each.model_dump(mode="json") for each in points]
    arguments = {"value": value, "points": given_points, "when": when.isoformat()}

    said = run(_ECHO, arguments, called="echo")["result"]

    assert said == arguments
    assert [Point(**each) for each in said["points"]] == points
