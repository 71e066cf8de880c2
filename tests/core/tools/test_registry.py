"""Items D1 to D5 and D11 of seed-behaviour.md: what may be registered, and what is told of it."""

import threading
from typing import Any

import pytest

from minference_core.errors import MinferenceError, ToolError, ToolNotOptedIn
from minference_core.tools import CallableRegistry, RegistryInfo, aexecute_callable, execute_callable


def add(x: int, y: int = 2) -> int:
    """Add two numbers."""
    return x + y


async def slow_add(x: int, y: int) -> int:
    return x + y


def test_d1_there_is_one_registry_whoever_asks() -> None:
    first, second = CallableRegistry(), CallableRegistry()

    first.register("by_object", add)
    CallableRegistry.register("by_class", add)

    assert first is second
    assert second.get("by_class") is CallableRegistry.get("by_object") is add
    assert first._registry is CallableRegistry._registry
    assert list(second._registry) == ["by_object", "by_class"]


def test_d2_a_taken_name_is_refused_even_for_the_same_function() -> None:
    CallableRegistry.register("add", add)

    for register in (CallableRegistry.register, CallableRegistry().register):
        with pytest.raises(ValueError, match="Function 'add' already registered"):
            register("add", add)

    with pytest.raises(ToolError, match="already registered"):
        CallableRegistry.register_from_text("add", "def add(x: int) -> int: return x")


def no_hints(x, y):  # type: ignore[no-untyped-def]
    return x + y


def no_return_hint(x: int):  # type: ignore[no-untyped-def]
    return x


def unknown_hint(x: "Nowhere") -> int:  # type: ignore[name-defined]  # noqa: F821
    return 0


def one_hint_missing(x: int, y) -> int:  # type: ignore[no-untyped-def]
    return x


def no_json_hint(x: threading.Thread) -> int:
    return 0


def many(*values: int) -> int:
    return sum(values)


def anything(**values: int) -> int:
    return sum(values.values())


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        pytest.param(no_hints, "must have type hints", id="none at all"),
        pytest.param(no_return_hint, "must have a return type hint", id="none for the result"),
        pytest.param(unknown_hint, "must have valid type hints.*Nowhere", id="a name nobody knows"),
        pytest.param(one_hint_missing, "must have type hints: parameter 'y' has none", id="one is missing"),
        pytest.param(no_json_hint, "must have valid type hints.*Thread", id="nothing JSON can say"),
        pytest.param(many, r"takes \*values: int, which no schema can describe", id="*args"),
        pytest.param(anything, r"takes \*\*values: int, which no schema can describe", id="**kwargs"),
        pytest.param(int, "must be a function", id="a class"),
        pytest.param(3, "must be a function", id="a number"),
    ],
)
def test_d3_a_function_says_what_it_takes_and_gives(function: Any, complaint: str) -> None:
    CallableRegistry.register("valid", add)

    with pytest.raises(ValueError, match=complaint) as caught:
        CallableRegistry.register("bad", function)

    assert isinstance(caught.value, MinferenceError)
    assert list(CallableRegistry._registry) == ["valid"]


def test_d4_update_replaces_or_creates_and_delete_forgets() -> None:
    def other(x: int) -> str:
        return str(x)

    CallableRegistry.update("add", add)
    CallableRegistry.update("add", other)
    assert CallableRegistry.get("add") is other
    assert CallableRegistry.execute("add", {"x": 1}) == {"result": "1"}

    CallableRegistry.delete("add")
    assert CallableRegistry.get("add") is None
    with pytest.raises(ValueError, match="Function 'add' not found"):
        CallableRegistry.delete("add")


def test_d5_a_lambda_and_a_function_as_text_are_called_like_any_other() -> None:
    CallableRegistry.register_from_text("twice", "lambda x: x * 2")
    CallableRegistry.register_from_text(
        "text_add", "\ndef text_add(x: int, y: Optional[int] = 3) -> List[int]:\n    return [x, y]\n"
    )

    twice, text_add = CallableRegistry.get("twice"), CallableRegistry.get("text_add")

    assert twice is not None
    assert text_add is not None
    assert twice(2) == 4
    assert text_add(1) == [1, 3]
    assert text_add(1, y=5) == [1, 5]
    assert CallableRegistry.execute("twice", {"x": 2}) == {"result": 4.0}
    with pytest.raises(TypeError, match="takes 2 arguments"):
        text_add(1, 2, 3)


