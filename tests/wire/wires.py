"""The seven ways in which requests go out, and the type that the provider itself says its requests have."""

from dataclasses import dataclass
from typing import Any, get_type_hints

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming as MessagesRequest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatRequest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming as ResponsesRequest

from minference_core.providers import WireRequest
from tests.wire.servers import IN_MESSAGES, IN_MESSAGES_API, IN_REQUESTS
from tests.wire.shapes import problems

__all__ = ["WIRES", "Body", "Wire", "request_problems", "taken_out"]

Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wire:
    """
    One client under one of its APIs.

    Attributes:
        path: Where its requests go.
        model: Of the requests that are pinned.
        config: What chooses the API.
        variants: Other configs whose requests are held to the types, too.
        settings: Everything that can be set there in one request, or in several where one excludes another.
    """

    name: str
    client: str
    path: str
    model: str
    config: Body
    variants: tuple[Body, ...]
    settings: tuple[Body, ...]

    @property
    def dialect(self) -> str:
        """What our adapter calls the format."""
        named = {"/v1/responses": "responses", "/v1/messages": "messages"}
        return named.get(self.path, f"chat/{self.client}")


def request_problems(client: str, made: WireRequest) -> list[str]:
    """What is wrong with a body under the types of the API that it is sent to."""
    if made.path == "/v1/messages":
        return _of_messages(made.body, made.headers["anthropic-version"])
    if made.path == "/v1/responses":
        return problems(made.body, ResponsesRequest)
    return _of_chat(client, made.body)


def _of_chat(client: str, body: Body) -> list[str]:
    own = taken_out(body, IN_REQUESTS[client])
    said = {name: value for name, value in body.items() if name not in own}
    said["messages"] = [dict(message) for message in body["messages"]]
    found = problems(own, IN_REQUESTS[client])
    for place, message in enumerate(said["messages"]):
        beside = taken_out(message, IN_MESSAGES[client]) if message["role"] == "assistant" else {}
        found += problems(beside, IN_MESSAGES[client], at=f"messages[{place}]")
        for name in beside:
            del message[name]
    return found + problems(said, ChatRequest)


def _of_messages(body: Body, version: str) -> list[str]:
    """The SDK's type of a tool's schema has a way out for any object; the API has none."""
    own = taken_out(body, IN_MESSAGES_API[version])
    said = {name: value for name, value in body.items() if name not in own}
    not_of_objects = [
        f"tools[{place}].input_schema: its type is not 'object'"
        for place, tool in enumerate(body.get("tools", ()))
        if tool["input_schema"].get("type") != "object"
    ]
    return [*problems(own, IN_MESSAGES_API[version]), *problems(said, MessagesRequest), *not_of_objects]


def taken_out(values: Body, server: type) -> Body:
    return {name: values[name] for name in get_type_hints(server) if name in values}


_SAMPLING = {"temperature": 0.5, "top_p": 0.9}
_OPENAI_SAMPLING = {
    **_SAMPLING,
    "seed": 7,
    "frequency_penalty": 0.5,
    "presence_penalty": -0.5,
    "stop": ["END"],
}
_OPEN_SERVER = {**_OPENAI_SAMPLING, "reasoning_effort": "high"}

