"""The Messages API in both its versions, as a client sees it."""

import json
from typing import Any

import jsonschema_rs
import pytest

from tests.core.simulator.conftest import Asker

OLD = "2023-06-01"
NEW = "2026-10-21"
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    "required": ["city", "tags"],
    "additionalProperties": False,
}
TOOL = {"name": "weather", "description": "Weather in a city", "input_schema": CITY}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo", "tags": []}}


def structured(schema: object) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "schema": schema}}


def said(body: dict[str, Any]) -> str:
    return "".join(block["text"] for block in body["content"] if block["type"] == "text")


@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_answer_has_the_documented_shape(ask: Asker, version: str) -> None:
    response = ask.claude(version=version)

    body = response.json()
    assert response.status_code == 200
    assert response.headers["request-id"].startswith("req_")
    assert body["id"].startswith("msg_01")
    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", "claude-sonnet-4-6")
    assert [block["type"] for block in body["content"]] == ["text"]
    assert (body["stop_reason"], body["stop_sequence"], body["stop_details"]) == ("end_turn", None, None)
    assert set(body["usage"]) == {
        "input_tokens",
        "output_tokens",
        "output_tokens_details",
        "cache_creation",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "server_tool_use",
        "service_tier",
        "inference_geo",
        "speed",
    }


def test_an_answer_stops_at_its_limit(ask: Asker) -> None:
    body = ask.claude(max_tokens=3).json()

    assert body["stop_reason"] == "max_tokens"
    assert body["usage"]["output_tokens"] == 3


def test_an_answer_stops_at_a_stop_sequence(ask: Asker) -> None:
    body = ask.claude(stop_sequences=["e"]).json()

    assert (body["stop_reason"], body["stop_sequence"]) == ("stop_sequence", "e")
    assert "e" not in said(body)


def test_a_generation_5_model_thinks_unasked_and_is_billed_for_it(ask: Asker) -> None:
    bodies = [ask.claude(f"question {n}", model="claude-opus-5-5").json() for n in range(12)]

    thought = [b for b in bodies if b["content"][0]["type"] == "thinking"]
    assert 0 < len(thought) < 12
    for body in thought:
        tokens = body["usage"]["output_tokens_details"]["thinking_tokens"]
        assert 0 < tokens <= body["usage"]["output_tokens"]
        assert body["content"][0]["signature"]


def test_a_small_limit_can_be_eaten_by_thinking(ask: Asker) -> None:
    bodies = [
        ask.claude(f"q {n}", model="claude-opus-5-5", max_tokens=15, output_config={"effort": "max"}).json()
        for n in range(12)
    ]

    eaten = [b for b in bodies if b["stop_reason"] == "max_tokens" and not said(b)]
    assert eaten
    assert {b["usage"]["output_tokens"] for b in eaten} == {15}


def test_a_schema_is_satisfied(ask: Asker) -> None:
    for n in range(10):
        body = ask.claude(f"city {n}", model="claude-haiku-5-5", output_config=structured(CITY)).json()

        jsonschema_rs.validate(CITY, json.loads(said(body)))


def test_a_forced_tool_is_used_with_input_that_fits(ask: Asker) -> None:
    forced: dict[str, Any] = {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "weather"}}
    body = ask.claude(model="claude-haiku-5-5", **forced).json()
    refused = ask.claude(model="claude-opus-5-5", **forced)

    (block,) = body["content"]
    assert body["stop_reason"] == "tool_use"
    assert (block["type"], block["name"]) == ("tool_use", "weather")
    assert block["id"].startswith("toolu_01")
    jsonschema_rs.validate(CITY, block["input"])
    assert refused.status_code == 400
    assert "forced tool use is not supported" in refused.json()["error"]["message"]


def test_an_answered_tool_use_goes_on(ask: Asker) -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain", "is_error": False}
    messages = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [result]},
    ]

    assert ask.claude(messages=messages, tools=[TOOL]).status_code == 200


def test_an_older_model_goes_on_from_a_prefill(ask: Asker) -> None:
    messages = [{"role": "user", "content": "A city as JSON"}, {"role": "assistant", "content": "{"}]

    body = ask.claude(model="claude-haiku-4-5", messages=messages).json()

    assert isinstance(json.loads("{" + said(body)), dict)


