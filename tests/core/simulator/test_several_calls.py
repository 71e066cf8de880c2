"""One reply may call several tools: with every API, when it is free to, and so that loops still end."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from tests.core.simulator.conftest import Asker

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
NAMES = ("weather", "tides")
CHAT_TOOLS = [{"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in NAMES]
RESPONSES_TOOLS = [{"type": "function", "name": name, "parameters": SCHEMA} for name in NAMES]
CLAUDE_TOOLS = [{"name": name, "input_schema": SCHEMA} for name in NAMES]
Call = tuple[str, str, Any]  # its id, the tool's name and what it is called with
Calling = Callable[..., list[Call]]


def of_chat(ask: Asker, question: str, *, free: bool = True, **fields: Any) -> list[Call]:
    limit = {} if free else {"parallel_tool_calls": False}
    body = ask.chat(question, **{"tools": CHAT_TOOLS, "tool_choice": "required", **limit, **fields}).json()
    calls = body["choices"][0]["message"].get("tool_calls", [])
    return [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in calls]


def of_responses(ask: Asker, question: str, *, free: bool = True, **fields: Any) -> list[Call]:
    limit = {} if free else {"parallel_tool_calls": False}
    given = {"tools": RESPONSES_TOOLS, "tool_choice": "required", **limit, **fields}
    calls = [i for i in ask.responses(question, **given).json()["output"] if i["type"] == "function_call"]
    return [(c["call_id"], c["name"], json.loads(c["arguments"])) for c in calls]


def of_claude(ask: Asker, question: str, *, free: bool = True, **fields: Any) -> list[Call]:
    choice = {"type": "any", "disable_parallel_tool_use": not free}
    body = ask.claude(question, **{"tools": CLAUDE_TOOLS, "tool_choice": choice, **fields}).json()
    return [(b["id"], b["name"], b["input"]) for b in body["content"] if b["type"] == "tool_use"]


EVERY_API = pytest.mark.parametrize("calling", [of_chat, of_responses, of_claude])
FORCED: dict[str, Any] = {
    "of_chat": {"type": "function", "function": {"name": "tides"}},
    "of_responses": {"type": "function", "name": "tides"},
    "of_claude": {"type": "tool", "name": "tides"},
}


@EVERY_API
def test_about_one_reply_in_four_calls_two_or_three_times(ask: Asker, calling: Calling) -> None:
    replies = [calling(ask, f"Where to? {n}") for n in range(80)]

    several = [calls for calls in replies if len(calls) > 1]
    assert 10 <= len(several) <= 32
    assert {len(calls) for calls in replies} == {1, 2, 3}
    for calls in several:
        assert len({call_id for call_id, _, _ in calls}) == len(calls)
        for _, name, arguments in calls:
            assert name in NAMES
            jsonschema_rs.validate(SCHEMA, arguments)


@EVERY_API
def test_who_wants_one_call_or_names_the_tool_gets_one(ask: Asker, calling: Calling) -> None:
    forced = FORCED[calling.__name__]

    assert {len(calling(ask, f"q{n}", free=False)) for n in range(30)} == {1}
    assert {len(calling(ask, f"q{n}", tool_choice=forced)) for n in range(30)} == {1}


@EVERY_API
def test_it_is_the_same_calls_the_next_time(ask: Asker, calling: Calling) -> None:
    def said() -> list[list[tuple[str, Any]]]:
        return [[(name, given) for _, name, given in calling(ask, f"q{n}")] for n in range(12)]

    assert said() == said()


def test_calls_that_do_not_fit_the_limit_are_left_out(ask: Asker) -> None:
    for n in range(30):
        body = ask.chat(f"q{n}", tools=CHAT_TOOLS, tool_choice="required", max_tokens=30).json()

        assert body["usage"]["completion_tokens"] <= 30


def test_a_loop_in_which_every_call_is_answered_ends(ask: Asker) -> None:
    for n in range(10):
        messages: list[dict[str, Any]] = [{"role": "user", "content": f"Trip {n}?"}]
        for _ in range(25):
            response = ask.chat(messages=messages, tools=CHAT_TOOLS)
            assert response.status_code == 200, response.text
            message = response.json()["choices"][0]["message"]
            calls = message.get("tool_calls", [])
            messages += [
                message,
                *({"role": "tool", "tool_call_id": c["id"], "content": "ok"} for c in calls),
            ]
            if not calls:
                break

        assert messages[-1]["content"]
