"""
Every client, format and setting: the simulator takes the body, or we say which field cannot be and why.

What the bodies are is in test_wire_formats.py and its neighbours.
"""

import base64
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from minference_core.entities import EntityRegistry
from minference_core.providers import Unsupported, WireRequest, provider_of
from minference_core.requests.tokens import estimate_prompt_tokens, max_output_tokens
from minference_core.simulator.anthropic.wire import AnthropicWire
from minference_core.simulator.openai.dialects import DIALECTS
from minference_core.simulator.openai.reading import read_ask
from minference_core.simulator.openai.responses.wire import ResponsesWire
from minference_core.threads import ChatMessage, ChatThread, LLMConfig, ResponseFormat, SystemPrompt
from minference_core.tools import CallableTool, StructuredTool

MODELS = {
    "openai": ("gpt-4.1-mini", "gpt-5.4-mini", "gpt-6-astra", "o3-mini", "gpt-5.5-pro"),
    "anthropic": (
        "claude-haiku-5-5",
        "claude-opus-4-7",
        "claude-sonnet-4-6",
        "claude-haiku-4-5",
        "claude-3-opus",
    ),
    "vllm": ("Qwen/Qwen3-32B",),
    "litellm": ("openai/gpt-4.1-mini",),
    "openrouter": ("qwen/qwen3-32b",),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "as they are": {},
    "low effort": {"reasoning_effort": "low", "max_tokens": 2000},
    "no effort": {"reasoning_effort": "none"},
    "a budget": {"reasoning_max_tokens": 1024, "max_tokens": 2000},
    "responses": {"api": "responses"},
    "chat": {"api": "chat"},
    "no cache": {"use_cache": False},
    "old version": {"api_version": "2023-06-01"},
    "new version": {"api_version": "2026-10-21"},
    "hot": {"temperature": 0.5},
    "stop": {"stop": ["x"]},
    "seed": {"seed": 1},
    "penalty": {"frequency_penalty": 0.5},
    "terse": {"verbosity": "low"},
    "tier": {"service_tier": "auto"},
    "cache key": {"prompt_cache_key": "k"},
    "regex": {"structured_outputs": {"regex": "a+"}},
    "template": {"chat_template_kwargs": {"enable_thinking": False}},
    "routing": {"provider_routing": {"order": ["a"]}},
}
RATING = {
    "type": "object",
    "properties": {"stars": {"type": "integer", "minimum": 1}, "why": {"$ref": "#/$defs/Why"}},
    "required": ["stars"],
    "$defs": {"Why": {"type": "object", "properties": {"words": {"type": "string"}}}},
}
TIDES = {"type": "object", "properties": {"bay": {"type": "string"}}, "required": ["bay"]}
# Whatever the settings.
UNSERVED = {
    "anthropic": {(model, "json_object") for model in MODELS["anthropic"]}
    | {("claude-3-opus", "structured_output")}
}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90_000)).decode()


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    with EntityRegistry().active() as own:
        yield own


def history() -> list[ChatMessage]:
    about = {"tool_name": "tides", "oai_tool_call_id": "call_1"}
    return [
        ChatMessage(role="user", content="And here?", images=["https://i.test/a.png", {"data": PNG}]),
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="assistant", content="I look.", tool_call={"bay": "Fundy"}, **about),
        ChatMessage(role="tool", content='{"result": "noon"}', **about),
        ChatMessage(role="assistant", content="At noon."),
    ]


def thread(config: LLMConfig, *, full: bool) -> ChatThread:
    """With everything that a thread can have, or with nothing that it need not."""
    form = config.response_format
    rating = StructuredTool(name="rating", json_schema=RATING)
    tools = [CallableTool(name="tides", input_schema=TIDES), rating]
    return ChatThread(
        llm_config=config,
        new_message="Why?",
        new_images=[{"data": PNG, "detail": "low"}] if full else None,
        system_prompt=SystemPrompt(content="SYS") if full else None,
        history=history() if full else [],
        forced_output=rating if full or form in ("tool", "structured_output") else None,
        tools=tools if form in ("auto_tools", "workflow") else [],
        use_schema_instruction=full,
    )


def check(client: str, wire: WireRequest) -> None:
    """By the rules that the simulator has from the providers."""
    match wire.path:
        case "/v1/messages":
            AnthropicWire().read(wire.body, wire.headers)
        case "/v1/responses":
            ResponsesWire(DIALECTS[client]).read(wire.body, wire.headers)
        case _:
            read_ask(wire.body, DIALECTS[client])


@pytest.mark.parametrize("named", SETTINGS)
@pytest.mark.parametrize("client", MODELS)
def test_a_body_is_taken_or_refused_with_the_field_and_the_remedy(client: str, named: str) -> None:
    settings, taken = SETTINGS[named], set[tuple[str, ResponseFormat]]()
    for model, form, full in product(MODELS[client], ResponseFormat, (False, True)):
        said = {"client": client, "model": model, "response_format": form, **settings}
        try:
            chat = thread(LLMConfig(**said), full=full)
            wire = provider_of(chat).encode(chat)
        except (Unsupported, ValidationError) as exc:
            field = exc.field if isinstance(exc, Unsupported) else str(exc).partition("Value error, ")[2]
            assert field.partition(":")[0] in (*settings, "response_format", "forced_output"), said
            continue
        taken.add((model, form))
        check(client, wire)
        assert max_output_tokens(wire.body) == (chat.llm_config.max_tokens)
        assert estimate_prompt_tokens(wire.body) < 7000  # where an image's data is not counted as words
    if not settings:
        refused = {(model, str(form)) for model, form in product(MODELS[client], ResponseFormat)} - taken
        assert refused == UNSERVED.get(client, set())


@pytest.mark.parametrize("client", MODELS)
def test_what_cannot_change_the_answer_is_not_asked(client: str) -> None:
    """So that a request keeps its key, and an answer that is there already is not paid for again."""
    beside = {
        "openai": {"service_tier": "auto", "prompt_cache_key": "k"},
        "anthropic": {"service_tier": "auto"},
    }
    plain = thread(LLMConfig(client=client, model=MODELS[client][0], use_cache=False), full=True)
    other = thread(LLMConfig(client=client, model=MODELS[client][0], **beside.get(client, {})), full=True)

    first, second = provider_of(plain).encode(plain), provider_of(other).encode(other)

    assert first.asked == second.asked
    assert (first.body == second.body) == (client not in beside)