BOUNDED = {**CITY, "properties": {**CITY["properties"], "n": {"type": "integer", "minimum": 1}}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("fields", "version", "status", "message"),
    [
        pytest.param({"max_tokens": ...}, NEW, 400, "max_tokens: Field required", id="no max_tokens"),
        pytest.param({"messages": ...}, NEW, 400, "messages: Field required", id="no messages"),
        pytest.param({"messages": []}, NEW, 400, "messages: at least one message", id="empty messages"),
        pytest.param(
            {"max_tokens": "9"}, NEW, 400, "max_tokens: Input should be a valid integer", id="a string"
        ),
        pytest.param({"max_tokens": 10**6}, NEW, 400, "max_tokens: 1000000 > 128000", id="limit too high"),
        pytest.param({"colour": 1}, NEW, 400, "colour: Extra inputs are not permitted", id="unknown field"),
        pytest.param({"system": None}, NEW, 400, "system: Input should be a valid", id="system null"),
        pytest.param({"model": "no-such-model"}, NEW, 404, "model: no-such-model", id="unknown model"),
        pytest.param({"temperature": 1}, NEW, 400, "temperature", id="temperature under the new version"),
        pytest.param({"top_p": 1}, NEW, 400, "top_p", id="top_p under the new version"),
        pytest.param(
            {"temperature": 1, "model": "claude-opus-4-7"}, OLD, 400, "`temperature` is deprecated", id="4.7"
        ),
        pytest.param({"temperature": 1.5}, OLD, 400, "temperature: range: 0..1", id="temperature 1.5"),
        pytest.param(
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]},
            NEW,
            400,
            "does not support assistant message prefill",
            id="prefill on 4.6",
        ),
        pytest.param(
            {
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "model": "claude-opus-4-7",
                "max_tokens": 4096,
            },
            NEW,
            400,
            "thinking.type.enabled",
            id="budget on 4.7",
        ),
        pytest.param(
            {
                "thinking": {"type": "adaptive"},
                "tools": [TOOL],
                "tool_choice": {"type": "tool", "name": "weather"},
            },
            NEW,
            400,
            "Thinking may not be enabled when tool_choice forces tool use",
            id="thinking and a forced tool",
        ),
        pytest.param(
            {"output_config": structured(BOUNDED)}, NEW, 400, "'minimum' is not supported", id="bounds"
        ),
        pytest.param(
            {"output_config": structured({"type": "object", "properties": {}})},
            NEW,
            400,
            "'additionalProperties' must be explicitly set to false",
            id="open object",
        ),
        pytest.param(
            {"model": "claude-3-5-sonnet-latest", "output_config": structured(CITY)},
            OLD,
            400,
            "does not support output format",
            id="schema on an old model",
        ),
        pytest.param(
            {
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "content": [USE]},
                    {"role": "user", "content": "y"},
                ]
            },
            NEW,
            400,
            "`tool_use` ids were found without `tool_result` blocks immediately after: toolu_1",
            id="tool use unanswered",
        ),
        pytest.param(
            {"messages": [{"role": "assistant", "content": "x"}]}, NEW, 400, "first message", id="first"
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": ""}]}, NEW, 400, "non-empty content", id="empty"
        ),
        pytest.param(
            {"tools": [{"name": "x"}]}, NEW, 400, "tools.0.custom.input_schema: Field required", id="tool"
        ),
    ],
)
def test_what_anthropic_refuses_is_refused(
    ask: Asker, fields: dict[str, Any], version: str, status: int, message: str
) -> None:
    response = ask.claude(version=version, **fields)

    body = response.json()
    assert response.status_code == status
    assert body["type"] == "error"
    assert body["error"]["type"] == ("not_found_error" if status == 404 else "invalid_request_error")
    assert message in body["error"]["message"]
    assert body["request_id"] == response.headers["request-id"]


def test_what_a_model_takes_it_is_given(ask: Asker) -> None:
    """The other side of the table above: none of this may be refused."""
    taken: list[dict[str, Any]] = [
        {"version": OLD, "temperature": 0.2},
        {"version": OLD, "temperature": 0, "model": "claude-3-5-sonnet-latest"},
        {"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}},
        {
            "model": "claude-opus-9",
            "system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}],
        },
        {
            "model": "claude-haiku-4-5",
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "max_tokens": 2000,
        },
    ]

    assert [ask.claude(**fields).status_code for fields in taken] == [200] * len(taken)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"anthropic-version": OLD}, id="old, no key"),
        pytest.param({"anthropic-version": OLD, "authorization": "Bearer k"}, id="old, bearer"),
        pytest.param({"anthropic-version": NEW, "x-api-key": "k"}, id="new, x-api-key"),
        pytest.param({"anthropic-version": NEW, "authorization": "Bearer invalid"}, id="new, wrong key"),
    ],
)
def test_a_key_of_the_wrong_kind_is_a_401(ask: Asker, headers: dict[str, str]) -> None:
    response = ask.http.post("/v1/messages", json={}, headers=headers)

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("version", [None, "2020-01-01"])
def test_a_missing_or_unknown_version_is_a_400(ask: Asker, version: str | None) -> None:
    headers = {"x-api-key": "k"} | ({} if version is None else {"anthropic-version": version})

    response = ask.http.post("/v1/messages", json={}, headers=headers)

    assert response.status_code == 400
    assert "anthropic-version" in response.json()["error"]["message"]


def test_a_body_that_is_not_json_is_a_400(ask: Asker) -> None:
    headers = {"x-api-key": "k", "anthropic-version": OLD}

    response = ask.http.post("/v1/messages", content=b"{", headers=headers)

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
