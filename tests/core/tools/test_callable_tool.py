"""Items E1 to E7 and P8 of seed-behaviour.md: functions a model may call, as entities."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from minference_core.entities import EntityRegistry
from minference_core.errors import ToolError, ToolFailed, ToolNotOptedIn
from minference_core.tools import CallableRegistry, CallableTool

MULTIPLY = '''
def multiply(x: float, y: float) -> float:
    """Multiply two numbers together."""
    return x * y
'''


def joke(topic: str, length: int = 1) -> str:
    """Tell a joke."""
    return f"{topic} {length}"


JOKE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "jokeInput",
    "properties": {
        "topic": {"type": "string", "title": "Topic"},
        "length": {"type": "integer", "title": "Length", "default": 1},
    },
    "required": ["topic"],
    "additionalProperties": False,
}


def test_e1_a_tool_needs_a_name_and_the_rest_has_defaults() -> None:
    tool = CallableTool(name="unknown")

    assert (tool.docstring, tool.input_schema, tool.output_schema) == (None, {}, {})
    assert (tool.strict_schema, tool.callable_text, tool.fingerprint) == (True, None, None)


@pytest.mark.parametrize("name", ["", "two words", "a" * 65, "ünïcode", "a.b", "<lambda>"])
def test_e1_a_name_no_provider_takes_is_refused(name: str) -> None:
    makes: list[Callable[[], object]] = [
        lambda: CallableTool(name=name),
        lambda: CallableTool.from_callable(joke, name=name),
        lambda: CallableTool.from_source(MULTIPLY, name=name),
    ]
    for make in makes:
        with pytest.raises(ValueError, match="cannot be a tool's name: providers take 1 to 64 letters"):
            make()
    assert CallableRegistry.get_registry_status()["total_functions"] == 0


def test_e1_schemas_are_those_of_the_registered_function() -> None:
    CallableRegistry.register("joke", joke)

    tool = CallableTool(name="joke")

    assert tool.input_schema == JOKE_SCHEMA
    assert tool.output_schema["properties"]["result"]["type"] == "string"
    assert tool.execute({"topic": "cats"}) == {"result": "cats 1"}


def test_e1_given_schemas_stay_if_they_describe_the_same() -> None:
    CallableRegistry.register("joke", joke)
    topic = {"type": "string", "description": "What about"}
    mine: dict[str, Any] = {**JOKE_SCHEMA, "properties": {**JOKE_SCHEMA["properties"], "topic": topic}}

    assert CallableTool(name="joke", input_schema=mine).input_schema == mine
    with pytest.raises(ValidationError, match="Missing property 'topic'"):
        CallableTool(name="joke", input_schema={"type": "object", "properties": {"length": {}}})


def test_e1_a_tool_of_an_unknown_name_runs_nothing_even_when_the_name_is_taken_later() -> None:
    tool = CallableTool(name="joke")
    with pytest.raises(ToolNotOptedIn, match="Function 'joke' not found in registry"):
        tool.execute({"topic": "cats"})

    CallableRegistry.register("joke", joke)

    with pytest.raises(ToolNotOptedIn, match="another version"):
        tool.execute({"topic": "cats"})
    tool.docstring = "edited"
    assert tool.fingerprint is None


def test_e2_from_callable() -> None:
    tool = CallableTool.from_callable(joke)
    named = CallableTool.from_callable(joke, name="other", docstring="Mine.", strict_schema=False)

    assert (tool.name, tool.docstring, tool.strict_schema) == ("joke", "Tell a joke.", True)
    assert tool.callable_text is not None
    assert tool.callable_text.startswith("def joke(topic: str")
    assert (named.name, named.docstring, named.strict_schema) == ("other", "Mine.", False)
    assert tool.execute({"topic": "cats"}) == named.execute({"topic": "cats"}) == {"result": "cats 1"}
    assert CallableRegistry.get("joke") is CallableRegistry.get("other") is joke
    assert CallableTool.get(tool.id) == tool


def test_e2_an_async_function_and_a_model() -> None:
    class Question(BaseModel):
        topic: str

    class Answer(BaseModel):
        text: str

    async def ask(question: Question) -> Answer:
        return Answer(text=question.topic * 2)

    tool = CallableTool.from_callable(ask)

    assert tool.input_schema == Question.model_json_schema()
    assert asyncio.run(tool.aexecute({"topic": "a"})) == tool.execute({"topic": "a"}) == {"text": "aa"}


def test_e3_from_source() -> None:
    tool = CallableTool.from_source(MULTIPLY, name="multiply")
    renamed = CallableTool.from_source(MULTIPLY, name="times", docstring="Times.", strict_schema=False)

    assert (tool.docstring, tool.callable_text) == ("Multiply two numbers together.", MULTIPLY)
    assert tool.input_schema["required"] == ["x", "y"]
    assert (renamed.docstring, renamed.strict_schema) == ("Times.", False)
    assert tool.execute({"x": 3, "y": "4"}) == renamed.execute({"x": 3, "y": 4}) == {"result": 12.0}


def test_e3_the_name_is_that_of_the_only_function() -> None:
    indented = "\n".join("    " + line for line in MULTIPLY.splitlines())

    assert CallableTool.from_source(indented).name == "multiply"
    with pytest.raises(ToolError, match=r"defines several \(a, b\): name one"):
        CallableTool.from_source("def a() -> int: return 1\ndef b() -> int: return 2")
    assert CallableTool.from_source("def a() -> int: return b()\ndef b() -> int: return 2", name="a").execute(
        {}
    ) == {"result": 2}
    with pytest.raises(ToolError, match="a lambda has no name"):
        CallableTool.from_source("lambda x: x")


def test_e3_the_same_text_again_is_harmless_and_another_is_refused() -> None:
    first = CallableTool.from_source(MULTIPLY)

    assert CallableTool.from_source(MULTIPLY).fingerprint == first.fingerprint
    with pytest.raises(ToolError, match="'multiply' already registered"):
        CallableTool.from_source(MULTIPLY.replace("x * y", "x + y"))
    assert first.execute({"x": 3, "y": 4}) == {"result": 12.0}


def test_e4_from_registry() -> None:
    CallableRegistry.register("joke", joke)
    CallableRegistry.register_from_text("multiply", MULTIPLY)

    assert CallableTool.from_registry("joke").docstring == "Tell a joke."
    assert CallableTool.from_registry("multiply").callable_text == MULTIPLY
    with pytest.raises(ValueError, match="No function found in registry for 'nope'"):
        CallableTool.from_registry("nope")


@pytest.mark.parametrize("source", [False, True], ids=["of this process", "text"])
def test_e5_errors_say_what_was_executed_and_how(source: bool) -> None:
    def f(x: int) -> int:
        raise RuntimeError("boom")

    text = "def f(x: int) -> int:\n    raise RuntimeError('boom')"
    tool = CallableTool.from_source(text) if source else CallableTool.from_callable(f)

    with pytest.raises(ToolFailed) as now:
        tool.execute({"x": 1})
    with pytest.raises(ToolFailed) as later:
        asyncio.run(tool.aexecute({"x": 1}))
    with pytest.raises(ValueError, match=r"^Error executing f asynchronously: .*'x' is missing"):
        asyncio.run(tool.aexecute({}))

    assert str(now.value) == "Error executing f: boom"
    assert str(later.value) == "Error executing f asynchronously: boom"
    assert "Async execution failed for f" in CallableRegistry.get_logs()


def test_e6_the_openai_form() -> None:
    tool = CallableTool.from_callable(joke)
    bare = CallableTool(name="bare", input_schema={"type": "object"})

    assert tool.get_openai_tool() == {
        "type": "function",
        "function": {"name": "joke", "description": "Tell a joke.", "parameters": JOKE_SCHEMA},
    }
    assert (bare.get_openai_tool() or {})["function"]["description"] == "Execute bare function"
    assert CallableTool(name="none").get_openai_tool() is None


def test_e7_the_anthropic_form() -> None:
    tool = CallableTool.from_callable(joke)
    plain = {"name": "joke", "description": "Tell a joke.", "input_schema": JOKE_SCHEMA}

    assert tool.get_anthropic_tool() == {**plain, "cache_control": {"type": "ephemeral"}}
    assert tool.get_anthropic_tool(use_cache=False) == plain
    assert CallableTool(name="none").get_anthropic_tool() is None


# ── a stored tool runs nothing ────────────────────────────────────────────────


def stored(tool: CallableTool) -> CallableTool:
    """The same tool, read in a process that knows nothing of its function."""
    CallableRegistry.clear()
    return CallableTool.cold(**tool.model_dump())


def other(topic: str) -> str:
    return "another function"


def test_a_stored_tool_runs_nothing_until_its_own_version_is_registered() -> None:
    made = CallableTool.from_callable(joke)
    tool = stored(made)

    assert (tool.is_cold, tool.id) == (True, made.id)
    attempts: list[Callable[[], object]] = [
        lambda: tool.execute({}),
        lambda: asyncio.run(tool.aexecute({})),
    ]
    for attempt in attempts:
        with pytest.raises(ToolNotOptedIn, match=r"not told to run it\. Register .*CallableTool.from_source"):
            attempt()

    CallableRegistry.register("joke", other)
    with pytest.raises(ToolNotOptedIn, match="another version than the tool's, which must not run"):
        tool.execute({"topic": "cats"})

    CallableRegistry.update("joke", joke)
    assert tool.execute({"topic": "cats"}) == {"result": "cats 1"}


def test_a_stored_text_runs_when_that_text_is_opted_in() -> None:
    tool = stored(CallableTool.from_source(MULTIPLY))
    with pytest.raises(ToolNotOptedIn):
        tool.execute({"x": 3, "y": 4})

    assert tool.callable_text is not None
    CallableTool.from_source(tool.callable_text)

    assert tool.execute({"x": 3, "y": 4}) == {"result": 12.0}


def test_a_stored_function_can_be_opted_in_as_the_text_it_shows() -> None:
    tool = stored(CallableTool.from_callable(joke))
    assert tool.callable_text is not None

    CallableTool.from_source(tool.callable_text)

    assert tool.execute({"topic": "cats"}) == {"result": "cats 1"}
    assert CallableRegistry.get("joke") is not joke


def test_a_tool_read_from_json_runs_nothing_either() -> None:
    text = CallableTool.from_source(MULTIPLY).model_dump_json()
    CallableRegistry.clear()

    tool = CallableTool.model_validate_json(text)

    with pytest.raises(ToolNotOptedIn):
        tool.execute({"x": 3, "y": 4})


def test_a_tool_never_shows_another_text_than_it_runs() -> None:
    tool = CallableTool.from_source(MULTIPLY)

    tool.callable_text = "def multiply(x: float, y: float) -> float: return 0"

    with pytest.raises(ToolNotOptedIn, match="its callable_text is not the text of the function"):
        tool.execute({"x": 3, "y": 4})
    made = CallableTool(name="multiply", callable_text="def multiply() -> None: ...")
    with pytest.raises(ToolNotOptedIn):
        made.execute({})


# ── P8: tools from source ─────────────────────────────────────────────────────

NUMBERS = {"numbers": [1.0, 2.0, 3.0, 4.0], "round_to": 3}
STATS = """
from __future__ import annotations
import asyncio
import statistics
from typing import List
from pydantic import BaseModel

