"""The types are read strictly: a wrong key, type or word is found wherever it is, and nothing else is."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from anthropic.types import Message
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming

from tests.wire.answers import ANSWERS
from tests.wire.cases import Case, request
from tests.wire.shapes import problems
from tests.wire.wires import WIRES, Body

REQUESTS = {
    "openai": CompletionCreateParamsNonStreaming,
    "openai-responses": ResponseCreateParamsNonStreaming,
    "anthropic": MessageCreateParamsNonStreaming,
}


def body(wire: str) -> Body:
    """One with everything that is changed below."""
    config = {} if wire != "openai-responses" else {"reasoning_effort": "low"}
    case = Case(form="auto_tools", config=config, prompt=True, history="calls", images=True)
    body: Body = json.loads(json.dumps(request(WIRES[wire], case).body))  # nothing in it twice
    return body


def put(*path: str | int, value: Any) -> Callable[[Body], None]:
    def change(given: Any) -> None:
        for step in path[:-1]:
            given = given[step]
        given[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[Body], None]:
    def change(given: Any) -> None:
        for step in path[:-1]:
            given = given[step]
        del given[path[-1]]

    return change


@pytest.mark.parametrize("wire", REQUESTS)
def test_a_body_that_is_right_has_no_problems(wire: str) -> None:
    assert problems(body(wire), REQUESTS[wire]) == []


@pytest.mark.parametrize(
    ("wire", "change", "where"),
    [
        # a key that nobody knows, at the top and further down
        ("openai", put("reasoning", value={}), "reasoning: "),
        ("openai", put("messages", 0, "reasoning", value="x"), "messages[0].reasoning: "),
        ("openai", put("messages", 2, "tool_calls", 1, "function", "strict", value=True), "strict: "),
        ("openai", put("tools", 0, "function", "input_schema", value={}), "tools[0].function.input_schema: "),
        ("openai-responses", put("messages", value=[]), "messages: "),
        ("openai-responses", put("input", 3, "function", value={}), "input[3].function: "),
        ("openai-responses", put("tools", 0, "function", value={}), "tools[0].function: "),
        ("openai-responses", put("reasoning", "max_tokens", value=5), "reasoning.max_tokens: "),
        ("anthropic", put("temperature", value=0.0), "temperature: "),
        ("anthropic", put("tools", 0, "parameters", value={}), "tools[0].parameters: "),
        ("anthropic", put("system", 0, "cache_control", "age", value=1), "system[0].cache_control.age: "),
        ("anthropic", put("messages", 2, "content", 0, "name", value="x"), "messages[2].content[0].name: "),
        # a wrong type, also where one is nearly right
        ("openai", put("temperature", value="0"), "temperature: "),
        ("openai", put("max_completion_tokens", value=1.5), "max_completion_tokens: "),
        ("openai", put("max_completion_tokens", value=True), "max_completion_tokens: "),
        ("openai", put("messages", value={}), "messages: "),
        ("openai", put("messages", 2, "tool_calls", 0, "function", "arguments", value={}), "arguments: "),
        ("openai", put("stop", value=[1]), "stop[0]: "),
        ("openai-responses", put("input", 4, "arguments", value={}), "input[4].arguments: "),
        ("openai-responses", put("include", value="reasoning.encrypted_content"), "include: "),
        ("openai-responses", put("instructions", value=["x"]), "instructions: "),
        (
            "anthropic",
            put("messages", 1, "content", 1, "input", value="{}"),
            "content[1].input: ",
        ),
        ("anthropic", put("max_tokens", value="400"), "max_tokens: "),
        ("anthropic", put("stop_sequences", value="END"), "stop_sequences: "),
        # a word that is none of those there are
        ("openai", put("reasoning_effort", value="huge"), "reasoning_effort: "),
        ("openai", put("messages", 0, "role", value="robot"), "messages[0]: "),
        ("openai", put("messages", 6, "content", 0, "type", value="input_image"), "messages[6].content[0]: "),
        ("openai", put("tool_choice", value="maybe"), "tool_choice: "),
        ("openai-responses", put("include", 0, value="everything"), "include[0]: "),
        ("openai-responses", put("input", 2, "type", value="tool_call"), "input[2]: "),
        ("openai-responses", put("reasoning", "effort", value="huge"), "reasoning.effort: "),
        ("anthropic", put("tool_choice", "type", value="function"), "tool_choice: "),
        ("anthropic", put("system", 0, "cache_control", "ttl", value="2h"), "system[0].cache_control.ttl: "),
        ("anthropic", put("output_config", value={"effort": "none"}), "output_config.effort: "),
        (
            "anthropic",
            put("messages", 1, "content", 0, "type", value="output_text"),
            "messages[1].content[0]: ",
        ),
        # a key that has to be there
        ("openai", drop("model"), "it: "),
        ("openai", drop("messages", 3, "tool_call_id"), "messages[3]: "),
        ("openai-responses", drop("input", 2, "call_id"), "input[2]: "),
        ("openai-responses", drop("tools", 0, "strict"), "tools[0]: "),
        ("anthropic", drop("max_tokens"), "it: "),
        ("anthropic", drop("messages", 2, "content", 0, "tool_use_id"), "messages[2].content[0]: "),
    ],
)
def test_what_is_wrong_is_found_where_it_is(wire: str, change: Callable[[Body], None], where: str) -> None:
    wrong = body(wire)
    change(wrong)

    (problem,) = problems(wrong, REQUESTS[wire])

    assert where in problem


def test_what_an_sdk_reads_is_no_way_to_write() -> None:
    """Anthropic's type of a message also takes the SDK's own models, which are no JSON."""
    wrong = body("anthropic")
    wrong["messages"][1]["content"][0] = {"type": "container_upload", "file_id": "f", "more": None}

    assert problems(wrong, MessageCreateParamsNonStreaming)


@pytest.mark.parametrize("model", [ChatCompletion, Response, Message])
def test_an_answer_is_read_as_strictly(model: Any) -> None:
    answer = next(one.made for one in ANSWERS.values() if isinstance(one.made, model))
    right = answer.model_dump(mode="json", by_alias=True, exclude_unset=True)
    lacking = {name: value for name, value in right.items() if name != "usage"} | {"id": 5, "more": 1}

    assert problems(right, model) == []
    found = problems(lacking, model)
    assert {problem.partition(":")[0] for problem in found} >= {"id", "more"}


def test_any_name_may_be_a_models() -> None:
    """`Union[str, Literal[…]]` of the models' names takes any name, and still nothing but a text."""
    given = body("openai")

    assert problems({**given, "model": "a-model-of-tomorrow"}, CompletionCreateParamsNonStreaming) == []
    assert problems({**given, "model": 4}, CompletionCreateParamsNonStreaming)
