"""How a thread looks on the wire, seen through its own properties."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core.entities import EntityRegistry
from minference_core.providers import provider_for
from minference_core.simulator.anthropic.wire import AnthropicWire
from minference_core.simulator.openai.dialects import DIALECTS
from minference_core.simulator.openai.reading import read_ask
from minference_core.threads import CalledTool, ChatMessage, ChatThread, LLMConfig, SystemPrompt
from minference_core.tools import CallableTool, StructuredTool

ALL = ("openai", "anthropic", "vllm", "litellm", "openrouter")
MODELS = {
    "openai": "gpt-4.1-mini",
    "anthropic": "claude-haiku-5-5",
    "vllm": "Qwen/Qwen3-32B",
    "litellm": "openai/gpt-4.1-mini",
    "openrouter": "qwen/qwen3-32b",
}
TAKES_PREFILL = "claude-haiku-4-5"
PREFILL = "Here's the valid JSON object response:```json"
POSTFILL = "\n\nPlease provide your response in JSON format."
STARS = {
    "type": "object",
    "properties": {"stars": {"type": "integer"}},
    "required": ["stars"],
    "additionalProperties": False,
}
INSTRUCTION = (
    'Please follow this JSON schema for your response:: {"type": "object", "properties": {"stars": '
    '{"type": "integer"}}, "required": ["stars"], "additionalProperties": false}'
)


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as own:
        yield own


def thread(
    client: str = "openai",
    form: str = "text",
    *,
    model: str | None = None,
    config: dict[str, Any] | None = None,
    **fields: Any,
) -> ChatThread:
    settings = {"client": client, "model": model or MODELS[client], "response_format": form}
    return ChatThread(llm_config=LLMConfig(**settings, **(config or {})), **fields)


def rating() -> StructuredTool:
    return StructuredTool(name="rating", json_schema=STARS)


def weather() -> CallableTool:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return CallableTool(name="weather", docstring="The weather somewhere.", input_schema=schema)


def prompt(text: str = "SYS") -> SystemPrompt:
    return SystemPrompt(content=text)


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def assistant(text: str = "", *calls: CalledTool) -> ChatMessage:
    if not calls:
        return ChatMessage(role="assistant", content=text)
    first, *others = calls
    return ChatMessage(
        role="assistant",
        content=text,
        tool_name=first.name,
        tool_call=first.arguments,
        oai_tool_call_id=first.call_id,
        more_tool_calls=others or None,
    )


def call(call_id: str, city: str = "Rome") -> CalledTool:
    return CalledTool(call_id=call_id, name="weather", arguments={"city": city})


def result(call_id: str | None, text: str = '{"result": "sun"}', **fields: Any) -> ChatMessage:
    return ChatMessage(role="tool", content=text, oai_tool_call_id=call_id, tool_name="weather", **fields)


# ── F13: every view ───────────────────────────────────────────────────────────


def test_f13_message_objects_are_the_history_as_entities() -> None:
    history = [user("q"), assistant("a")]

    assert thread(history=history).message_objects == history


def test_f13_messages_are_in_the_form_of_the_threads_client() -> None:
    said: dict[str, Any] = {
        "history": [user("q"), assistant("a")],
        "new_message": "r",
        "system_prompt": prompt(),
    }
    spoken = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "r"},
    ]

    assert thread("openai", **said).messages == [{"role": "system", "content": "SYS"}, *spoken]
    assert thread("anthropic", **said).messages == spoken


def test_f13_oai_messages_have_the_system_message_first() -> None:
    chat = thread("anthropic", new_message="q", system_prompt=prompt())

    assert chat.oai_messages == [{"role": "system", "content": "SYS"}, {"role": "user", "content": "q"}]


def test_f13_anthropic_messages_are_system_blocks_and_messages() -> None:
    chat = thread("openai", new_message="q", system_prompt=prompt())

    assert chat.anthropic_messages == (
        [{"type": "text", "text": "SYS"}],
        [{"role": "user", "content": "q"}],
    )


def test_f13_vllm_messages_are_in_openais_format() -> None:
    chat = thread("vllm", new_message="q")

    assert chat.vllm_messages == [{"role": "user", "content": "q"}]


def test_f13_system_message() -> None:
    assert thread(system_prompt=prompt()).system_message == {"role": "system", "content": "SYS"}


def test_f13_system_message_is_a_developers_to_a_reasoner() -> None:
    chat = thread(model="o3-mini", config={"reasoner": True}, system_prompt=prompt())

    assert chat.system_message == {"role": "developer", "content": "SYS"}


def test_f13_oai_response_format() -> None:
    structured = thread(form="structured_output", forced_output=rating())

    assert thread().oai_response_format is None
    assert thread(form="json_beg").oai_response_format is None
    assert thread(form="json_object").oai_response_format == {"type": "json_object"}
    assert structured.oai_response_format == {
        "type": "json_schema",
        "json_schema": {
            "name": "rating",
            "description": "Generate a structured output based on the provided JSON schema.",
            "schema": STARS,
            "strict": True,
        },
    }


def test_f13_a_schema_that_cannot_be_strict_is_not_called_strict() -> None:
    tool = StructuredTool(json_schema={"type": "object", "properties": {"stars": {"type": "integer"}}})
    chat = thread(form="structured_output", forced_output=tool)

    assert chat.oai_response_format is not None
    assert chat.oai_response_format["json_schema"]["strict"] is False
    assert tool.strict_schema is True


@pytest.mark.parametrize(
    ("client", "model", "form", "prefill", "postfill"),
    [
        ("openai", None, "json_beg", False, True),
        ("openai", None, "json_object", False, True),
        ("openai", None, "text", False, False),
        ("openai", None, "structured_output", False, False),
        ("anthropic", None, "json_beg", False, True),
        ("anthropic", TAKES_PREFILL, "json_beg", True, False),
        ("anthropic", TAKES_PREFILL, "text", False, False),
        ("vllm", None, "json_beg", True, False),
        ("vllm", None, "json_object", False, True),
        ("litellm", None, "json_beg", True, False),
        ("openrouter", None, "json_beg", False, True),
    ],
)
def test_f13_use_prefill_and_use_postfill(
    client: str, model: str | None, form: str, prefill: bool, postfill: bool
) -> None:
    chat = thread(client, form, model=model, forced_output=rating())

    assert (chat.use_prefill, chat.use_postfill) == (prefill, postfill)


def test_f13_get_tools_for_llm_is_in_the_form_of_the_threads_client() -> None:
    parameters = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }

    openai = thread(form="auto_tools", tools=[weather(), rating()]).get_tools_for_llm()
    claude = thread("anthropic", "tool", forced_output=weather()).get_tools_for_llm()

    assert openai is not None
    assert [tool["function"]["name"] for tool in openai] == ["weather", "rating"]
    assert openai[0] == {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather somewhere.",
            "parameters": parameters,
            "strict": True,
        },
    }
    assert claude == [
        {
            "name": "weather",
            "description": "The weather somewhere.",
            "input_schema": parameters,
            "strict": True,
        }
    ]


def test_f13_a_format_without_tools_offers_none() -> None:
    assert thread(tools=[weather()]).get_tools_for_llm() is None
    assert thread(form="auto_tools").get_tools_for_llm() is None


def test_a_schema_that_only_refers_to_its_definitions_is_sent_as_that_of_an_object() -> None:
    """Both providers refuse a tool whose schema has no `type`; a recursive model's has none."""
    schema = {"$defs": {"Node": {"type": "object"}}, "$ref": "#/$defs/Node"}
    tool = CallableTool(name="walk", input_schema=schema)

    chat = thread("anthropic", "tool", forced_output=tool)

    assert chat.get_tools_for_llm() == [
        {
            "name": "walk",
            "description": "Execute walk function",
            "input_schema": {"type": "object", **schema},
        }
    ]
    assert tool.input_schema == schema


