"""Chat Completions, as a client sees it."""

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.core.simulator.conftest import Asker

CITY = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "people": {"type": "integer", "minimum": 1, "maximum": 40_000_000},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
    },
    "required": ["city", "people", "tags"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": CITY, "strict": True}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def structured(schema: object, *, strict: bool = True) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }


def error(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    said: dict[str, Any] = body["error"]
    return said


def test_an_answer_has_the_documented_shape(ask: Asker) -> None:
    response = ask.chat(max_tokens=200)

    body = response.json()
    assert response.status_code == 200
    assert body["id"].startswith("chatcmpl-")
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4.1-mini"
    (choice,) = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["refusal"] is None
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert set(usage["prompt_tokens_details"]) >= {"cached_tokens", "audio_tokens", "cache_write_tokens"}
    assert set(usage["completion_tokens_details"]) >= {
        "reasoning_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
    }


def test_every_response_has_its_own_ids(ask: Asker) -> None:
    responses = [ask.chat() for _ in range(3)] + [ask.chat(messages=[])]

    assert len({r.headers["x-request-id"] for r in responses}) == 4
    assert len({r.json()["id"] for r in responses[:3]}) == 3


def test_an_answer_stops_at_its_limit(ask: Asker) -> None:
    response = ask.chat(max_tokens=3, temperature=0)

    body = response.json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 3


def test_an_answer_stops_at_a_stop_word(ask: Asker) -> None:
    whole = ask.chat(headers={"x-client-request-id": "a"}).json()["choices"][0]["message"]["content"]
    word = whole.split()[2]

    texts = [ask.chat(stop=[" "]).json()["choices"][0]["message"]["content"] for _ in range(3)]

    assert word not in texts
    assert all(" " not in text for text in texts)


def test_a_reasoning_model_can_use_up_its_limit_thinking(ask: Asker) -> None:
    bodies = [
        ask.chat(
            f"question {n}", model="gpt-6-astra", reasoning_effort="max", max_completion_tokens=20
        ).json()
        for n in range(20)
    ]

    eaten = [b for b in bodies if b["usage"]["completion_tokens_details"]["reasoning_tokens"] == 20]
    assert eaten
    assert {b["choices"][0]["message"]["content"] for b in eaten} == {""}
    assert {b["choices"][0]["finish_reason"] for b in eaten} == {"length"}


def test_several_choices_differ(ask: Asker) -> None:
    body = ask.chat(n=3).json()

    assert [c["index"] for c in body["choices"]] == [0, 1, 2]
    assert len({c["message"]["content"] for c in body["choices"]}) == 3


@pytest.mark.parametrize("strict", [True, False])
def test_a_schema_is_satisfied(ask: Asker, strict: bool) -> None:
    for n in range(10):
        body = ask.chat(f"Tell me about city {n}", response_format=structured(CITY, strict=strict)).json()

        jsonschema_rs.validate(CITY, json.loads(body["choices"][0]["message"]["content"]))


def test_json_that_does_not_fit_its_limit_is_cut_off(ask: Asker) -> None:
    choice = ask.chat(response_format=structured(CITY), max_tokens=4).json()["choices"][0]

    assert choice["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice["message"]["content"])


def test_json_mode_gives_an_object(ask: Asker) -> None:
    choice = ask.chat("Answer in JSON, please", response_format={"type": "json_object"}).json()["choices"][0]

    assert isinstance(json.loads(choice["message"]["content"]), dict)


def test_words_that_ask_for_json_get_it_though_perhaps_in_a_fence(ask: Asker) -> None:
    for n in range(6):
        text = ask.chat(f"City {n}? Please provide your response in JSON format.").json()
        content = text["choices"][0]["message"]["content"]

        assert isinstance(json.loads(content.removeprefix("```json\n").removesuffix("\n```")), dict)


def test_a_forced_tool_is_called_with_arguments_that_fit(ask: Asker) -> None:
    choice = ask.chat(
        tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "weather"}}
    ).json()["choices"][0]

    (call,) = choice["message"]["tool_calls"]
    assert choice["message"]["content"] is None
    assert choice["finish_reason"] == "stop"  # not tool_calls: the caller forced it by name
    assert call["id"].startswith("call_")
    assert call["function"]["name"] == "weather"
    jsonschema_rs.validate(CITY, json.loads(call["function"]["arguments"]))


def test_a_required_tool_ends_as_tool_calls(ask: Asker) -> None:
    choice = ask.chat(tools=[WEATHER], tool_choice="required").json()["choices"][0]

    assert choice["finish_reason"] == "tool_calls"


def test_with_auto_some_answers_call_and_some_speak(ask: Asker) -> None:
    choices = [ask.chat(f"q{n}", tools=[WEATHER]).json()["choices"][0] for n in range(30)]

    assert {c["finish_reason"] for c in choices} == {"stop", "tool_calls"}


def test_an_answered_tool_call_goes_on(ask: Asker) -> None:
    messages = [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain, 7 degrees"},
    ]

    assert ask.chat(messages=messages, tools=[WEATHER]).status_code == 200


OPEN = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPTIONAL = {**CITY, "required": ["city"]}


@pytest.mark.parametrize(
    ("fields", "status", "param", "code"),
    [
        pytest.param({"messages": ...}, 400, "messages", "missing_required_parameter", id="no messages"),
        pytest.param({"messages": []}, 400, "messages", "empty_array", id="empty messages"),
        pytest.param({"messages": "hi"}, 400, "messages", "invalid_type", id="messages a string"),
        pytest.param(
            {"messages": [{"role": "robot", "content": "x"}]},
            400,
            "messages[0].role",
            "invalid_value",
            id="role",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": None}]}, 400, "messages[0].content", None, id="null"
        ),
        pytest.param({"model": ...}, 400, None, None, id="no model"),
        pytest.param({"model": "no-such-model"}, 404, None, "model_not_found", id="unknown model"),
        pytest.param({"model": "claude-opus-5-5"}, 404, None, "model_not_found", id="somebody else's model"),
        pytest.param({"colour": "red"}, 400, "colour", "unknown_parameter", id="unknown field"),
        pytest.param({"max_tokens": "9"}, 400, "max_tokens", "invalid_type", id="limit a string"),
        pytest.param({"max_tokens": 0}, 400, "max_tokens", "integer_below_min_value", id="limit 0"),
        pytest.param(
            {"max_tokens": 99_999}, 400, "max_tokens", "invalid_value", id="limit above the model's"
        ),
        pytest.param(
            {"temperature": 2.5}, 400, "temperature", "decimal_above_max_value", id="temperature 2.5"
        ),
        pytest.param(
            {"model": "gpt-6-astra", "max_tokens": 9},
            400,
            "max_tokens",
            "unsupported_parameter",
            id="old limit",
        ),
        pytest.param(
            {"model": "o3", "temperature": 0.5}, 400, "temperature", "unsupported_value", id="o3 temperature"
        ),
        pytest.param(
            {"model": "gpt-5", "stop": ["x"]}, 400, "stop", "unsupported_parameter", id="gpt-5 stop"
        ),
        pytest.param({"reasoning_effort": "low"}, 400, None, None, id="effort where nothing reasons"),
        pytest.param(
            {"model": "gpt-5", "reasoning_effort": "none"},
            400,
            "reasoning_effort",
            "unsupported_value",
            id="effort",
        ),
        pytest.param(
            {"model": "gpt-5.6-sol", "tools": [WEATHER]},
            400,
            "reasoning_effort",
            None,
            id="tools and thinking",
        ),
        pytest.param(
            {"response_format": structured(OPEN)}, 400, "response_format", None, id="schema left open"
        ),
        pytest.param(
            {"response_format": structured(OPTIONAL)}, 400, "response_format", None, id="optional property"
        ),
        pytest.param(
            {"response_format": {"type": "json_object"}}, 400, "messages", None, id="json not mentioned"
        ),
        pytest.param(
            {"model": "gpt-4-turbo", "response_format": structured(CITY)},
            400,
            "response_format",
            None,
            id="too old",
        ),
        pytest.param(
            {"parallel_tool_calls": False},
            400,
            "parallel_tool_calls",
            None,
            id="no tools to call in parallel",
        ),
        pytest.param({"tools": []}, 400, "tools", "empty_array", id="no tools"),
        pytest.param(
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "rain"}}},
            400,
            "tool_choice",
            None,
            id="unknown tool",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [CALL]}]},
            400,
            "messages",
            None,
            id="tool call unanswered",
        ),
        pytest.param(
            {"messages": [{"role": "tool", "tool_call_id": "call_9", "content": "x"}]},
            400,
            "messages[0].role",
            None,
            id="answer to no call",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": "word " * 1_100_000}]},
            400,
            "messages",
            "context_length_exceeded",
            id="too long",
        ),
    ],
)
def test_what_openai_refuses_is_refused(
    ask: Asker, fields: dict[str, Any], status: int, param: str | None, code: str | None
) -> None:
    response = ask.chat(**fields)

    said = error(response)
    assert (response.status_code, said["param"], said["code"]) == (status, param, code)
    assert said["type"] == "invalid_request_error"
    assert response.headers["x-request-id"]


