"""Anthropic's thinking: its blocks are signed, and must come back in a tool loop as they were."""

from typing import Any

import pytest

from minference_core.simulator.seals import opened, sealed, signature, signed
from tests.core.simulator.conftest import Asker

TOOL = {"name": "weather", "input_schema": {"type": "object"}}
BUDGET: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 3000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "tools": [TOOL],
}
ADAPTIVE: dict[str, Any] = {"thinking": {"type": "adaptive", "display": "summarized"}, "tools": [TOOL]}
Block = dict[str, Any]


def used(ask: Asker, fields: dict[str, Any], *, thought: bool) -> tuple[str, list[Block]]:
    """A question that was answered with a tool's use, after thinking or without; and the answer."""
    for n in range(60):
        question = f"Weather in city {n}?"
        blocks: list[Block] = ask.claude(question, **fields).json()["content"]
        kinds = [block["type"] for block in blocks]
        if "tool_use" in kinds and ("thinking" in kinds) == thought:
            return question, blocks
    raise AssertionError("no answer of that kind in 60")


def loop(question: str, blocks: list[Block]) -> list[dict[str, Any]]:
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "Rain"}
        for block in blocks
        if block["type"] == "tool_use"
    ]
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": blocks},
        {"role": "user", "content": results},
    ]


def test_with_a_budget_every_reply_begins_with_thinking(ask: Asker) -> None:
    for n in range(20):
        first, *_ = ask.claude(f"q{n}", **BUDGET).json()["content"]

        assert first["type"] == "thinking"
        assert first["thinking"]
        assert signed(first["thinking"], first["signature"])


def test_adaptive_thinking_thinks_when_it_likes(ask: Asker) -> None:
    kinds = {ask.claude(f"q{n}", **ADAPTIVE).json()["content"][0]["type"] for n in range(20)}

    assert "thinking" in kinds
    assert len(kinds) > 1


@pytest.mark.parametrize("fields", [BUDGET, ADAPTIVE, {"model": "claude-opus-5-5", "tools": [TOOL]}])
def test_a_tool_loop_goes_on_with_its_thinking_handed_back(ask: Asker, fields: dict[str, Any]) -> None:
    response = ask.claude(messages=loop(*used(ask, fields, thought=True)), **fields)

    assert response.status_code == 200, response.text


def test_with_a_budget_a_tool_loop_must_begin_with_the_thinking(ask: Asker) -> None:
    question, (_, *blocks) = used(ask, BUDGET, thought=True)

    response = ask.claude(messages=loop(question, blocks), **BUDGET)

    assert response.status_code == 400
    expected = "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`"
    assert expected in response.json()["error"]["message"]


@pytest.mark.parametrize("fields", [ADAPTIVE, {"model": "claude-opus-5-5", "tools": [TOOL]}])
def test_a_model_that_decides_for_itself_takes_a_loop_without_thinking(
    ask: Asker, fields: dict[str, Any]
) -> None:
    question, blocks = used(ask, fields, thought=False)

    assert ask.claude(messages=loop(question, blocks), **fields).status_code == 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signature": "bWFkZSB1cA=="}, "messages.1.content.0: Invalid `signature` in `thinking` block"),
        ({"signature": "not base64"}, "messages.1.content.0: Invalid `signature` in `thinking` block"),
        ({"thinking": "Something else"}, "messages.1.content.0: Invalid `signature` in `thinking` block"),
        ({"signature": None}, "messages.1.content.0.signature: Input should be a valid string"),
        ({"cache_control": {"type": "ephemeral"}}, "thinking.cache_control: Extra inputs are not permitted"),
        ({"type": "redacted_thinking", "data": "x"}, "Invalid `data` in `redacted_thinking` block"),
    ],
)
def test_a_thinking_block_that_was_changed_is_refused(ask: Asker, change: Block, message: str) -> None:
    question, (thought, *blocks) = used(ask, BUDGET, thought=True)

    response = ask.claude(messages=loop(question, [{**thought, **change}, *blocks]), **BUDGET)

    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def test_only_the_assistant_thinks(ask: Asker) -> None:
    block = {"type": "thinking", "thinking": "", "signature": signature("", b"n")}

    response = ask.claude(messages=[{"role": "user", "content": [block]}])

    assert response.status_code == 400
    assert "`thinking` blocks are not permitted within `user` messages" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1023}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 3000}}, "`max_tokens` must be greater than"),
        ({"thinking": {"type": "enabled"}}, "budget_tokens: Field required"),
        ({"tool_choice": {"type": "any"}}, "Thinking may not be enabled when tool_choice forces tool use."),
        ({"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported on this model"),
    ],
)
def test_thinking_that_cannot_be_is_refused(ask: Asker, fields: dict[str, Any], message: str) -> None:
    response = ask.claude(**{**BUDGET, **fields})

    assert response.status_code == 400
    assert message in response.json()["error"]["message"]


def test_a_seal_is_opened_by_whoever_knows_it_and_by_nobody_when_it_was_changed() -> None:
    seal = sealed("rs_1", "gAAAA")

    assert opened(seal, "gAAAA") == "rs_1"
    assert opened(seal[:-2] + ("A=" if seal[-2:] != "A=" else "B="), "gAAAA") is None
    assert [opened(text, "gAAAA") for text in ("", "gAAAA", "x", "gAAAAé", seal[5:])] == [None] * 5
