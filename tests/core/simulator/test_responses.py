"""The Responses API, as a client sees it: what an answer is made of, and what is handed back in a loop."""

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.core.simulator.conftest import Asker, Running

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 1}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "name": "weather", "description": "How it is outside", "parameters": CITY}
FORMAT = {"type": "json_schema", "name": "answer", "schema": CITY, "strict": True}
ENCRYPTED = "reasoning.encrypted_content"
Item = dict[str, Any]


def items(body: dict[str, Any], kind: str) -> list[Item]:
    return [item for item in body["output"] if item["type"] == kind]


def said(body: dict[str, Any]) -> str:
    return "".join(part["text"] for item in items(body, "message") for part in item["content"])


def called(ask: Asker, *, reasoned: bool) -> tuple[list[Item], list[Item]]:
    """A question that was answered with a tool call, with or without reasoning before; and the answer."""
    for n in range(60):
        question = {"role": "user", "content": f"Weather in city {n}?"}
        body = ask.responses(
            input=[question], tools=[WEATHER], tool_choice="required", store=False, include=[ENCRYPTED]
        ).json()
        if bool(items(body, "reasoning")) == reasoned:
            return [question], body["output"]
    raise AssertionError("no answer of that kind in 60")


def results(output: list[Item]) -> list[Item]:
    calls = [item for item in output if item["type"] == "function_call"]
    return [{"type": "function_call_output", "call_id": c["call_id"], "output": "Rain"} for c in calls]


