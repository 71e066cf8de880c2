"""No body, however odd, makes the simulator fail: it is answered, or refused in the provider's words."""

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest

from minference_core.simulator.anthropic.wire import AnthropicWire
from minference_core.simulator.ids import Ids
from minference_core.simulator.openai.dialects import DIALECTS
from minference_core.simulator.openai.responses.ids import encrypted
from minference_core.simulator.openai.responses.wire import ResponsesWire
from minference_core.simulator.openai.wire import OpenAIWire
from minference_core.simulator.seals import signature
from minference_core.simulator.wire import Refused, Wire

LIST = {"type": "array", "items": {"$ref": "#/$defs/x"}}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": LIST},
    "required": ["a", "b"],
    "additionalProperties": False,
    "$defs": {"x": {"type": "integer"}},
}
FUNCTION = {"name": "f", "parameters": SCHEMA, "strict": True}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHAT = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "json"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "x"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
    },
    "max_tokens": 100,
    "temperature": 0.5,
    "stop": ["x"],
    "n": 1,
}
LENIENT = {
    **CHAT,
    "structured_outputs": {"json": SCHEMA},
    "reasoning": {"effort": "low", "max_tokens": 9},
    "chat_template_kwargs": {"enable_thinking": False},
    "usage": {"include": True},
}
IMAGE = "data:image/png;base64,aGk="
RESPONSES = {
    "model": "gpt-5.6-sol",
    "input": [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "json"}, {"type": "input_image", "image_url": IMAGE}],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted("rs_1")},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "fc_1"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "x"}]},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "y"}],
        },
    ],
    "instructions": "s",
    "tools": [{"type": "function", **FUNCTION}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {
        "format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True},
        "verbosity": "low",
    },
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "metadata": {"a": "b"},
    "max_output_tokens": 100,
    "temperature": 1,
    "store": False,
}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "r"}]}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": signature("hm", b"nonce")}
MESSAGES = {
    "model": "claude-sonnet-4-6",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "s"}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi " * 3000, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
            ],
        },
        {
            "role": "assistant",
            "content": [THOUGHT, {"type": "tool_use", "id": "c1", "name": "f", "input": {}}],
        },
        {"role": "user", "content": [RESULT]},
    ],
    "tools": [{"name": "f", "input_schema": SCHEMA, "strict": True}],
    "tool_choice": {"type": "auto"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["a"],
}
MISSING = object()
JUNK: list[Any] = [
    MISSING,
    None,
    0,
    1.5,
    "",
    "x",
    [],
    {},
    [1],
    {"type": "x"},
    True,
    ["a"],
    [None],
    [[]],
    [{}],
    2**63,
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of a body."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def with_junk(body: dict[str, Any], path: tuple[Any, ...], junk: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    if junk is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = junk
    return changed


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        pytest.param(OpenAIWire(DIALECTS["openai"]), CHAT, id="openai"),
        pytest.param(OpenAIWire(DIALECTS["vllm"]), LENIENT, id="vllm"),
        pytest.param(ResponsesWire(DIALECTS["openai"]), RESPONSES, id="responses"),
        pytest.param(AnthropicWire(), MESSAGES, id="anthropic"),
    ],
)
def test_every_part_of_a_body_may_be_anything(wire: Wire, body: dict[str, Any]) -> None:
    answered = 0
    for path in places(body):
        for junk in JUNK:
            try:
                ask = wire.read(with_junk(body, path, junk), {"anthropic-version": "2023-06-01"})
            except Refused:
                continue
            assert orjson.dumps(wire.answer(ask, Random(1), Ids(b"x"), refuse=False).body)
            answered += 1
    assert answered > 10


@pytest.mark.parametrize("body", [None, 1, "x", [], {}])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    for wire in (OpenAIWire(DIALECTS["openai"]), ResponsesWire(DIALECTS["openai"]), AnthropicWire()):
        with pytest.raises(Refused):
            wire.read(body, {"anthropic-version": "2026-10-21"})
