"""
Every client and format: the body that is sent, whether the provider takes it, and what its answer becomes.

A request's parts that depend only on the thread are in test_views.py; G1 to G16 are named in the ids here.
"""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import product
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from minference_core.entities import EntityRegistry
from minference_core.providers import Unsupported, WireRequest, capabilities, endpoint, provider_of, reader
from minference_core.simulator import SimulatorSettings, simulator_in_thread
from minference_core.threads import (
    CalledTool,
    ChatMessage,
    ChatThread,
    LLMConfig,
    Reply,
    ResponseFormat,
    SystemPrompt,
    check_call,
    judge,
)
from minference_core.tools import CallableTool, StructuredTool

Body = dict[str, Any]

OPENAI_LIKE = ("openai", "vllm", "litellm", "openrouter")
CLIENTS = ("openai", "anthropic", "vllm", "litellm", "openrouter")
FORMATS = tuple(form.value for form in ResponseFormat)
MODELS = {
    "openai": "gpt-4.1-mini",
    "anthropic": "claude-haiku-5-5",
    "vllm": "Qwen/Qwen3-32B",
    "litellm": "openai/gpt-4.1-mini",
    "openrouter": "qwen/qwen3-32b",
}
PREFILL = "Here's the valid JSON object response:```json"
POSTFILL = "\n\nPlease provide your response in JSON format."
QUESTION = "How are the tides in the Bay of Fundy?"

JOKE = {
    "type": "object",
    "properties": {"setup": {"type": "string"}, "stars": {"type": "integer"}},
    "required": ["setup", "stars"],
    "additionalProperties": False,
}
TIDES = {"type": "object", "properties": {"bay": {"type": "string"}}, "required": ["bay"]}
JOKE_WORDS = "A joke and how good it is."
TIDES_WORDS = "The tides of a bay."
INSTRUCTION = f"Please follow this JSON schema for your response:: {json.dumps(JOKE)}"


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as own:
        yield own


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """All five, on one socket."""
    with simulator_in_thread(SimulatorSettings(seed=4)) as url:
        yield url


def joke() -> StructuredTool:
    return StructuredTool(name="joke", description=JOKE_WORDS, json_schema=JOKE)


def tides() -> CallableTool:
    return CallableTool(name="tides", docstring=TIDES_WORDS, input_schema=TIDES)


def called() -> list[ChatMessage]:
    """A turn in which two tools were called at once, and one failed."""
    other = CalledTool(call_id="call_2", name="tides", arguments={"bay": "?"})
    return [
        ChatMessage(role="user", content="When is high tide?"),
        ChatMessage(
            role="assistant",
            content="I look.",
            tool_name="tides",
            tool_call={"bay": "Fundy"},
            oai_tool_call_id="call_1",
            more_tool_calls=[other],
        ),
        ChatMessage(role="tool", content='{"result": "noon"}', oai_tool_call_id="call_1", tool_name="tides"),
        ChatMessage(
            role="tool",
            content='{"error": "no bay"}',
            oai_tool_call_id="call_2",
            tool_name="tides",
            is_error=True,
        ),
        ChatMessage(role="assistant", content="At noon."),
    ]


def thread(
    client: str,
    form: str,
    *,
    prompt: bool = False,
    calls: bool = False,
    instructed: bool = False,
    question: str = QUESTION,
    model: str | None = None,
    config: Body | None = None,
    **fields: Any,
) -> ChatThread:
    tools = {"auto_tools": [tides(), joke()], "workflow": [tides(), joke()]}.get(form, [])
    return ChatThread(
        **{
            "llm_config": LLMConfig(
                client=client, model=model or MODELS[client], response_format=form, **(config or {})
            ),
            "system_prompt": SystemPrompt(content="SYS") if prompt else None,
            "history": called() if calls else [],
            "new_message": question,
            "forced_output": joke(),
            "tools": tools,
            "use_schema_instruction": instructed,
            **fields,
        }
    )