def test_an_answer_has_the_documented_shape(ask: Asker) -> None:
    response = ask.responses(max_output_tokens=500, reasoning={"effort": "none"}, metadata={"a": "b"})

    body = response.json()
    assert response.status_code == 200
    assert response.headers["x-request-id"]
    assert body["id"].startswith("resp_")
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", "gpt-5.6-sol")
    assert (body["error"], body["incomplete_details"]) == (None, None)
    (message,) = body["output"]
    assert message["id"].startswith("msg_")
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    (part,) = message["content"]
    assert (part["type"], part["annotations"]) == ("output_text", [])
    assert part["text"]
    usage = body["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}
    assert (body["parallel_tool_calls"], body["tool_choice"], body["tools"]) == (True, "auto", [])
    assert (body["text"]["format"], body["truncation"]) == ({"type": "text"}, "disabled")
    assert (body["reasoning"], body["metadata"]) == ({"effort": "none", "summary": None}, {"a": "b"})


def test_every_answer_is_one_to_the_sdk(ask: Asker, running: Running) -> None:
    sdk = pytest.importorskip("openai.types.responses")
    asked: list[dict[str, Any]] = [
        *({"input": f"Question {n}", "include": [ENCRYPTED], "store": False} for n in range(6)),
        *({"input": f"q{n}", "tools": [WEATHER], "tool_choice": "required"} for n in range(6)),
        {"text": {"format": FORMAT, "verbosity": "low"}, "input": "A city", "service_tier": "flex"},
        {
            "tools": [WEATHER],
            "tool_choice": {"type": "function", "name": "weather"},
            "instructions": "Be short",
        },
        {"reasoning": {"effort": "max", "summary": "auto"}, "max_output_tokens": 16, "user": "u"},
    ]

    bodies = [ask.responses(**fields).json() for fields in asked]
    with running(faults={"refusal": 1}) as refusing:
        bodies.append(refusing.responses().json())

    for body in bodies:
        read = sdk.Response.model_validate(body)
        assert set(type(read).model_fields) <= set(body) | {
            *("access_programs", "conversation", "image", "input_transformations", "moderation", "prompt"),
            *("prompt_cache_diagnostics", "prompt_cache_options", "tool_usage"),
        }


def test_it_is_openais_alone_and_under_both_its_paths(ask: Asker) -> None:
    paths = ["/v1/responses", "/openai/v1/responses", "/vllm/v1/responses", "/api/v1/responses"]

    assert [ask.responses(path=path).status_code for path in paths] == [200, 200, 404, 404]


def test_chat_and_responses_share_a_key_and_its_limits(running: Running) -> None:
    with running(requests_per_minute=60) as ask:
        first, second = ask.chat(), ask.responses()
    keyless = {"Authorization": ""}

    assert (first.status_code, second.status_code) == (200, 429)
    assert second.headers["x-ratelimit-limit-requests"] == "60"
    with running() as ask:
        assert ask.responses(headers=keyless).status_code == 401
        assert ask.responses(headers={**keyless, "api-key": "k"}).status_code == 200


def test_a_refusal_is_a_part_of_the_message(running: Running) -> None:
    with running(faults={"refusal": 1}) as ask:
        body = ask.responses().json()

    (message,) = body["output"]
    assert body["status"] == "completed"
    assert [part["type"] for part in message["content"]] == ["refusal"]
    assert message["content"][0]["refusal"]


def test_an_answer_that_reaches_its_limit_is_incomplete(ask: Asker) -> None:
    fields: dict[str, Any] = {"max_output_tokens": 16, "reasoning": {"effort": "none"}}
    bodies = [ask.responses(f"q{n}", **fields).json() for n in range(10)]
    body = next(body for body in bodies if body["status"] == "incomplete")

    assert body["incomplete_details"] == {"reason": "max_output_tokens"}
    assert body["usage"]["output_tokens"] == 16
    assert body["output"][-1]["status"] == "incomplete"


def test_thinking_can_eat_the_whole_limit(ask: Asker) -> None:
    fields: dict[str, Any] = {"max_output_tokens": 16, "reasoning": {"effort": "max"}}

    bodies = [ask.responses(f"question {n}", **fields).json() for n in range(20)]

    eaten = [b for b in bodies if b["usage"]["output_tokens_details"]["reasoning_tokens"] == 16]
    assert eaten
    assert {tuple(item["type"] for item in b["output"]) for b in eaten} == {("reasoning",)}
    assert {b["status"] for b in eaten} == {"incomplete"}


def test_a_schema_is_satisfied(ask: Asker) -> None:
    for n in range(10):
        body = ask.responses(f"City {n}", text={"format": FORMAT}).json()

        jsonschema_rs.validate(CITY, json.loads(said(body)))


def test_a_tool_is_called_with_arguments_that_fit_and_may_reason_first(ask: Asker) -> None:
    bodies = [
        ask.responses(f"q{n}", tools=[WEATHER], reasoning={"effort": "high"}, tool_choice="required").json()
        for n in range(20)
    ]

    assert {body["output"][0]["type"] for body in bodies} == {"reasoning", "function_call"}
    for body in bodies:
        for call in items(body, "function_call"):
            assert call["id"].startswith("fc_")
            assert call["call_id"].startswith("call_")
            assert call["name"] == "weather"
            jsonschema_rs.validate(CITY, json.loads(call["arguments"]))
        assert body["tools"][0]["strict"] is True, "which it is if nobody says otherwise"


def test_reasoning_is_summarized_and_encrypted_only_if_asked(ask: Asker) -> None:
    plain, full = [], []
    for n in range(12):
        plain += items(ask.responses(f"q{n}").json(), "reasoning")
        asked = ask.responses(f"q{n}", include=[ENCRYPTED], reasoning={"summary": "auto"})
        full += items(asked.json(), "reasoning")

    assert plain
    assert full
    assert all(item["summary"] == [] and "encrypted_content" not in item for item in plain)
    assert all(item["summary"][0]["text"] and item["encrypted_content"] for item in full)


@pytest.mark.parametrize("reasoned", [True, False])
def test_a_tool_loop_goes_on_with_everything_handed_back(ask: Asker, reasoned: bool) -> None:
    question, output = called(ask, reasoned=reasoned)

    history = [*question, *output, *results(output)]
    response = ask.responses(input=history, tools=[WEATHER], store=False)

    assert response.status_code == 200, response.text


def test_a_tool_loop_ends(ask: Asker) -> None:
    history: list[Item] = [{"role": "user", "content": "Weather?"}]
    for _ in range(30):
        body = ask.responses(input=history, tools=[WEATHER], store=False, include=[ENCRYPTED]).json()
        history += [*body["output"], *results(body["output"])]
        if not items(body, "function_call"):
            break

    assert history[-1]["type"] == "message"


def test_ids_may_be_left_out_when_items_are_handed_back(ask: Asker) -> None:
    question, output = called(ask, reasoned=True)
    calls = [{f: v for f, v in c.items() if f not in ("id", "status")} for c in output[1:]]

    response = ask.responses(input=[*question, *calls, *results(output)], tools=[WEATHER], store=False)

    assert response.status_code == 200, response.text


def test_a_broken_tool_loop_is_refused(ask: Asker) -> None:
    question, output = called(ask, reasoned=True)
    reasoning, *calls = output
    call_id = calls[0]["call_id"]
    broken: dict[str, list[Item]] = {
        f"No tool output found for function call {call_id}.": [reasoning, *calls],
        f"No tool call found for function call output with call_id {call_id}.": results(output),
        "provided without its required following item.": [reasoning],
        f"without its required 'reasoning' item: '{reasoning['id']}'": [*calls, *results(output)],
        "could not be decrypted or parsed": [
            {**reasoning, "encrypted_content": "gAAAA="},
            *calls,
            *results(output),
        ],
        "did not match the target item id": [{**reasoning, "id": "rs_other"}, *calls, *results(output)],
        "not found. Items are not persisted": [
            {**reasoning, "encrypted_content": None},
            *calls,
            *results(output),
        ],
        "Duplicate item found with id": [*output, *output, *results(output)],
    }

    for message, history in broken.items():
        response = ask.responses(input=[*question, *history], tools=[WEATHER], store=False)
        assert response.status_code == 400, message
        assert message in error(response)["message"]


def error(response: httpx.Response) -> dict[str, Any]:
    said: dict[str, Any] = response.json()["error"]
    assert set(said) == {"message", "type", "param", "code"}
    return said


OPEN = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CHAT_TOOL = {"type": "function", "function": {"name": "weather", "parameters": CITY}}
FORCED = {"type": "function", "name": "weather"}


def message(role: str, **part: Any) -> dict[str, Any]:
    return {"input": [{"role": role, "content": [part]}]}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        pytest.param({"input": ...}, "input", "missing_required_parameter", id="no input"),
        pytest.param({"input": []}, "input", "missing_required_parameter", id="empty input"),
        pytest.param({"model": ...}, "model", "missing_required_parameter", id="no model"),
        pytest.param({"model": "no-such-model"}, "model", "model_not_found", id="unknown model"),
        pytest.param({"seed": 1}, "seed", "unknown_parameter", id="seed"),
        pytest.param({"stop": "x"}, "stop", "unknown_parameter", id="stop"),
        pytest.param({"n": 2}, "n", "unknown_parameter", id="n"),
        pytest.param({"frequency_penalty": 0}, "frequency_penalty", "unknown_parameter", id="penalty"),
        pytest.param({"messages": []}, "messages", "unsupported_parameter", id="chat's messages"),
        pytest.param({"max_tokens": 99}, "max_tokens", "unsupported_parameter", id="chat's limit"),
        pytest.param({"response_format": {}}, "response_format", "unsupported_parameter", id="chat's format"),
        pytest.param(
            {"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value", id="limit 15"
        ),
        pytest.param(
            {"max_output_tokens": 10**6}, "max_output_tokens", "integer_above_max_value", id="limit"
        ),
        pytest.param({"temperature": 0.5}, "temperature", None, id="temperature while reasoning"),
        pytest.param({"top_p": 0.5}, "top_p", None, id="top_p while reasoning"),
        pytest.param(
            {"reasoning": {"effort": "minimal"}}, "reasoning.effort", "unsupported_value", id="effort"
        ),
        pytest.param({"reasoning": {"summary": "long"}}, "reasoning.summary", "invalid_value", id="summary"),
        pytest.param(
            {"model": "gpt-4.1", "reasoning": {"effort": "low"}},
            "reasoning.effort",
            "unsupported_parameter",
            id="effort where nothing reasons",
        ),
        pytest.param({"model": "gpt-4.1", "include": [ENCRYPTED]}, "include", None, id="nothing to encrypt"),
        pytest.param({"include": ["everything"]}, "include[0]", "invalid_value", id="include"),
        pytest.param({"text": {"verbosity": "loud"}}, "text.verbosity", "invalid_value", id="verbosity"),
        pytest.param({"text": {"format": {"type": "json_object"}}}, "input", None, id="json not mentioned"),
        pytest.param(
            {"text": {"format": {"type": "json_schema", "json_schema": {"name": "x", "schema": CITY}}}},
            "text.format.name",
            "missing_required_parameter",
            id="chat's schema",
        ),
        pytest.param(
            {"text": {"format": {**FORMAT, "schema": OPEN}}},
            "text.format.schema",
            "invalid_json_schema",
            id="open",
        ),
        pytest.param(
            {"tools": [{**WEATHER, "parameters": OPEN}]},
            "tools[0].parameters",
            "invalid_function_parameters",
            id="strict unless it says not",
        ),
        pytest.param({"tools": [CHAT_TOOL]}, "tools[0].name", "missing_required_parameter", id="chat's tool"),
        pytest.param(
            {"tools": [{**WEATHER, "name": "a b"}]}, "tools[0].name", "invalid_value", id="tool's name"
        ),
        pytest.param({"tool_choice": "required"}, "tool_choice", None, id="nothing to choose"),
        pytest.param(
            {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            "tool_choice.name",
            "missing_required_parameter",
            id="chat's choice",
        ),
        pytest.param(
            {"tools": [WEATHER], "tool_choice": {"type": "function", "name": "rain"}},
            "tool_choice",
            None,
            id="rain",
        ),
        pytest.param({"metadata": {"a": 1}}, "metadata.a", "invalid_type", id="metadata"),
        pytest.param({"truncation": "maybe"}, "truncation", "invalid_value", id="truncation"),
        pytest.param({"service_tier": "gold"}, "service_tier", "invalid_value", id="tier"),
        pytest.param({"stream": True}, "stream", "unsupported_value", id="stream"),
        pytest.param(
            {"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter", id="previous"
        ),
        pytest.param(
            {"input": [{"role": "tool", "content": "x"}]}, "input[0].role", "invalid_value", id="role"
        ),
        pytest.param(
            {"input": [{"content": "x"}]}, "input[0].type", "missing_required_parameter", id="no role"
        ),
        pytest.param(
            {"input": [{"role": "user", "content": "x", "tool_calls": []}]},
            "input[0].tool_calls",
            "unknown_parameter",
            id="chat's calls",
        ),
        pytest.param(
            message("user", type="text", text="x"), "input[0].content[0]", "invalid_value", id="part"
        ),
        pytest.param(
            message("assistant", type="input_text", text="x"),
            "input[0].content[0]",
            "invalid_value",
            id="its own",
        ),
        pytest.param(
            {
                "input": [
                    {"type": "function_call", "id": "call_1", "call_id": "c", "name": "f", "arguments": ""}
                ]
            },
            "input[0].id",
            "invalid_value",
            id="call's id",
        ),
        pytest.param(
            {"input": "word " * 1_100_000, "max_output_tokens": 16},
            "input",
            "context_length_exceeded",
            id="long",
        ),
    ],
)
def test_what_openai_refuses_is_refused(
    ask: Asker, fields: dict[str, Any], param: str, code: str | None
) -> None:
    response = ask.responses(**fields)

    said = error(response)
    assert (response.status_code, said["param"], said["code"]) == (400, param, code), said
    assert said["type"] == "invalid_request_error"


def test_what_a_model_takes_it_is_given(ask: Asker) -> None:
    """The other side of the table above: none of this may be refused."""
    taken: list[dict[str, Any]] = [
        {"model": "gpt-4.1", "temperature": 0.3, "top_p": 0.9, "max_output_tokens": 16},
        {"tools": [WEATHER], "tool_choice": FORCED, "reasoning": {"effort": "high"}},
        {"tools": [{**WEATHER, "parameters": OPEN, "strict": False}]},
        {"temperature": 0.3, "reasoning": {"effort": "none"}},
        {"input": "json please", "text": {"format": {"type": "json_object"}, "verbosity": "high"}},
        {"instructions": "Be brief", "store": False, "truncation": "auto", "service_tier": "priority"},
        {"prompt_cache_key": "k", "safety_identifier": "s", "user": "u", "metadata": {"a": "b"}},
        {"parallel_tool_calls": False, "tools": [WEATHER], "tool_choice": "none"},
        {"input": [{"role": "developer", "content": "x"}, {"role": "user", "content": "y"}]},
        {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}]},
    ]

    assert [ask.responses(**fields).status_code for fields in taken] == [200] * len(taken)