# ── L: how a prompt is shaped ─────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "model"), [("vllm", None), ("litellm", None), ("anthropic", TAKES_PREFILL)]
)
def test_l1_a_reply_is_begun_where_the_model_goes_on_from_it(client: str, model: str | None) -> None:
    chat = thread(client, "json_beg", model=model, new_message="q")

    assert chat.messages == [{"role": "user", "content": "q"}, {"role": "assistant", "content": PREFILL}]
    assert chat.history == []


def test_l1_a_prefill_ends_in_no_blank_on_anthropic() -> None:
    chat = thread("anthropic", "json_beg", model=TAKES_PREFILL, new_message="q", prefill="JSON: ")

    assert chat.messages[-1] == {"role": "assistant", "content": "JSON:"}


def test_l1_a_blank_prefill_is_none() -> None:
    chat = thread("vllm", "json_beg", new_message="q", prefill=" ")

    assert chat.messages == [{"role": "user", "content": "q" + POSTFILL}]


@pytest.mark.parametrize(
    ("client", "form"),
    [
        ("openai", "json_beg"),
        ("openrouter", "json_beg"),
        ("anthropic", "json_beg"),
        ("openai", "json_object"),
        ("vllm", "json_object"),
    ],
)
def test_l2_elsewhere_json_is_asked_for_after_the_last_question(client: str, form: str) -> None:
    chat = thread(client, form, history=[user("p"), assistant("a")], new_message="q")

    assert [message["content"] for message in chat.messages] == ["p", "a", "q" + POSTFILL]