def encoded(chat: ChatThread) -> Body:
    """
    What is asked for, without what cannot change the answer.

    Of the warm object; the version that it was when it was made is sent byte for byte alike.
    """
    wire = provider_of(chat).encode(chat)
    made = chat.cold_snapshot
    if made == chat:
        assert made is not None
        assert orjson.dumps(provider_of(made).encode(made).body) == orjson.dumps(wire.body)
    return wire.asked


# ── G1 to G16: what is sent ───────────────────────────────────────────────────

HISTORY_OPENAI = [
    {"role": "user", "content": "When is high tide?"},
    {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "tides", "arguments": '{"bay": "Fundy"}'},
            },
            {"id": "call_2", "type": "function", "function": {"name": "tides", "arguments": '{"bay": "?"}'}},
        ],
    },
    {"role": "tool", "content": '{"result": "noon"}', "tool_call_id": "call_1"},
    {"role": "tool", "content": '{"error": "no bay"}', "tool_call_id": "call_2"},
    {"role": "assistant", "content": "At noon."},
]
HISTORY_ANTHROPIC = [
    {"role": "user", "content": "When is high tide?"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "call_1", "name": "tides", "input": {"bay": "Fundy"}},
            {"type": "tool_use", "id": "call_2", "name": "tides", "input": {"bay": "?"}},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "call_1",
                "content": '{"result": "noon"}',
                "is_error": False,
            },
            {
                "type": "tool_result",
                "tool_use_id": "call_2",
                "content": '{"error": "no bay"}',
                "is_error": True,
            },
        ],
    },
    {"role": "assistant", "content": "At noon."},
]

OPENAI_TIDES = {
    "type": "function",
    "function": {"name": "tides", "description": TIDES_WORDS, "parameters": TIDES},
}
OPENAI_JOKE = {
    "type": "function",
    "function": {"name": "joke", "description": JOKE_WORDS, "parameters": JOKE},
}
OPENAI_EXTRA: dict[str, Body] = {
    "text": {},
    "json_beg": {},
    "json_object": {"response_format": {"type": "json_object"}},
    "structured_output": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "joke", "description": JOKE_WORDS, "schema": JOKE, "strict": True},
        }
    },
    "tool": {
        "tools": [OPENAI_JOKE],
        "tool_choice": {"type": "function", "function": {"name": "joke"}},
    },
    "auto_tools": {"tools": [OPENAI_TIDES, OPENAI_JOKE], "tool_choice": "auto"},
    "workflow": {
        "tools": [OPENAI_TIDES],
        "tool_choice": {"type": "function", "function": {"name": "tides"}},
    },
}
CLOSED = {"additionalProperties": False}


def strict(tool: Body) -> Body:
    """As OpenAI itself is told of a tool: it keeps arguments to the schema, other servers do not."""
    parameters = {**tool["function"]["parameters"], **CLOSED}
    return {**tool, "function": {**tool["function"], "parameters": parameters, "strict": True}}


def openai_extra(client: str, form: str) -> Body:
    extra = OPENAI_EXTRA[form]
    if client == "openai" and "tools" in extra:
        return {**extra, "tools": [strict(tool) for tool in extra["tools"]]}
    return extra


OPENAI_ITEM = {
    "text": "G1", "tool": "G2", "structured_output": "G3", "auto_tools": "G4", "workflow": "G5",
    "json_object": "G6", "json_beg": "G6",
}  # fmt: skip
VLLM_ITEM = {
    "text": "G7", "tool": "G8", "structured_output": "G9", "json_beg": "G10", "json_object": "G6",
    "auto_tools": "G11", "workflow": "G11",
}  # fmt: skip

PAST_TIDES = {"name": "tides", "description": TIDES_WORDS, "input_schema": TIDES}
CLAUDE_TIDES = {**PAST_TIDES, "input_schema": {**TIDES, **CLOSED}, "strict": True}
CLAUDE_JOKE = {"name": "joke", "description": JOKE_WORDS, "input_schema": JOKE, "strict": True}
CLAUDE_EXTRA: dict[str, Body] = {
    "text": {},
    "json_beg": {},
    "structured_output": {"output_config": {"format": {"type": "json_schema", "schema": JOKE}}},
    "tool": {"tools": [CLAUDE_JOKE], "tool_choice": {"type": "tool", "name": "joke"}},
    "auto_tools": {"tools": [CLAUDE_TIDES, CLAUDE_JOKE], "tool_choice": {"type": "auto"}},
    "workflow": {"tools": [CLAUDE_TIDES], "tool_choice": {"type": "tool", "name": "tides"}},
}
CLAUDE_ITEM = {
    "text": "G12", "tool": "G13", "workflow": "G13", "auto_tools": "G14", "json_beg": "G15",
    "structured_output": "section 1",
}  # fmt: skip