def test_what_a_model_takes_it_is_given(ask: Asker) -> None:
    """The other side of the table above: none of this may be refused."""
    taken: list[dict[str, Any]] = [
        {"model": "gpt-4o-mini", "max_tokens": 9, "temperature": 0.3, "stop": "x"},
        {"model": "gpt-6-astra", "max_completion_tokens": 900, "reasoning_effort": "high"},
        {"model": "gpt-6-astra", "temperature": 1},
        {"model": "gpt-5.4", "tools": [WEATHER]},
        {"model": "gpt-5.6-sol", "tools": [WEATHER], "reasoning_effort": "none"},
        {"model": "gpt-5.1", "temperature": 0.2},
        {"model": "gpt-9-not-in-the-table-yet", "max_completion_tokens": 100},
        {"seed": 4, "user": "u", "service_tier": "auto", "metadata": {"a": "b"}},
    ]

    assert [ask.chat(**fields).status_code for fields in taken] == [200] * len(taken)


def test_a_missing_or_wrong_key_is_a_401(ask: Asker) -> None:
    missing = ask.chat(headers={"Authorization": ""})
    wrong = ask.chat(headers={"Authorization": "Bearer sk-invalid-key"})

    assert (missing.status_code, wrong.status_code) == (401, 401)
    assert error(wrong)["code"] == "invalid_api_key"
    assert "sk-invalid-key" not in wrong.text


def test_a_body_that_is_not_json_is_a_400(ask: Asker) -> None:
    response = ask.http.post(
        "/v1/chat/completions", content=b'{"model": ', headers={"Authorization": "Bearer k"}
    )

    assert response.status_code == 400
    assert "parse the JSON body" in error(response)["message"]


def test_another_path_is_a_404(ask: Asker) -> None:
    response = ask.http.post("/v1/images/generations", json={})

    assert response.status_code == 404
    assert "Invalid URL (POST /v1/images/generations)" in error(response)["message"]


def test_health_and_models_answer(ask: Asker) -> None:
    assert ask.http.get("/health").json() == {"status": "ok"}
    assert "gpt-6-astra" in [m["id"] for m in ask.http.get("/v1/models").json()["data"]]
