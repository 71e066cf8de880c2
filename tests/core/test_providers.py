"""What goes onto the wire and what is read back from it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core import ids
from minference_core.errors import ErrorClass, Undecodable
from minference_core.providers import Unsupported, classify, endpoint, provider_for, retry_after_s
from minference_core.threads import ChatMessage, ChatThread, LLMConfig, SystemPrompt
from minference_core.tools import StructuredTool
from tests.conftest import INSTANT

BORN: dict[str, Any] = {"lineage_id": ids.lineage_id(INSTANT, "t"), "created_at": INSTANT}
CLOSED = {
    "type": "object",
    "title": "Rating",
    "properties": {"stars": {"type": "integer"}},
    "required": ["stars"],
    "additionalProperties": False,
}


def thread(client: str, model: str, *, schema: dict[str, Any] | None = None, **config: Any) -> ChatThread:
    settings = {"temperature": None, **config}
    if schema is not None:
        settings["response_format"] = "structured_output"
    return ChatThread(
        **BORN,
        llm_config=LLMConfig.model_validate({**BORN, "client": client, "model": model, **settings}),
        system_prompt=SystemPrompt(**BORN, content="SYS"),
        history=(
            ChatMessage(**BORN, role="user", content="q"),
            ChatMessage(**BORN, role="assistant", content="a"),
            ChatMessage(**BORN, role="user", content="r"),
        ),
        forced_output=None if schema is None else StructuredTool(**BORN, name="rating", json_schema=schema),
    )


def body(made: ChatThread) -> dict[str, Any]:
    return provider_for(made.llm_config.client).encode(made).body


MESSAGES = [
    {"role": "system", "content": "SYS"},
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "r"},
]


@pytest.mark.parametrize(
    ("client", "model", "limit"),
    [
        ("openai", "gpt-5.4-mini", "max_completion_tokens"),
        ("vllm", "Qwen/Qwen3-32B", "max_tokens"),
        ("litellm", "openai/gpt-5.4-mini", "max_tokens"),
        ("openrouter", "deepseek/deepseek-r1", "max_tokens"),
    ],
)
def test_a_plain_chat_request_says_no_more_than_it_was_asked_to(client: str, model: str, limit: str) -> None:
    assert body(thread(client, model)) == {"model": model, "messages": MESSAGES, limit: 400}


def test_an_anthropic_request_has_its_system_prompt_on_top_and_the_newest_version() -> None:
    wire = provider_for("anthropic").encode(thread("anthropic", "claude-haiku-5-5"))

    assert wire.body == {
        "model": "claude-haiku-5-5",
        "max_tokens": 400,
        "system": "SYS",
        "messages": MESSAGES[1:],
    }
    assert wire.headers == {"anthropic-version": "2026-10-21"}
    assert provider_for("anthropic").authorization("k", wire) == {"authorization": "Bearer k"}


def test_a_temperature_takes_an_anthropic_request_to_the_version_that_knows_it() -> None:
    wire = provider_for("anthropic").encode(thread("anthropic", "claude-haiku-4-5", temperature=0.5))

    assert wire.body["temperature"] == 0.5
    assert wire.headers == {"anthropic-version": "2023-06-01"}
    assert provider_for("anthropic").authorization("k", wire) == {"x-api-key": "k"}


@pytest.mark.parametrize(
    ("client", "model", "config", "field"),
    [
        ("openai", "gpt-5.4-mini", {"temperature": 0.5}, "temperature"),
        ("openai", "o3-mini", {"stop": ["x"]}, "stop"),
        ("openai", "a-model-of-next-year", {"top_p": 0.5}, "top_p"),
        ("openai", "gpt-4.1-mini", {"reasoning_effort": "low"}, "reasoning_effort"),
        ("anthropic", "claude-haiku-5-5", {"temperature": 0.0}, "temperature"),
        ("anthropic", "claude-haiku-4-5", {"seed": 7}, "seed"),
        ("anthropic", "claude-haiku-4-5", {"temperature": 1.5}, "temperature"),
        ("anthropic", "claude-3-5-sonnet-latest", {"schema": CLOSED}, "response_format"),
        ("vllm", "Qwen/Qwen3-32B", {"response_format": "workflow"}, "response_format"),
    ],
)
def test_what_a_model_does_not_take_is_refused_with_the_fields_name(
    client: str, model: str, config: dict[str, Any], field: str
) -> None:
    with pytest.raises(Unsupported, match=f"^{field}: ") as raised:
        body(thread(client, model, **config))

    assert raised.value.field == field


def test_a_schema_is_sent_where_each_provider_wants_it() -> None:
    openai = body(thread("openai", "gpt-5.4-mini", schema=CLOSED))
    anthropic = body(thread("anthropic", "claude-haiku-5-5", schema=CLOSED))

    assert openai["response_format"]["type"] == "json_schema"
    assert openai["response_format"]["json_schema"]["schema"] == CLOSED
    assert openai["response_format"]["json_schema"]["strict"] is True
    assert anthropic["output_config"] == {"format": {"type": "json_schema", "schema": CLOSED}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {**CLOSED, "required": []},
        {**CLOSED, "properties": {"stars": {"type": "object", "properties": {}}}},
        {**CLOSED, "properties": {"stars": {"type": "array", "items": {"type": "object"}}}},
    ],
)
def test_a_schema_that_openai_refuses_as_strict_is_not_sent_as_strict(schema: dict[str, Any]) -> None:
    sent = body(thread("openai", "gpt-5.4-mini", schema=schema))

    assert sent["response_format"]["json_schema"]["strict"] is False


def test_extra_body_and_effort_reach_the_wire() -> None:
    vllm = body(
        thread("vllm", "Qwen/Qwen3-32B", extra_body={"top_k": 20}, temperature=0.5, seed=1, stop=["x"])
    )
    router = body(thread("openrouter", "qwen/qwen3-32b", reasoning_effort="low"))
    openai = body(thread("openai", "gpt-5.4", reasoning_effort="low"))

    assert (vllm["top_k"], vllm["temperature"], vllm["seed"], vllm["stop"]) == (20, 0.5, 1, ["x"])
    assert router["reasoning"] == {"effort": "low"}
    assert openai["reasoning_effort"] == "low"


def test_reasoning_and_refusals_are_kept_apart_from_what_was_said() -> None:
    answer = {"id": "x", "model": "m-2", "choices": [{"finish_reason": "stop", "message": {}}]}
    answer["choices"][0]["message"] = {"content": "4", "reasoning": "2+2"}  # type: ignore[index]
    reply = provider_for("openrouter").decode(answer)
    declined = provider_for("openai").decode(
        {"choices": [{"finish_reason": "stop", "message": {"content": None, "refusal": "I can't."}}]}
    )

    assert (reply.text, reply.reasoning, reply.finish) == ("4", "2+2", "stop")
    assert (declined.text, declined.finish) == ("I can't.", "refusal")


def test_anthropic_blocks_are_joined_and_cached_input_is_counted_as_read() -> None:
    reply = provider_for("anthropic").decode(
        {
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b"},
            ],
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 5,
                "output_tokens": 7,
                "cache_read_input_tokens": 11,
                "cache_creation_input_tokens": 13,
            },
        }
    )

    assert (reply.text, reply.reasoning, reply.finish) == ("ab", "hm", "stop")
    assert (reply.usage.prompt_tokens, reply.usage.cached_tokens, reply.usage.total_tokens) == (29, 11, 36)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "usage", "error", "type", "text", "stop_reason", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(JSON, st.sampled_from(["openai", "anthropic", "vllm", "litellm", "openrouter"]))
def test_no_body_that_is_json_raises_anything_but_undecodable(value: object, client: str) -> None:
    with contextlib.suppress(Undecodable):
        provider_for(client).decode(value)


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (429, {"error": {"code": "rate_limit_exceeded", "message": "slow"}}, ErrorClass.RATE_LIMIT),
        (429, {"error": {"code": "insufficient_quota", "message": "pay"}}, ErrorClass.QUOTA),
        (402, {"error": {"code": 402, "message": "no credit"}}, ErrorClass.QUOTA),
        (401, {"error": {"type": "authentication_error", "message": "key"}}, ErrorClass.AUTH),
        (400, {"error": {"code": "context_length_exceeded", "message": "long"}}, ErrorClass.CONTEXT_LENGTH),
        (
            400,
            {"error": {"type": "invalid_request_error", "message": "prompt is too long: 3 > 2"}},
            ErrorClass.CONTEXT_LENGTH,
        ),
        (400, {"object": "error", "message": "bad", "type": "BadRequestError"}, ErrorClass.BAD_REQUEST),
        (404, {"error": {"type": "not_found_error", "message": "model"}}, ErrorClass.NOT_FOUND),
        (400, {"error": {"message": "Your credit balance is too low to access"}}, ErrorClass.QUOTA),
        (
            403,
            {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["x"]}}},
            ErrorClass.CONTENT_FILTER,
        ),
        (403, {"error": {"type": "permission_error", "message": "not this model"}}, ErrorClass.NOT_FOUND),
        (301, "", ErrorClass.NOT_FOUND),
        (409, "", ErrorClass.SERVER),
        (422, "who knows", ErrorClass.BAD_REQUEST),
        (529, {"error": {"type": "overloaded_error", "message": "busy"}}, ErrorClass.OVERLOADED),
        (503, "", ErrorClass.OVERLOADED),
        (500, "<html>", ErrorClass.SERVER),
        (502, "[]", ErrorClass.SERVER),
    ],
)
def test_a_refusal_is_classed_by_status_and_code(status: int, answer: object, expected: ErrorClass) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)

    found, message = classify(status, text)

    assert found == expected
    assert message


def test_a_word_in_a_message_decides_nothing() -> None:
    assert classify(500, '{"error": {"message": "Rate limit reached"}}')[0] == ErrorClass.SERVER


@given(st.integers(300, 599), st.text())
def test_any_refusal_has_a_class_and_words(status: int, answer: str) -> None:
    _, message = classify(status, answer)

    assert message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "60", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Mon, 16 Nov 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 16 Nov 2020 00:00:30 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_the_providers_advice_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=INSTANT) == seconds


@pytest.mark.parametrize("base", ["https://h.test", "https://h.test/v1", "https://h.test/v1/", "https://h.test/v1/chat/completions"])  # fmt: skip  # noqa: E501
def test_a_base_url_may_hold_any_part_of_the_endpoint(base: str) -> None:
    assert endpoint(base, "/v1/chat/completions") == "https://h.test/v1/chat/completions"


def test_a_base_url_keeps_its_own_path_and_query() -> None:
    assert endpoint("https://h.test/d/chat/completions?v=1", "/chat/completions") == (
        "https://h.test/d/chat/completions?v=1"
    )
    assert endpoint("https://openrouter.ai/api/v1", "/v1/chat/completions") == (
        "https://openrouter.ai/api/v1/chat/completions"
    )
    assert endpoint("http://h.test/anthropic", "/v1/messages") == "http://h.test/anthropic/v1/messages"


def test_half_a_surrogate_pair_and_absurd_counts_do_not_get_past_the_adapter() -> None:
    reply = provider_for("openai").decode(
        {
            "choices": [{"message": {"content": "a\ud800b"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10**30, "completion_tokens": -1},
        }
    )

    assert reply.text == "a?b"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (None, None)
    assert classify(500, '{"error": {"message": "\\ud800"}}')[1].encode()