Variant = tuple[bool, bool, bool]  # with a system prompt, with a history of calls, with the schema in words
VARIANTS: list[Variant] = list(product((False, True), (False, True), (False, True)))


def item(client: str, form: str) -> str:
    items = {"anthropic": CLAUDE_ITEM, "vllm": VLLM_ITEM}.get(client, OPENAI_ITEM)
    return items[form]


def combinations(clients: tuple[str, ...]) -> list[Any]:
    """One case for each; what cannot be done is in a test of its own."""
    return [
        pytest.param(
            client,
            form,
            variant,
            id=" ".join(
                [item(client, form), client, form]
                + [
                    name
                    for name, on in zip(("prompt", "G16 calls", "schema in words"), variant, strict=True)
                    if on
                ]
            ),
        )
        for client, form, variant in product(clients, FORMATS, VARIANTS)
        if (client, form) != ("anthropic", "json_object")
    ]


def system_text(*, prompt: bool, instructed: bool) -> str:
    return "\n".join(["SYS"] * prompt + [INSTRUCTION] * instructed)


@pytest.mark.parametrize(("client", "form", "variant"), combinations(OPENAI_LIKE))
def test_a_chat_completions_body(client: str, form: str, variant: Variant) -> None:
    prompt, calls, instructed = variant
    begun = form == "json_beg" and client in ("vllm", "litellm")
    postfilled = form in ("json_beg", "json_object") and not begun and not instructed
    system = system_text(prompt=prompt, instructed=instructed)
    expected: Body = {
        "model": MODELS[client],
        "messages": [
            *([{"role": "system", "content": system}] if system else []),
            *(HISTORY_OPENAI if calls else []),
            {"role": "user", "content": QUESTION + POSTFILL * postfilled},
            *([{"role": "assistant", "content": PREFILL}] if begun else []),
        ],
        "max_completion_tokens" if client == "openai" else "max_tokens": 400,
        "temperature": 0.0,
        **openai_extra(client, form),
    }
    if begun and client == "vllm":
        expected |= {"add_generation_prompt": False, "continue_final_message": True}

    sent = encoded(thread(client, form, prompt=prompt, calls=calls, instructed=instructed))

    assert sent == expected


@pytest.mark.parametrize(("client", "form", "variant"), combinations(("anthropic",)))
def test_a_messages_body(client: str, form: str, variant: Variant) -> None:
    prompt, calls, instructed = variant
    postfilled = form == "json_beg" and not instructed
    system = system_text(prompt=prompt, instructed=instructed)
    expected: Body = {
        "model": MODELS[client],
        "max_tokens": 400,
        "messages": [
            *(HISTORY_ANTHROPIC if calls else []),
            {"role": "user", "content": QUESTION + POSTFILL * postfilled},
        ],
        **CLAUDE_EXTRA[form],
    }
    if system:
        expected["system"] = system
    if calls and "tools" not in expected:
        stub = {"name": "tides", "input_schema": {"type": "object"}}
        expected |= {"tools": [stub], "tool_choice": {"type": "none"}}

    sent = encoded(thread(client, form, prompt=prompt, calls=calls, instructed=instructed))

    assert sent == expected


def test_g4_auto_tools_without_tools_is_a_plain_request() -> None:
    for client in CLIENTS:
        assert encoded(thread(client, "auto_tools", tools=[])) == encoded(thread(client, "text"))


@pytest.mark.parametrize("client", CLIENTS)
def test_g5_each_step_of_a_workflow_forces_its_own_tool(client: str) -> None:
    sent = encoded(thread(client, "workflow", workflow_step=1))

    assert "joke" in json.dumps(sent["tool_choice"])
    assert len(sent["tools"]) == 1


