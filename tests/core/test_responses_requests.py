"""OpenAI's Responses API: when a thread is asked in it, and how it looks there."""

from collections.abc import Iterator
from typing import Any

import pytest

from minference_core.entities import EntityRegistry
from minference_core.providers import Unsupported, WireRequest, endpoint, provider_of, reader
from minference_core.simulator.openai.dialects import DIALECTS
from minference_core.simulator.openai.responses.wire import ResponsesWire
from minference_core.threads import (
    CarriedReasoning,
    ChatMessage,
    ChatThread,
    LLMConfig,
    SystemPrompt,
)
from minference_core.tools import CallableTool, StructuredTool

TIDES = {"type": "object", "properties": {"bay": {"type": "string"}}, "required": ["bay"]}
CLOSED = {**TIDES, "additionalProperties": False}
OPTIONAL = {"type": "object", "properties": {"bay": {"type": "string"}}}


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as own:
        yield own


def thread(form: str = "text", *, config: dict[str, Any] | None = None, **fields: Any) -> ChatThread:
    settings = {"client": "openai", "model": "gpt-5.4", "response_format": form, **(config or {})}
    return ChatThread(**{"llm_config": LLMConfig(**settings), "new_message": "q", **fields})


def encoded(form: str = "text", *, config: dict[str, Any] | None = None, **fields: Any) -> WireRequest:
    chat = thread(form, config={"api": "responses", **(config or {})}, **fields)
    wire = provider_of(chat).encode(chat)
    assert wire.path == "/v1/responses"
    return wire


def tides(schema: dict[str, Any] = TIDES) -> CallableTool:
    return CallableTool(name="tides", docstring="The tides.", input_schema=schema)


def rating() -> StructuredTool:
    return StructuredTool(name="rating", description="A rating.", json_schema=TIDES)


# ── when ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("form", "config", "dialect"),
    [
        ("text", {}, "chat/openai"),
        ("text", {"api": "responses"}, "responses"),
        ("text", {"model": "gpt-5.5-pro"}, "responses"),
        ("text", {"model": "gpt-5.1-codex"}, "responses"),
        ("tool", {}, "responses"),
        ("auto_tools", {}, "responses"),
        ("auto_tools", {"reasoning_effort": "low"}, "responses"),
        ("auto_tools", {"reasoning_effort": "none"}, "chat/openai"),
        ("auto_tools", {"api": "chat"}, "chat/openai"),
        ("auto_tools", {"model": "gpt-5.2", "reasoning_effort": "low"}, "chat/openai"),
        ("auto_tools", {"model": "gpt-4.1"}, "chat/openai"),
        ("auto_tools", {"client": "litellm"}, "chat/litellm"),
    ],
)
def test_it_is_asked_where_the_model_and_its_tools_need_it(
    form: str, config: dict[str, Any], dialect: str
) -> None:
    chat = thread(form, config=config, tools=[tides()], forced_output=rating())

    assert provider_of(chat).dialect == dialect


def test_a_conversation_that_began_there_goes_on_there() -> None:
    begun, elsewhere = thread(history=history()), thread(history=history(model="gpt-6-sol"))

    assert provider_of(begun).dialect == "responses"
    assert provider_of(elsewhere).dialect == "chat/openai"


def test_an_answer_is_read_by_its_shape() -> None:
    assert reader("openai", {"object": "response", "output": []}).dialect == "responses"
    assert reader("openai", {"choices": []}).dialect == "chat/openai"
    assert reader("openai", None).dialect == "chat/openai"
    assert reader("vllm", {"output": []}).dialect == "responses"
    assert reader("anthropic", {"output": []}).dialect == "messages"


def test_a_base_url_that_names_the_other_endpoint_will_do() -> None:
    for base in ("https://h.test", "https://h.test/v1", "https://h.test/v1/chat/completions", "https://h.test/v1/responses"):  # fmt: skip  # noqa: E501
        assert endpoint(base, "/v1/responses") == "https://h.test/v1/responses"
        assert endpoint(base, "/v1/chat/completions") == "https://h.test/v1/chat/completions"


# ── how ───────────────────────────────────────────────────────────────────────


def test_a_plain_request() -> None:
    wire = encoded(system_prompt=SystemPrompt(content="SYS"))

    assert wire.body == wire.asked
    assert wire.body == {
        "model": "gpt-5.4",
        "input": [{"role": "user", "content": "q"}],
        "instructions": "SYS",
        "max_output_tokens": 400,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }


def test_settings_have_their_own_names_there() -> None:
    config = {"reasoning_effort": "low", "verbosity": "low", "service_tier": "flex", "prompt_cache_key": "k"}
    wire = encoded(
        config={**config, "extra_body": {"reasoning": {"summary": "auto"}, "metadata": {"a": "b"}}}
    )
    unreasoned = encoded(config={"reasoning_effort": "none", "temperature": 0.5}).body

    assert wire.body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert wire.body["text"] == {"verbosity": "low"}
    assert (wire.body["service_tier"], wire.body["prompt_cache_key"]) == ("flex", "k")
    assert wire.body["metadata"] == {"a": "b"}
    assert not {"service_tier", "prompt_cache_key"} & wire.asked.keys()
    assert (unreasoned["reasoning"], unreasoned["temperature"]) == ({"effort": "none"}, 0.5)
    assert "include" not in unreasoned