def test_d5_a_model_in_the_text_is_given_as_an_object() -> None:
    CallableRegistry.register_from_text(
        "area",
        "class Box(BaseModel):\n    w: float = Field(gt=0)\n    h: float = 2\n"
        "def area(box: Box) -> float:\n    return box.w * box.h",
    )
    area = CallableRegistry.get("area")
    info = CallableRegistry.get_info("area")

    assert area is not None
    assert info is not None
    assert area({"w": 3}) == 6.0
    assert info.input_schema["properties"]["w"] == {"exclusiveMinimum": 0, "title": "W", "type": "number"}


@pytest.mark.parametrize(
    "text",
    [
        "def broken(",
        "def a() -> int: return 1\ndef b() -> int: return 2",
        "def untyped(x): return x",
        "lambda x, y: x",
        "raise RuntimeError('at the first run')",
        "import no_such_module_anywhere\ndef f() -> int: return 1",
        "def f(x: Nowhere) -> int: return 1",
    ],
)
def test_d5_malformed_text_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Failed to parse function"):
        CallableRegistry.register_from_text("broken", text)

    assert CallableRegistry.get("broken") is None


def test_d11_info_and_status_tell_all_without_a_call() -> None:
    CallableRegistry.register("add", add)
    CallableRegistry.register("slow_add", slow_add)
    CallableRegistry.register_from_text("twice", "lambda x: x * 2")

    info = CallableRegistry.get_info("add")
    assert info is not None
    assert (info.name, info.signature, info.doc, info.is_async) == (
        "add",
        "(x: int, y: int = 2) -> int",
        "Add two numbers.",
        False,
    )
    assert info.input_schema["required"] == ["x"]
    assert info.output_schema["properties"]["result"]["type"] == "integer"
    assert info == CallableRegistry().get_info("add")
    slow = CallableRegistry.get_info("slow_add")
    assert isinstance(slow, RegistryInfo)
    assert slow.is_async
    assert CallableRegistry.get_info("unknown") is None
    assert CallableRegistry.get_registry_status() == {
        "total_functions": 3,
        "registered_functions": ["add", "slow_add", "twice"],
        "function_signatures": {
            "add": "(x: int, y: int = 2) -> int",
            "slow_add": "(x: int, y: int) -> int",
            "twice": "(x: float) -> float",
        },
    }


def test_d11_what_is_told_cannot_be_changed_from_outside() -> None:
    CallableRegistry.register("add", add)
    told = CallableRegistry.get_info("add")
    assert told is not None

    told.input_schema["properties"].clear()

    again = CallableRegistry.get_info("add")
    assert again is not None
    assert set(again.input_schema["properties"]) == {"x", "y"}


def test_d11_the_log_is_shared_cleared_and_has_a_level() -> None:
    CallableRegistry.register("add", add)
    with pytest.raises(ToolError):
        CallableRegistry().register("add", add)

    logs = CallableRegistry.get_logs()
    assert "Successfully registered function: add" in logs
    assert "Registration failed: Function 'add' already registered" in logs
    assert logs == CallableRegistry().get_logs()

    CallableRegistry.clear_logs()
    CallableRegistry.set_log_level("ERROR")
    CallableRegistry.execute("add", {"x": 1})
    assert CallableRegistry.get_logs() == ""
    CallableRegistry.set_log_level("INFO")


def test_the_functions_beside_the_registry_do_the_same() -> None:
    import asyncio

    CallableRegistry.register("add", add)

    assert execute_callable("add", {"x": 1}) == {"result": 3}
    assert asyncio.run(aexecute_callable("add", {"x": 1}, CallableRegistry)) == {"result": 3}
    with pytest.raises(ToolNotOptedIn, match=r"Function 'sub' not found in registry. Available: \['add'\]"):
        execute_callable("sub", {})


def test_d4_a_function_that_is_text_is_replaced_by_other_text() -> None:
    CallableRegistry.register_from_text("step", "def step(x: int) -> int:\n    return x + 1")
    with pytest.raises(ValueError, match="already registered"):
        CallableRegistry.register_from_text("step", "def step(x: int) -> int:\n    return x + 2")

    CallableRegistry.update_from_text("step", "def step(x: int) -> int:\n    return x + 2")

    assert CallableRegistry.execute("step", {"x": 1}) == {"result": 3}