def test_g13_a_tool_of_the_past_is_told_of_as_the_thread_knows_it() -> None:
    """Anthropic: "Requests which include `tool_use` or `tool_result` blocks must define tools"."""
    sent = encoded(thread("anthropic", "text", calls=True, tools=[tides()]))

    assert sent["tools"] == [PAST_TIDES]
    assert sent["tool_choice"] == {"type": "none"}


def test_g15_a_claude_that_takes_a_begun_reply_is_given_one() -> None:
    sent = encoded(thread("anthropic", "json_beg", model="claude-haiku-4-5"))

    assert sent["messages"] == [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": PREFILL},
    ]


# ── what cannot be asked for ──────────────────────────────────────────────────


def test_g6_json_object_is_refused_for_anthropic_when_the_config_is_made() -> None:
    with pytest.raises(ValidationError, match=r"json_object.*structured_output"):
        LLMConfig(client="anthropic", model="claude-haiku-5-5", response_format="json_object")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("form", "fields", "field"),
    [
        pytest.param("tool", {"forced_output": None}, "forced_output", id="tool without a tool"),
        pytest.param(
            "tool", {"forced_output": {"json_schema": {}}}, "forced_output", id="tool without a schema"
        ),
        pytest.param(
            "tool",
            {"forced_output": {"json_schema": {"type": "array"}}},
            "forced_output",
            id="a list cannot be arguments",
        ),
        pytest.param(
            "structured_output", {"forced_output": {"json_schema": {}}}, "forced_output", id="an empty schema"
        ),
        pytest.param("text", {"new_message": None}, "new_message", id="nothing said"),
        pytest.param("text", {"model": None}, "model", id="no model"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_field(
    client: str, form: str, fields: Body, field: str
) -> None:
    if isinstance(fields.get("forced_output"), dict):
        fields = {"forced_output": StructuredTool(**fields["forced_output"])}
    chat = thread(client, form)
    if "model" in fields:
        chat.llm_config.model = None
    else:
        chat = thread(client, form, **fields)

    with pytest.raises(Unsupported, match=f"^{field}: ") as raised:
        encoded(chat)

    assert raised.value.field == field


@pytest.mark.parametrize("client", CLIENTS)
def test_a_finished_workflow_asks_for_nothing(client: str) -> None:
    chat = thread(client, "workflow")
    chat.workflow_step = 2

    with pytest.raises(Unsupported, match=r"^workflow_step: .*reset_workflow_step"):
        encoded(chat)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(Unsupported, match=r"^tools: two tools are called tides"):
        encoded(thread("anthropic", "auto_tools", tools=[tides(), tides()]))


# ── settings that a model does not take ───────────────────────────────────────


def refused(field: str, client: str, model: str | None = None, **config: Any) -> str:
    """A config that cannot be: what is said of it names the field first."""
    with pytest.raises(ValidationError, match=rf"Value error, {field}: ") as raised:
        LLMConfig(client=client, model=model or MODELS[client], **config)
    return str(raised.value)


@pytest.mark.parametrize(
    ("client", "model"),
    [("openai", "gpt-5.4-mini"), ("openai", "o3-mini"), ("anthropic", "claude-haiku-5-5")],
)
def test_the_default_temperature_is_left_out_where_it_is_not_taken(client: str, model: str) -> None:
    assert "temperature" not in encoded(thread(client, "text", model=model))
    assert encoded(thread(client, "text"))  # and any other is refused:
    refused("temperature", client, model, temperature=0.5)


def test_top_p_comes_in_place_of_the_default_temperature_where_only_one_is_taken() -> None:
    old = encoded(thread("anthropic", "text", model="claude-3-opus", config={"top_p": 0.9}))
    new = encoded(thread("anthropic", "text", model="claude-haiku-4-5", config={"top_p": 0.9}))

    assert (old["temperature"], old["top_p"]) == (0.0, 0.9)
    assert "temperature" not in new
    refused("top_p", "anthropic", "claude-haiku-4-5", top_p=0.9, temperature=0.5)


def test_penalties_are_sent_where_they_are_taken() -> None:
    asked = {"frequency_penalty": 0.5, "presence_penalty": -0.5}

    sent = encoded(thread("vllm", "text", config=asked))

    assert (sent["frequency_penalty"], sent["presence_penalty"]) == (0.5, -0.5)
    for client, model in (("anthropic", "claude-3-opus"), ("openai", "gpt-5")):
        refused("frequency_penalty", client, model, **asked)


def test_k1_a_reasoner_is_asked_as_a_reasoning_model_whatever_its_name() -> None:
    sent = encoded(thread("openai", "text", prompt=True, model="ft:o-ours", config={"reasoner": True}))

    assert sent == {
        "model": "ft:o-ours",
        "messages": [{"role": "developer", "content": "SYS"}, {"role": "user", "content": QUESTION}],
        "max_completion_tokens": 400,
        "reasoning_effort": "medium",
    }


def test_k1_a_reasoner_may_call_tools() -> None:
    asked = {"reasoner": True, "reasoning_effort": "high"}

    sent = encoded(thread("openai", "tool", model="o3-mini", config=asked))

    assert sent["reasoning_effort"] == "high"
    assert sent["tools"] == [strict(OPENAI_JOKE)]


def test_k1_a_setting_that_a_reasoner_does_not_take_is_refused() -> None:
    refused("temperature", "openai", reasoner=True, temperature=0.5)


def test_newer_models_take_tools_with_reasoning_in_the_responses_api_alone() -> None:
    """ "Function tools with reasoning_effort are not supported", Chat Completions says from gpt-5.4 on."""
    newest = thread("openai", "tool", model="gpt-6-astra")
    on_chat = thread("openai", "tool", model="gpt-6-astra", config={"api": "chat"})
    unreasoned = thread("openai", "tool", model="gpt-6-astra", config={"reasoning_effort": "none"})

    assert provider_of(newest).encode(newest).path == "/v1/responses"
    assert encoded(on_chat)["reasoning_effort"] == "none"
    assert encoded(unreasoned)["reasoning_effort"] == "none"
    assert "reasoning_effort" not in encoded(thread("openai", "text", model="gpt-6-astra"))
    assert "reasoning_effort" not in encoded(thread("openai", "tool", model="gpt-5-mini"))
    both = thread("openai", "tool", model="gpt-6-astra", config={"reasoning_effort": "low", "api": "chat"})
    with pytest.raises(Unsupported, match=r"^reasoning_effort: .*use none.*responses"):
        encoded(both)


# ── over a socket ─────────────────────────────────────────────────────────────


def post(url: str, chat: ChatThread, wire: WireRequest) -> Any:
    client = chat.llm_config.client
    base = url if client in ("openai", "anthropic") else f"{url}/{client}"
    headers = {**wire.headers, **provider_of(chat).authorization("sk-test", wire)}
    request = urllib.request.Request(  # noqa: S310 (our own simulator)
        endpoint(base, wire.path), json.dumps(wire.body).encode(), headers
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        pytest.fail(f"{refused.code}: {refused.read().decode()}")


def ask(url: str, chat: ChatThread) -> Reply:
    answer = post(url, chat, provider_of(chat).encode(chat))
    return reader(chat.llm_config.client, answer).decode(answer)


def check_answer(chat: ChatThread, reply: Reply) -> None:
    """It is what the format asks for."""
    verdict = judge(chat, reply)
    assert verdict.error is None, (verdict, reply)
    for call in reply.tool_calls:
        assert call.call_id
        assert check_call(chat, call) is None
    if reply.tool_calls:
        assert reply.finish == "tool_calls"
    match chat.llm_config.response_format:
        case "tool" | "workflow":
            assert chat.forced_tool is not None
            assert [call.name for call in reply.tool_calls] == [chat.forced_tool.name]
            assert verdict.json_object == reply.tool_calls[0].arguments
        case "auto_tools":
            assert reply.tool_calls or reply.text
        case "structured_output":
            assert joke().problem_with(verdict.json_object) is None
        case "json_object" | "json_beg":
            assert isinstance(verdict.json_object, dict)
        case _:
            assert reply.text
            assert not reply.tool_calls


@pytest.mark.parametrize(("client", "form", "variant"), combinations(CLIENTS))
def test_the_provider_takes_the_body_and_answers_what_was_asked(
    provider: str, client: str, form: str, variant: Variant
) -> None:
    prompt, calls, instructed = variant
    chat = thread(client, form, prompt=prompt, calls=calls, instructed=instructed)

    check_answer(chat, ask(provider, chat))


@pytest.mark.parametrize("client", CLIENTS)
def test_auto_tools_ends_in_calls_or_in_words(provider: str, client: str) -> None:
    replies = [ask(provider, thread(client, "auto_tools", question=f"{QUESTION} ({n})")) for n in range(12)]

    assert any(reply.tool_calls for reply in replies)
    assert any(reply.text and not reply.tool_calls for reply in replies)


@pytest.mark.parametrize("client", CLIENTS)
def test_calls_and_results_can_be_sent_back(provider: str, client: str) -> None:
    """A loop of three steps, each with the history of those before it."""
    history = [ChatMessage(role="user", content=QUESTION)]
    for step in range(2):
        chat = thread(client, "workflow", history=history, new_message=None, workflow_step=step)
        reply = ask(provider, chat)
        check_answer(chat, reply)
        history = [*history, *answered(reply)]

    chat = thread(client, "text", history=history)

    assert [message.tool_name for message in history] == [None, "tides", "tides", "joke", "joke"]
    check_answer(chat, ask(provider, chat))


def answered(reply: Reply) -> list[ChatMessage]:
    """A reply that calls one tool, and what came of it."""
    (call,) = reply.tool_calls
    about = {"tool_name": call.name, "oai_tool_call_id": call.call_id}
    return [
        ChatMessage(role="assistant", content=reply.text, tool_call=call.arguments, **about),
        ChatMessage(role="tool", content="{}", **about),
    ]


@pytest.mark.parametrize(("one", "other"), list(product(("openai", "anthropic", "vllm"), repeat=2)))
def test_a_thread_goes_on_with_another_provider(provider: str, one: str, other: str) -> None:
    called, _ = answered(ask(provider, thread(one, "tool")))  # and its result was lost

    second = thread(other, "text", history=[ChatMessage(role="user", content=QUESTION), called])

    check_answer(second, ask(provider, second))


NAMES = {
    "openai": (
        "gpt-3.5-turbo",
        "gpt-4",
        "gpt-4-turbo",
        "gpt-4o",
        "gpt-4.1",
        "chatgpt-4o-latest",
        "o1",
        "o3-mini",
        "o4-mini",
        "gpt-5",
        "gpt-5-mini",
        "gpt-5.1",
        "gpt-5.2",
        "gpt-5.4",
        "gpt-5.5",
        "gpt-5.6-mini",
        "gpt-6-luna",
        "gpt-9",
        "ft:gpt-4.1:us:x",
    ),
    "anthropic": (
        "claude-2.1",
        "claude-3-5-sonnet-latest",
        "claude-sonnet-4-0",
        "claude-opus-4-1",
        "claude-opus-4-5",
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
        "claude-opus-4-6",
        "claude-sonnet-4-6",
        "claude-opus-4-7",
        "claude-opus-4-8",
        "claude-opus-5-5",
        "claude-next-9",
    ),
}


@pytest.mark.parametrize(("client", "model"), [(client, name) for client in NAMES for name in NAMES[client]])
def test_default_settings_are_taken_by_every_model(provider: str, client: str, model: str) -> None:
    """What `capabilities` says is what the providers do: never a 400."""
    for form in ("text", "json_beg", "tool", "auto_tools"):
        chat = thread(client, form, model=model)
        reply = ask(provider, chat)
        if form != "tool" or capabilities(client, model).forced_calls:  # others may talk instead
            check_answer(chat, reply)

    with contextlib.suppress(ValidationError):  # that have none
        structured = thread(client, "structured_output", model=model)
        check_answer(structured, ask(provider, structured))