class Numbers(BaseModel):
    numbers: List[float]
    round_to: int = 2

class Stats(BaseModel):
    mean: float
    std: float

def model_to_model(data: Numbers) -> Stats:
    mean, std = statistics.mean(data.numbers), statistics.stdev(data.numbers)
    return Stats(mean=round(mean, data.round_to), std=round(std, data.round_to))

def arguments_to_model(numbers: List[float], round_to: int = 2) -> Stats:
    return model_to_model(Numbers(numbers=numbers, round_to=round_to))

def to_dict(data: Numbers) -> dict:
    return {"mean": statistics.mean(data.numbers)}

def to_tuple(data: Numbers) -> Tuple[float, int]:
    return statistics.mean(data.numbers), len(data.numbers)

async def in_time(data: Numbers) -> float:
    await asyncio.sleep(0)
    return statistics.mean(data.numbers)

def raising(data: Numbers) -> float:
    raise ValueError("Empty input")
"""


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("model_to_model", {"mean": 2.5, "std": 1.291}),
        ("arguments_to_model", {"mean": 2.5, "std": 1.291}),
        ("to_dict", {"result": {"mean": 2.5}}),
        ("to_tuple", {"result": [2.5, 4]}),
        ("in_time", {"result": 2.5}),
    ],
)
def test_p8_text_of_every_kind(name: str, result: Any) -> None:
    tool = CallableTool.from_source(STATS, name=name)

    assert tool.execute(NUMBERS) == asyncio.run(tool.aexecute(NUMBERS)) == result


def test_p8_what_the_text_raises_is_the_error() -> None:
    with pytest.raises(ValueError, match=r"^Error executing raising: Empty input$"):
        CallableTool.from_source(STATS, name="raising").execute(NUMBERS)


def test_p8_a_fork_keeps_schemas_and_function() -> None:
    tool = CallableTool.from_source(MULTIPLY)
    schemas = tool.input_schema, tool.output_schema

    tool.fork(docstring="Another.")

    assert (tool.input_schema, tool.output_schema) == schemas
    assert tool.version_no == 2
    assert tool.execute({"x": 3, "y": 4}) == {"result": 12.0}


def test_p8_a_changed_text_changes_what_happens_and_the_old_version_stays() -> None:
    tool = CallableTool.from_source(MULTIPLY)
    first = tool.id

    tool.fork(callable_text="def multiply(x: float, y: float, z: float = 1) -> float:\n    return x * y + z")

    old = EntityRegistry.get(first, CallableTool)
    assert old is not None
    assert tool.execute({"x": 3, "y": 4}) == {"result": 13.0}
    assert "z" in tool.input_schema["properties"]
    assert old.execute({"x": 3, "y": 4}) == {"result": 12.0}
    assert CallableTool.from_registry("multiply").execute({"x": 3, "y": 4}) == {"result": 13.0}


def test_p8_a_text_that_is_no_function_changes_nothing() -> None:
    tool = CallableTool.from_source(MULTIPLY)
    first = tool.id

    with pytest.raises(ToolError, match="Failed to parse function"):
        tool.fork(callable_text="def broken(")

    assert (tool.id, tool.callable_text) == (first, MULTIPLY)
    assert tool.execute({"x": 3, "y": 4}) == {"result": 12.0}


def test_p8_a_deleted_function_fails() -> None:
    tool = CallableTool.from_source(MULTIPLY)

    CallableRegistry.delete("multiply")

    with pytest.raises(ValueError, match="Error executing multiply: Function 'multiply' not found"):
        tool.execute({"x": 3, "y": 4})