def test_l2_the_last_question_may_have_been_followed_by_calls() -> None:
    history = [user("q"), assistant("", call("c1")), result("c1")]

    asked = thread(form="json_object", history=history).messages

    assert [message["role"] for message in asked] == ["user", "assistant", "tool"]
    assert asked[0]["content"] == "q" + POSTFILL


def test_l2_no_postfill_where_the_schema_instruction_asks_for_json() -> None:
    told: dict[str, Any] = {"use_schema_instruction": True, "forced_output": rating(), "new_message": "q"}

    assert thread(form="json_object", **told).messages[-1]["content"] == "q"
    assert thread(form="json_beg", **told).messages[-1]["content"] == "q"


def test_l2_a_postfill_where_no_instruction_says_json() -> None:
    """OpenAI answers 400 to json_object if no message has the word."""
    tool = StructuredTool(instruction_string="Folge diesem Schema", json_schema=STARS)

    silent = thread(form="json_object", use_schema_instruction=True, forced_output=tool, new_message="q")
    none = thread(form="json_object", use_schema_instruction=True, new_message="q")

    assert silent.messages[-1]["content"] == "q" + POSTFILL
    assert none.messages[-1]["content"] == "q" + POSTFILL


@pytest.mark.parametrize("client", ALL)
def test_l3_the_schema_instruction_is_part_of_the_system_text_on_every_client(client: str) -> None:
    chat = thread(
        client,
        "tool",
        new_message="q",
        system_prompt=prompt(),
        forced_output=rating(),
        use_schema_instruction=True,
    )

    blocks, _ = chat.anthropic_messages

    assert chat.system_message == {"role": "system", "content": f"SYS\n{INSTRUCTION}"}
    assert blocks == [{"type": "text", "text": f"SYS\n{INSTRUCTION}"}]


def test_l3_without_a_prompt_the_instruction_stands_alone() -> None:
    chat = thread(forced_output=rating(), use_schema_instruction=True)

    assert chat.system_message == {"role": "system", "content": INSTRUCTION}


def test_l3_only_a_schema_is_an_instruction() -> None:
    assert thread(forced_output=weather(), use_schema_instruction=True).system_message is None
    assert thread(forced_output=rating()).system_message is None


@pytest.mark.parametrize("client", ALL)
def test_l4_without_history_only_the_last_question_is_sent(client: str) -> None:
    chat = thread(client, history=[user("p"), assistant("a")], new_message="q", use_history=False)

    assert chat.messages == [{"role": "user", "content": "q"}]
    assert len(chat.history) == 2


def test_l4_calls_and_results_of_this_turn_are_part_of_the_question() -> None:
    history = [user("p"), assistant("a"), user("q"), assistant("", call("c1")), result("c1")]

    chat = thread("openai", "auto_tools", history=history, tools=[weather()], use_history=False)

    assert [message["role"] for message in chat.messages] == ["user", "assistant", "tool"]
    assert chat.messages[0]["content"] == "q"


def test_l4_a_stray_result_is_no_question() -> None:
    history = [user("p"), assistant("a"), user("q"), assistant("", call("c1")), result("c1"), result("c9")]

    chat = thread("openai", "auto_tools", history=history, use_history=False)

    assert [message["role"] for message in chat.messages] == ["user", "assistant", "tool", "user"]
    assert chat.messages[0]["content"] == "q"


