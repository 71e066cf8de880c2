"""What is particular to Anthropic's requests: cache marks, thinking, versions, and blocks that go back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from minference_core.entities import EntityRegistry
from minference_core.providers import Unsupported, WireRequest, provider_of
from minference_core.threads import (
    CarriedReasoning,
    ChatMessage,
    ChatThread,
    LLMConfig,
    SystemPrompt,
)
from minference_core.tools import CallableTool, StructuredTool

MARK = {"cache_control": {"type": "ephemeral"}}
TIDES = {"type": "object", "properties": {"bay": {"type": "string"}}, "required": ["bay"]}


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as own:
        yield own


def encoded(form: str = "text", *, config: dict[str, Any] | None = None, **fields: Any) -> WireRequest:
    settings = {"client": "anthropic", "model": "claude-haiku-5-5", "response_format": form, **(config or {})}
    chat = ChatThread(**{"llm_config": LLMConfig(**settings), "new_message": "q", **fields})
    return provider_of(chat).encode(chat)


def said(*texts: str) -> list[ChatMessage]:
    roles = ("user", "assistant")
    return [ChatMessage(role=roles[at % 2], content=text) for at, text in enumerate(texts)]


def tides(name: str = "tides") -> CallableTool:
    return CallableTool(name=name, input_schema=TIDES)


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


# ── J: cache marks ────────────────────────────────────────────────────────────


def test_j1_j2_the_prompt_and_two_messages_are_marked() -> None:
    body = encoded(history=said("a", "b", "c", "d"), system_prompt=SystemPrompt(content="SYS")).body

    assert body["system"] == [text("SYS", **MARK)]
    assert [message["content"] for message in body["messages"]] == [
        "a", "b", [text("c", **MARK)], "d", [text("q", **MARK)],
    ]  # fmt: skip


def test_j2_messages_are_counted_with_the_prompt() -> None:
    prompt = SystemPrompt(content="SYS")
    with_prompt = encoded(history=said("a", "b"), new_message="c", system_prompt=prompt).body
    first = encoded(new_message="a", system_prompt=prompt).body
    two = encoded(history=said("a", "b")[:1], new_message=None).body

    assert json.dumps(with_prompt["messages"]).count("cache_control") == 2
    assert json.dumps(first).count("cache_control") == 2
    assert json.dumps(two).count("cache_control") == 1


def test_j3_of_the_tools_the_first_is_marked() -> None:
    body = encoded("auto_tools", tools=[tides(), tides("other")]).body

    assert [tool.get("cache_control") for tool in body["tools"]] == [MARK["cache_control"], None]


def test_j3_nothing_is_marked_without_the_cache_or_with_marks_of_ones_own() -> None:
    settings: list[dict[str, Any]] = [
        {"use_cache": False},
        {"extra_body": {"cache_control": {"type": "ephemeral", "ttl": "1h"}}},
    ]
    for config in settings:
        wire = encoded("auto_tools", config=config, tools=[tides()])
        assert "ephemeral" not in json.dumps({**wire.body, "cache_control": None})
        assert wire.body == wire.asked


def test_j4_there_are_four_marks_at_most_and_none_is_asked() -> None:
    wire = encoded(
        "auto_tools", tools=[tides()], history=history(), system_prompt=SystemPrompt(content="SYS")
    )

    assert json.dumps(wire.body).count("cache_control") == 4
    assert "cache_control" not in json.dumps(wire.asked)
    assert wire.asked["system"] == "SYS"
    assert wire.asked["messages"][0] == {"role": "user", "content": "q"}


# ── thinking ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("model", "config", "thinking", "effort"),
    [
        ("claude-haiku-5-5", {}, None, None),
        ("claude-haiku-5-5", {"reasoning_effort": "low"}, {"type": "adaptive"}, "low"),
        ("claude-haiku-5-5", {"reasoning_effort": "none"}, {"type": "disabled"}, None),
        ("claude-opus-4-7", {"reasoning_effort": "max"}, {"type": "adaptive"}, "max"),
        ("claude-opus-4-7", {"reasoning_effort": "none"}, None, None),
        (
            "claude-sonnet-4-6",
            {"reasoning_max_tokens": 1024, "max_tokens": 2000},
            {"type": "enabled", "budget_tokens": 1024},
            None,
        ),
        (
            "claude-haiku-4-5",
            {"reasoning_max_tokens": 1024, "max_tokens": 2000},
            {"type": "enabled", "budget_tokens": 1024},
            None,
        ),
        ("claude-3-opus", {"reasoning_effort": "none"}, None, None),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(
    model: str, config: dict[str, Any], thinking: Any, effort: str | None
) -> None:
    body = encoded(config={"model": model, **config}).body

    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == effort
    if thinking not in (None, {"type": "disabled"}):
        assert "temperature" not in body


def test_a_forced_call_leaves_no_time_to_think() -> None:
    """ "Thinking may not be enabled when tool_choice forces tool use." """
    with pytest.raises(Unsupported, match=r"^reasoning_effort: .*use auto_tools, or leave it null"):
        encoded("tool", config={"reasoning_effort": "low"}, forced_output=tides())

    assert "thinking" not in encoded("tool", forced_output=tides()).body


def test_a_thinking_model_is_not_given_the_beginning_of_its_reply() -> None:
    config = {"model": "claude-haiku-4-5", "reasoning_max_tokens": 1024, "max_tokens": 2000}

    thinking = encoded("json_beg", config=config).asked
    plain = encoded("json_beg", config={"model": "claude-haiku-4-5"}).asked

    assert [message["role"] for message in thinking["messages"]] == ["user"]
    assert [message["role"] for message in plain["messages"]] == ["user", "assistant"]


# ── versions and schemas ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("config", "version"),
    [
        ({}, "2026-10-21"),
        ({"api_version": "2023-06-01"}, "2023-06-01"),
        ({"model": "claude-haiku-4-5"}, "2023-06-01"),
        ({"model": "claude-haiku-4-5", "temperature": None}, "2026-10-21"),
        ({"model": "claude-haiku-4-5", "api_version": "2026-10-21"}, "2026-10-21"),
        ({"extra_body": {"top_k": 3}}, "2023-06-01"),
    ],
)
def test_the_version_is_the_newest_that_takes_the_settings(config: dict[str, Any], version: str) -> None:
    wire = encoded(config=config)

    assert wire.headers == {"anthropic-version": version}
    assert version == "2023-06-01" or "temperature" not in wire.body


def test_a_setting_that_the_version_does_not_take_is_found_in_what_is_added() -> None:
    with pytest.raises(Unsupported, match=r"^extra_body: .*2023-06-01"):
        encoded(config={"api_version": "2026-10-21", "extra_body": {"top_k": 3}})


def test_a_schema_that_anthropic_does_not_take_is_refused_with_the_remedy() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    tool = StructuredTool(json_schema={"$ref": "#/$defs/Node", "$defs": {"Node": node}})

    with pytest.raises(Unsupported, match=r"^forced_output: .*use response_format tool"):
        encoded("structured_output", forced_output=tool)

    (sent,) = encoded("tool", forced_output=tool).asked["tools"]
    assert "strict" not in sent
    assert sent["input_schema"] == {"type": "object", **tool.json_schema}


# ── blocks that go back ───────────────────────────────────────────────────────

BLOCKS: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "ZGF0YQ=="},
    {"type": "text", "text": "I look.", "citations": None},
    {"type": "tool_use", "id": "toolu_" + "x" * 60, "name": "tides", "input": {"bay": "Fundy"}},
]


def history(*, answered: bool = True, **carried: Any) -> list[ChatMessage]:
    about = {"tool_name": "tides", "oai_tool_call_id": BLOCKS[3]["id"]}
    whose = {"wire": "messages", "model": "claude-haiku-5-5", "parts": BLOCKS, **carried}
    reply = ChatMessage(
        role="assistant",
        content="I look.",
        tool_call={"bay": "Fundy"},
        carried=CarriedReasoning(**whose),
        **about,
    )
    result = ChatMessage(role="tool", content="noon", **about)
    return [ChatMessage(role="user", content="q"), reply, *([result] if answered else [])]


def test_thinking_goes_back_as_it_came_with_its_calls() -> None:
    asked = encoded("auto_tools", tools=[tides()], history=history(), new_message=None).asked

    _, reply, results = asked["messages"]
    assert reply["content"] == [*BLOCKS[:2], text("I look."), BLOCKS[3]]
    assert results["content"][0]["tool_use_id"] == BLOCKS[3]["id"]


@pytest.mark.parametrize(
    "other",
    [
        {"wire": "responses"},
        {"model": "claude-opus-5-5"},
        {"parts": [*BLOCKS[:3], {**BLOCKS[3], "id": "another"}]},
        {"answered": False},
    ],
)
def test_thinking_that_means_nothing_here_is_left_out(other: dict[str, Any]) -> None:
    asked = encoded("auto_tools", tools=[tides()], history=history(**other), new_message="And?").asked

    blocks = asked["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["text", "tool_use"]
    assert blocks[1]["id"] == asked["messages"][2]["content"][0]["tool_use_id"]


def test_no_thinking_with_a_budget_in_the_middle_of_a_turn_that_began_without() -> None:
    config = {"model": "claude-haiku-4-5", "reasoning_max_tokens": 1024, "max_tokens": 2000}
    elsewhere = {"tools": [tides()], "history": history(), "new_message": None}

    here = {**elsewhere, "history": history(model="claude-haiku-4-5")}

    assert "thinking" not in encoded("auto_tools", config=config, **elsewhere).body
    assert "thinking" in encoded("auto_tools", config=config, **here).body


def test_images_come_before_the_words() -> None:
    asked = encoded(new_images=["https://i.test/a.png", "data:image/png;base64,aGk="]).asked

    assert asked["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "url", "url": "https://i.test/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        text("q"),
    ]


# ── from Opus 5.5 on ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-5-5", "claude-of-next-year"])
def test_a_model_that_cannot_be_forced_is_offered_the_one_tool(model: str) -> None:
    """Forced tool use "returns an error" there; a reply without the call is told to the model."""
    body = encoded("workflow", config={"model": model}, tools=[tides("first"), tides("second")]).body

    assert [tool["name"] for tool in body["tools"]] == ["first"]
    assert body["tool_choice"] == {"type": "auto"}


@pytest.mark.parametrize(
    ("model", "thinking"),
    [("claude-haiku-5-5", {"type": "disabled"}), ("claude-sonnet-5-5", {"type": "between_tools"})],
)
def test_not_to_think_is_said_as_the_model_takes_it(model: str, thinking: dict[str, str]) -> None:
    body = encoded(config={"model": model, "reasoning_effort": "none"}).body

    assert body["thinking"] == thinking
    assert "output_config" not in body


def test_a_model_that_always_thinks_cannot_be_told_not_to() -> None:
    with pytest.raises(
        ValueError, match="reasoning_effort: claude-opus-5-5 on anthropic does not take none: use"
    ):
        encoded(config={"model": "claude-opus-5-5", "reasoning_effort": "none"})