def test_formats() -> None:
    schema = encoded("structured_output", forced_output=rating()).body["text"]["format"]
    mode = encoded("json_object").body
    begun = encoded("json_beg").body

    assert schema == {
        "type": "json_schema",
        "name": "rating",
        "description": "A rating.",
        "schema": CLOSED,
        "strict": True,
    }
    assert mode["text"] == {"format": {"type": "json_object"}}
    assert "text" not in begun
    for body in (mode, begun):
        assert body["input"][-1]["content"].endswith("in JSON format.")


def test_the_input_says_json_even_where_the_instructions_do() -> None:
    """ "Response input messages must contain the word 'json'", it says; instructions are none."""
    body = encoded("json_object", forced_output=rating(), use_schema_instruction=True).body

    assert "JSON" in body["instructions"]
    assert "JSON" in body["input"][-1]["content"]


def test_tools_say_whether_they_are_strict() -> None:
    body = encoded("auto_tools", tools=[tides(), StructuredTool(name="open", json_schema=OPTIONAL)]).body
    forced = encoded("tool", forced_output=tides()).body

    assert body["tools"][0] == {
        "type": "function",
        "name": "tides",
        "description": "The tides.",
        "parameters": CLOSED,
        "strict": True,
    }
    assert (body["tools"][1]["parameters"], body["tools"][1]["strict"]) == (OPTIONAL, False)
    assert body["tool_choice"] == "auto"
    assert forced["tool_choice"] == {"type": "function", "name": "tides"}


def test_images_are_parts_before_the_words() -> None:
    images = ["https://i.test/a.png", {"url": "data:image/png;base64,aGk=", "detail": "low"}]

    assert encoded(new_images=images).body["input"][0]["content"] == [
        {"type": "input_image", "image_url": "https://i.test/a.png", "detail": "auto"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "low"},
        {"type": "input_text", "text": "q"},
    ]


@pytest.mark.parametrize("setting", [{"seed": 1}, {"stop": ["x"]}, {"frequency_penalty": 0.5}])
def test_what_it_does_not_have_is_refused_when_it_is_asked(setting: dict[str, Any]) -> None:
    """Only with the conversation can it be known that it is."""
    known = {"stop": True, "penalties": True}
    chat = thread("tool", config={**setting, "capabilities": known}, forced_output=tides())

    with pytest.raises(Unsupported, match=rf"^{next(iter(setting))}: .*api: chat"):
        provider_of(chat).encode(chat)


# ── reasoning that goes back ──────────────────────────────────────────────────

ITEMS: list[dict[str, Any]] = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA", "status": None},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "tides", "arguments": "{}"},
    {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "tides", "arguments": "{}"},
]


def history(**carried: Any) -> list[ChatMessage]:
    whose = {"wire": "responses", "model": "gpt-5.4", "parts": ITEMS, **carried}
    about = {"tool_name": "tides", "oai_tool_call_id": "call_1"}
    other = {"call_id": "call_2", "name": "tides", "arguments": {}}
    reply = ChatMessage(
        role="assistant",
        content="",
        tool_call={},
        more_tool_calls=[other],
        carried=CarriedReasoning(**whose),
        **about,
    )
    return [
        ChatMessage(role="user", content="q"),
        reply,
        ChatMessage(role="tool", content="noon", **about),
        ChatMessage(role="tool", content="six", tool_name="tides", oai_tool_call_id="call_2"),
    ]


def outputs() -> list[dict[str, Any]]:
    return [
        {"type": "function_call_output", "call_id": "call_1", "output": "noon"},
        {"type": "function_call_output", "call_id": "call_2", "output": "six"},
    ]


def test_items_go_back_as_they_came_without_their_nulls() -> None:
    body = encoded("auto_tools", tools=[tides()], history=history(), new_message=None).body

    reasoning = {name: value for name, value in ITEMS[0].items() if value is not None}
    assert body["input"] == [{"role": "user", "content": "q"}, reasoning, *ITEMS[1:], *outputs()]


@pytest.mark.parametrize(
    "other",
    [
        {"wire": "messages"},
        {"model": "gpt-6-sol"},
        {"parts": [{**ITEMS[0], "encrypted_content": None}, *ITEMS[1:]]},
    ],
)
def test_reasoning_that_cannot_be_read_again_is_left_out(other: dict[str, Any]) -> None:
    body = encoded("auto_tools", tools=[tides()], history=history(**other), new_message=None).body

    calls = [{name: item[name] for name in item if name != "id"} for item in ITEMS[1:]]
    assert body["input"] == [{"role": "user", "content": "q"}, *calls, *outputs()]


def test_openrouters_reasoning_goes_back_with_the_calls_it_led_to() -> None:
    details = [{"type": "reasoning.text", "text": "hm", "format": "unknown", "index": 0}]
    config = {"client": "openrouter", "model": "a/b"}
    carried = {"wire": "chat/openrouter", "model": "a/b", "parts": details}

    chat = thread("auto_tools", config=config, tools=[tides()], history=history(**carried), new_message=None)
    other = thread("auto_tools", config=config, tools=[tides()], history=history(), new_message=None)

    reply = chat.messages[1]
    assert reply["reasoning_details"] == details
    assert [call["id"] for call in reply["tool_calls"]] == ["call_1", "call_2"]
    assert "reasoning_details" not in other.messages[1]


@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-4.1"])
def test_a_conversation_twice_in_a_history_is_still_taken(model: str) -> None:
    """Ids may come only once: the second time, what was said is written out anew."""
    config = {"model": model, "api": "responses"}
    twice = [*history(parts=[]), *history()]
    wire = encoded("auto_tools", config=config, tools=[tides()], history=twice, new_message=None)

    asked = ResponsesWire(DIALECTS["openai"]).read(wire.body, wire.headers)

    assert asked.model == model
