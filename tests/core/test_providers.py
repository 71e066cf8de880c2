"""What goes onto the wire and what is read back from it."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core import ids
from minference_core.errors import ErrorClass, Undecodable
from minference_core.providers import Unsupported, classify, endpoint, limits_in, provider_for, retry_after_s
from minference_core.threads import (
    ChatMessage,
    ChatThread,
    LLMConfig,
    Reply,
    SystemPrompt,
    TokenUsage,
    ToolCall,
)
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
    return provider_for(made.llm_config.client).encode(made).asked


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
    told = "developer" if client == "openai" else "system"  # OpenAI's reasoning models have no system
    messages = [{"role": told, "content": "SYS"}, *MESSAGES[1:]]

    assert body(thread(client, model)) == {"model": model, "messages": messages, limit: 400}


def test_an_anthropic_request_has_its_system_prompt_on_top_and_the_newest_version() -> None:
    wire = provider_for("anthropic").encode(thread("anthropic", "claude-haiku-5-5", use_cache=False))

    assert wire.asked is wire.body
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
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {**CLOSED, "required": []},
        {**CLOSED, "additionalProperties": True},
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


def test_what_only_one_server_knows_is_called_what_it_calls_it() -> None:
    constraint = {"regex": "[a-z]+"}
    vllm = body(
        thread("vllm", "m", structured_outputs=constraint, chat_template_kwargs={"enable_thinking": False})
    )
    router = thread("openrouter", "a/b", provider_routing={"order": ["x"]}, reasoning_max_tokens=300)
    openai = thread("openai", "gpt-5", verbosity="low", service_tier="flex", prompt_cache_key="k")
    sent = provider_for("openai").encode(openai)

    assert vllm["structured_outputs"] == constraint
    assert vllm["chat_template_kwargs"] == {"enable_thinking": False}
    assert body(router)["provider"] == {"order": ["x"]}
    assert body(router)["reasoning"] == {"max_tokens": 300}
    assert provider_for("openrouter").encode(router).body["usage"] == {"include": True}
    assert "usage" not in body(router)  # it cannot change the answer
    assert {**sent.asked, "service_tier": "flex", "prompt_cache_key": "k"} == sent.body
    assert sent.asked["verbosity"] == "low"


def test_what_is_added_comes_before_what_we_would_say() -> None:
    router = thread(
        "openrouter",
        "a/b",
        reasoning_effort="low",
        extra_body={"usage": {"include": False}, "reasoning": {"exclude": True}},
    )

    assert body(router)["reasoning"] == {"effort": "low", "exclude": True}
    assert provider_for("openrouter").encode(router).body["usage"] == {"include": False}


def test_a_tier_or_an_api_that_chat_completions_lacks_is_refused() -> None:
    with pytest.raises(Unsupported, match=r"^service_tier: .*api: responses"):
        body(thread("openai", "gpt-5", service_tier="ultrafast"))
    with pytest.raises(Unsupported, match=r"^api: .*use responses"):
        body(thread("openai", "gpt-5.5-pro"))


def test_images_are_parts_before_the_words() -> None:
    chat = thread("vllm", "m")
    picture = {"url": "data:image/png;base64,aGk=", "detail": "low"}
    chat.history.append(
        ChatMessage(**BORN, role="user", content="", images=["https://i.test/a.png", picture])
    )

    assert body(chat)["messages"][-1] == {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": "https://i.test/a.png"}},
            {"type": "image_url", "image_url": picture},
        ],
    }


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


def openai_calls(*calls: Any, finish: str = "tool_calls", **message: Any) -> Reply:
    said = {"content": None, "tool_calls": list(calls), **message}
    return provider_for("openai").decode({"choices": [{"finish_reason": finish, "message": said}]})


def openai_call(arguments: Any, name: Any = "tides", **fields: Any) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def claude_calls(*blocks: Any, stop_reason: str = "tool_use") -> Reply:
    return provider_for("anthropic").decode({"content": list(blocks), "stop_reason": stop_reason})


def test_every_call_of_a_reply_is_read_in_order_with_what_was_said_and_thought() -> None:
    openai = provider_for("openrouter").decode(
        {
            "choices": [
                {
                    "finish_reason": "tool_calls",
                    "message": {
                        "content": "I look.",
                        "reasoning": "hm",
                        "tool_calls": [openai_call('{"bay": "Fundy"}'), openai_call("{}", "joke", id="c2")],
                    },
                }
            ]
        }
    )
    claude = claude_calls(
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "c1", "name": "tides", "input": {"bay": "Fundy"}},
        {"type": "tool_use", "id": "c2", "name": "joke", "input": {}},
    )

    for reply in (openai, claude):
        assert reply.tool_calls == (
            ToolCall(call_id="c1", name="tides", arguments={"bay": "Fundy"}),
            ToolCall(call_id="c2", name="joke", arguments={}),
        )
        assert (reply.text, reply.reasoning, reply.finish) == ("I look.", "hm", "tool_calls")


DEEP: Any = "bottom"
for _ in range(300):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="JSON"),
        pytest.param("", {}, id="empty"),
        pytest.param("  ", {}, id="blank"),
        pytest.param(None, {}, id="missing"),
        pytest.param("null", {}, id="null"),
        pytest.param('{"a": True, "b": None}', {"a": True, "b": None}, id="H3: Python's words"),
        pytest.param('```json\n{"a": 1}\n```', {"a": 1}, id="in a fence"),
        pytest.param({"a": 1}, {"a": 1}, id="the object itself"),
        pytest.param("[1, 2]", {"value": [1, 2]}, id="a list"),
        pytest.param('"Fundy"', {"value": "Fundy"}, id="a text in JSON"),
    ],
)
def test_arguments_are_an_object_however_they_are_written(arguments: Any, read: dict[str, Any]) -> None:
    (call,) = openai_calls(openai_call(arguments)).tool_calls

    assert (call.arguments, call.problem) == (read, None)


@pytest.mark.parametrize(
    "arguments",
    [
        '{"a": [{"b": 1}, {"c',
        "Fundy",
        'I would say {"a": 1}',
        '{"n": 100000000000000000000}',
        '{"a": "\\ud800"}',
        '{"a": NaN}',
        json.dumps(DEEP),
    ],
)
def test_arguments_that_cannot_be_used_are_kept_with_the_reason(arguments: str) -> None:
    (call,) = openai_calls(openai_call(arguments)).tool_calls

    assert call.arguments == {"raw": arguments}
    assert call.problem is not None
    assert call.problem.startswith("the arguments are not JSON: ")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"a": 1}, {"a": 1}),
        (None, {}),
        ("Fundy", {"value": "Fundy"}),
        ([1], {"value": [1]}),
        (5, {"value": 5}),
    ],
)
def test_h9_an_anthropic_input_that_is_no_object_is_wrapped(given: Any, read: dict[str, Any]) -> None:
    (call,) = claude_calls({"type": "tool_use", "id": "c1", "name": "tides", "input": given}).tool_calls

    assert (call.arguments, call.problem) == (read, None)


@pytest.mark.parametrize("given", [{"a": float("nan")}, {"a": "\ud800"}, {"n": 10**30}, {"d": DEEP}])
def test_an_anthropic_input_that_could_not_be_sent_again_is_kept_as_text(given: Any) -> None:
    (call,) = claude_calls({"type": "tool_use", "id": "c1", "name": "tides", "input": given}).tool_calls

    assert call.arguments == {"raw": json.dumps(given)}
    assert call.problem is not None
    assert call.arguments["raw"].encode()


def test_a_call_without_an_id_of_its_own_is_named_by_its_place() -> None:
    """Always the same: a replay must find the result under it."""
    nameless = openai_call("{}", None, id=None)
    calls = [nameless, openai_call("{}"), openai_call("{}", id=""), openai_call("{}")]

    first, again = openai_calls(*calls), openai_calls(*calls)

    assert [call.call_id for call in first.tool_calls] == [
        "call_0_unknown_tool",
        "c1",
        "call_2_tides",
        "c1_3",
    ]
    assert first == again


def test_a_forced_call_is_a_call_though_openai_calls_it_a_stop() -> None:
    reply = openai_calls(openai_call("{}"), finish="stop")

    assert (reply.finish, reply.finish_reason) == ("tool_calls", "stop")


def test_a_call_that_was_cut_off_is_a_reply_that_was_cut_off() -> None:
    openai = openai_calls(openai_call('{"a": '), finish="length")
    claude = claude_calls(
        {"type": "tool_use", "id": "c1", "name": "t", "input": {}}, stop_reason="max_tokens"
    )

    assert (openai.finish, claude.finish) == ("length", "length")
    assert openai.tool_calls[0].arguments == {"raw": '{"a": '}


def test_the_older_form_of_a_call_is_read() -> None:
    reply = provider_for("litellm").decode(
        {
            "choices": [
                {
                    "finish_reason": "function_call",
                    "message": {"content": None, "function_call": {"name": "tides", "arguments": "{}"}},
                }
            ]
        }
    )

    assert [(call.call_id, call.name) for call in reply.tool_calls] == [("call_0_tides", "tides")]


def test_i2_every_detail_of_the_usage_is_read() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 4},
        "completion_tokens_details": {
            "reasoning_tokens": 5,
            "accepted_prediction_tokens": 6,
            "rejected_prediction_tokens": 7,
            "audio_tokens": 8,
        },
    }

    reply = provider_for("openai").decode({"choices": [{"message": {"content": "a"}}], "usage": usage})

    assert reply.usage == TokenUsage(
        prompt_tokens=10,
        completion_tokens=20,
        cached_tokens=3,
        cache_creation_tokens=4,
        reasoning_tokens=5,
        accepted_prediction_tokens=6,
        rejected_prediction_tokens=7,
        audio_tokens=8,
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "usage",
                    "error",
                    "type",
                    "text",
                    "stop_reason",
                    "tool_calls",
                    "function",
                    "arguments",
                    "input",
                    "id",
                    "name",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


CLIENTS = st.sampled_from(["openai", "anthropic", "vllm", "litellm", "openrouter"])


@given(JSON, CLIENTS)
def test_no_body_that_is_json_raises_anything_but_undecodable(value: object, client: str) -> None:
    with contextlib.suppress(Undecodable):
        provider_for(client).decode(value)


@given(st.lists(JSON | st.fixed_dictionaries({"id": JSON, "function": JSON}), max_size=3), JSON)
def test_no_calls_whatever_raise_and_all_can_be_written_again(calls: list[Any], given_input: Any) -> None:
    blocks = [{"type": "tool_use", "id": call, "name": call, "input": given_input} for call in calls]

    for reply in (openai_calls(*calls, function_call=given_input), claude_calls(*blocks)):
        for call in reply.tool_calls:
            assert ids.json_text([call.call_id, call.name, call.arguments]).encode()
        assert len({call.call_id for call in reply.tool_calls}) == len(reply.tool_calls)


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
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -0100"}, None),
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


@pytest.mark.parametrize("said", ["18446744073709551615", "9" * 5_000, "0", "-1", "many", ""])
def test_a_limit_that_is_none_is_not_learned(said: str) -> None:
    assert limits_in({"x-ratelimit-limit-requests": said}) is None
    assert limits_in({"x-ratelimit-limit-requests": said, "x-ratelimit-limit-tokens": "7"}) == (
        None,
        7,
        None,
        None,
    )