def test_l5_no_system_prompt_no_system_message() -> None:
    chat = thread(new_message="q")

    assert chat.system_message is None
    assert chat.oai_messages == [{"role": "user", "content": "q"}]
    assert chat.anthropic_messages == ([], [{"role": "user", "content": "q"}])


def test_l6_a_system_message_in_the_history_stays_where_it_was_said() -> None:
    history = [user("p"), ChatMessage(role="system", content="Be brief."), assistant("a")]

    chat = thread(history=history, new_message="q", system_prompt=prompt())

    assert [(m["role"], m["content"]) for m in chat.messages] == [
        ("system", "SYS"), ("user", "p"), ("system", "Be brief."), ("assistant", "a"), ("user", "q"),
    ]  # fmt: skip


def test_l6_on_anthropic_it_is_added_to_the_system_text() -> None:
    history = [
        user("p"),
        ChatMessage(role="system", content="Be brief."),
        assistant("a"),
        ChatMessage(role="system", content="Be kind."),
    ]

    chat = thread("anthropic", history=history, new_message="q", system_prompt=prompt())

    blocks, spoken = chat.anthropic_messages
    assert blocks == [{"type": "text", "text": "SYS\n\nBe brief.\n\nBe kind."}]
    assert [m["role"] for m in spoken] == ["user", "assistant", "user"]


# ── G16: calls and their results ──────────────────────────────────────────────


def test_g16_openai_calls_and_results() -> None:
    history = [
        user("q"),
        assistant("I look.", call("c1", "Rome"), call("c2", "Zürich")),
        result("c1"),
        result("c2", '{"error": "no such city"}', is_error=True),
    ]

    assert thread(history=history).messages[1:] == [
        {
            "role": "assistant",
            "content": "I look.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Rome"}'},
                },
                {
                    "id": "c2",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Zürich"}'},
                },
            ],
        },
        {"role": "tool", "content": '{"result": "sun"}', "tool_call_id": "c1"},
        {"role": "tool", "content": '{"error": "no such city"}', "tool_call_id": "c2"},
    ]


def test_g16_anthropic_calls_and_results_with_what_the_user_says_next() -> None:
    history = [
        user("q"),
        assistant("I look.", call("c1", "Rome"), call("c2", "Oslo")),
        result("c1"),
        result("c2", '{"error": "no such city"}', is_error=True),
    ]

    assert thread("anthropic", history=history, new_message="And?").messages[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Rome"}},
                {"type": "tool_use", "id": "c2", "name": "weather", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": '{"result": "sun"}',
                    "is_error": False,
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "c2",
                    "content": '{"error": "no such city"}',
                    "is_error": True,
                },
                {"type": "text", "text": "And?"},
            ],
        },
    ]


def test_g16_a_reply_that_only_calls_has_no_text() -> None:
    history = [user("q"), assistant("", call("c1")), result("c1")]

    assert thread(history=history).messages[1]["content"] is None
    blocks = thread("anthropic", history=history).messages[1]["content"]
    assert [block["type"] for block in blocks] == ["tool_use"]


def test_g16_results_come_in_the_order_of_their_calls() -> None:
    history = [
        user("q"),
        assistant("", call("c1"), call("c2")),
        result("c2", "second"),
        result("c1", "first"),
    ]

    assert [m["content"] for m in thread(history=history).messages[2:]] == ["first", "second"]


# ── every history is legal ────────────────────────────────────────────────────


def test_a_call_without_a_result_is_given_one_that_says_so() -> None:
    history = [user("q"), assistant("", call("c1"), call("c2")), result("c2")]
    lost = '{"error": "no result is on record"}'

    openai = thread(history=history, new_message="And?").messages
    claude = thread("anthropic", history=history, new_message="And?").messages

    assert [m["content"] for m in openai[2:]] == [lost, '{"result": "sun"}', "And?"]
    results = claude[2]["content"]
    assert [(block.get("content"), block.get("is_error")) for block in results] == [
        (lost, True), ('{"result": "sun"}', False), (None, None),
    ]  # fmt: skip