WIRES = {
    wire.name: wire
    for wire in (
        Wire(
            name="openai",
            client="openai",
            path="/v1/chat/completions",
            model="gpt-4.1-mini",
            config={"api": "chat"},
            variants=(
                {"model": "o3-mini", "reasoner": True},
                {"model": "gpt-5.2", "reasoning_effort": "low", "verbosity": "low"},
                {"model": "gpt-5.6-sol", "reasoning_effort": "none"},
            ),
            settings=(
                {**_OPENAI_SAMPLING, "service_tier": "flex", "prompt_cache_key": "k"},
                {
                    "model": "gpt-5.6-sol",
                    "reasoning_effort": "xhigh",
                    "verbosity": "high",
                    "temperature": None,
                },
                {"extra_body": {"metadata": {"run": "7"}, "safety_identifier": "u"}},
            ),
        ),
        Wire(
            name="openai-responses",
            client="openai",
            path="/v1/responses",
            model="gpt-5.6-sol",
            config={"api": "responses"},
            variants=(
                {"model": "gpt-4.1-mini", "temperature": 0.3},
                {"model": "gpt-5-pro", "reasoning_effort": "high"},
                {"reasoning_effort": "none"},
            ),
            settings=(
                {
                    "reasoning_effort": "max",
                    "verbosity": "low",
                    "service_tier": "ultrafast",
                    "prompt_cache_key": "k",
                },
                {"model": "gpt-4.1-mini", **_SAMPLING},
                {"extra_body": {"reasoning": {"summary": "auto"}, "metadata": {"run": "7"}}},
            ),
        ),
        Wire(
            name="anthropic",
            client="anthropic",
            path="/v1/messages",
            model="claude-haiku-5-5",
            config={},
            variants=(
                {"model": "claude-opus-5-5"},
                {"model": "claude-sonnet-4-6", "reasoning_effort": "high", "temperature": None},
                {"reasoning_effort": "none"},
                {"use_cache": False},
            ),
            settings=(
                {"reasoning_effort": "max", "stop": ["END"], "service_tier": "standard_only"},
                {"extra_body": {"metadata": {"user_id": "u"}, "output_config": {"effort": "low"}}},
                {"extra_body": {"cache_control": {"type": "ephemeral", "ttl": "1h"}}},
            ),
        ),
        Wire(
            name="anthropic-2023-06-01",
            client="anthropic",
            path="/v1/messages",
            model="claude-haiku-4-5",
            config={"api_version": "2023-06-01"},
            variants=(
                {"model": "claude-3-5-sonnet-latest"},
                {
                    "model": "claude-sonnet-4-5",
                    "reasoning_max_tokens": 1024,
                    "max_tokens": 4000,
                    "temperature": None,
                },
                {"use_cache": False},
            ),
            settings=(
                {"temperature": 0.5, "stop": ["END"], "service_tier": "auto"},
                {"temperature": None, "top_p": 0.9, "extra_body": {"top_k": 40}},
                {"reasoning_max_tokens": 1024, "max_tokens": 4000, "temperature": None},
            ),
        ),
        Wire(
            name="vllm",
            client="vllm",
            path="/v1/chat/completions",
            model="Qwen/Qwen3-32B",
            config={},
            variants=({"chat_template_kwargs": {"enable_thinking": False}}, {"reasoning_effort": "low"}),
            settings=(
                {**_OPEN_SERVER, "chat_template_kwargs": {"enable_thinking": False}},
                {"structured_outputs": {"choice": ["ebb", "flood"]}},
                {"structured_outputs": {"regex": "[0-9]+ m"}},
                {"structured_outputs": {"grammar": 'root ::= "ebb" | "flood"'}},
                {"structured_outputs": {"json": {"type": "object"}}},
            ),
        ),
        Wire(
            name="litellm",
            client="litellm",
            path="/v1/chat/completions",
            model="openai/gpt-4.1-mini",
            config={},
            variants=({"reasoning_effort": "low"},),
            settings=(_OPEN_SERVER,),
        ),
        Wire(
            name="openrouter",
            client="openrouter",
            path="/v1/chat/completions",
            model="qwen/qwen3-32b",
            config={},
            variants=({"reasoning_effort": "low"}, {"reasoning_max_tokens": 500, "max_tokens": 2000}),
            settings=(
                {**_OPEN_SERVER, "provider_routing": {"order": ["deepinfra"], "allow_fallbacks": False}},
                {"reasoning_max_tokens": 500, "max_tokens": 2000},
                {"reasoning_effort": "low", "extra_body": {"reasoning": {"exclude": True}}},
            ),
        ),
    )
}