def test_a_result_that_nobody_asked_for_is_told_in_words() -> None:
    history = [user("q"), result("c9"), assistant("a")]

    for client in ALL:
        said = thread(client, history=history, new_message="r").messages
        assert [(m["role"], m["content"]) for m in said[:2]] == [
            ("user", "q"), ("user", 'Result of weather: {"result": "sun"}'),
        ]  # fmt: skip


@pytest.mark.parametrize("bad", ["functions.weather:0", "call|1", "c" * 41, ""])
@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_a_foreign_id_becomes_one_that_the_provider_takes(client: str, bad: str) -> None:
    history = [user("q"), assistant("", call(bad)), result(bad)]

    said = thread(client, history=history).messages
    again = thread(client, history=history).messages

    if client == "openai":
        call_id, answered = said[1]["tool_calls"][0]["id"], said[2]["tool_call_id"]
    else:
        call_id, answered = said[1]["content"][0]["id"], said[2]["content"][0]["tool_use_id"]
    assert call_id == answered
    assert call_id.startswith("call_")
    assert len(call_id) <= 40
    assert said == again


def test_other_servers_may_mean_something_by_their_ids() -> None:
    history = [user("q"), assistant("", call("functions.weather:0")), result("functions.weather:0")]

    assert thread("vllm", history=history).messages[2]["tool_call_id"] == "functions.weather:0"


@pytest.mark.parametrize("client", ALL)
def test_an_id_that_comes_twice_is_told_apart(client: str) -> None:
    """Some servers count calls from 0 in each reply; Anthropic answers "`tool_use` ids must be unique"."""
    turn = [user("q"), assistant("", call("c0")), result("c0")]

    said = str(thread(client, history=[*turn, *turn]).messages)

    assert said.count("'c0'") == 2


def test_a_name_that_a_model_made_up_is_sent_as_providers_take_it() -> None:
    odd = CalledTool(call_id="c1", name="functions.weather!", arguments={})
    history = [user("q"), assistant("", odd), result("c1")]

    assert thread(history=history).messages[1]["tool_calls"][0]["function"]["name"] == "functions_weather_"


def test_anthropic_begins_and_ends_with_the_user_and_hears_nothing_blank() -> None:
    history = [assistant("Welcome!"), user(" "), assistant(""), user("q"), assistant("a")]

    assert [(m["role"], m["content"]) for m in thread("anthropic", history=history).messages] == [
        ("user", "(The conversation begins.)"),
        ("assistant", "Welcome!"),
        ("user", "(nothing)"),
        ("user", "q"),
        ("assistant", "a"),
        ("user", "Continue."),
    ]


def test_a_question_that_still_waits_is_answered_before_the_new_one() -> None:
    """A spec's messages may end with the user, and its prompt is then the turn after that."""
    chat = thread(history=[user("q")], new_message="r")

    assert chat.messages == [{"role": "user", "content": "q"}]


IDS = st.sampled_from(["c1", "c2", "c3", "", "a.b:0", "x" * 50])
MESSAGES = st.one_of(
    st.sampled_from(["user", "assistant", "system"]).flatmap(
        lambda role: st.sampled_from(["hello", "", " "]).map(lambda text: (role, text))
    ),
    st.lists(IDS, min_size=1, max_size=3).map(lambda given_ids: ("calls", given_ids)),
    IDS.map(lambda given_id: ("tool", given_id)),
)


def said_by(kind: str, what: Any) -> ChatMessage:
    if kind == "calls":
        return assistant("", *map(call, what))
    return result(what) if kind == "tool" else ChatMessage(role=kind, content=what)


@given(
    st.lists(MESSAGES, min_size=1, max_size=8),
    st.sampled_from(ALL),
    st.sampled_from(["text", "json_beg", "auto_tools"]),
    st.booleans(),
)
def test_any_history_whatever_makes_a_legal_request(
    given_history: list[tuple[str, Any]], client: str, form: str, use_history: bool
) -> None:
    """Held against the rules that the simulator has from the providers."""
    with EntityRegistry().active():
        history = [said_by(kind, what) for kind, what in given_history]
        chat = thread(client, form, history=history, tools=[weather()], use_history=use_history)
        wire = provider_for(client).encode(chat)

    if client == "anthropic":
        AnthropicWire().read(wire.body, wire.headers)
    else:
        read_ask(wire.body, DIALECTS[client])
