"""One port serves the four servers that speak Chat Completions; the first segment of the path says which."""

import json
import re
from decimal import Decimal
from typing import Any

import jsonschema_rs
import pytest

from tests.core.simulator.conftest import Asker

CHAT = {
    "openai": "/openai/v1/chat/completions",
    "vllm": "/vllm/v1/chat/completions",
    "litellm": "/litellm/v1/chat/completions",
    "openrouter": "/openrouter/api/v1/chat/completions",
}
MODELS = {
    "openai": "gpt-4.1-mini",
    "vllm": "Qwen/Qwen3-8B",
    "litellm": "my-model",
    "openrouter": "qwen/qwen3-8b",
}


@pytest.mark.parametrize("name", CHAT)
def test_each_answers_under_its_own_prefix(ask: Asker, name: str) -> None:
    response = ask.chat(path=CHAT[name], model=MODELS[name], max_tokens=50, temperature=0.5)

    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"]


def test_openrouters_own_path_is_openrouter(ask: Asker) -> None:
    body = ask.chat(path="/api/v1/chat/completions", model="qwen/qwen3-8b").json()

    assert body["id"].startswith("gen-")
    assert body["usage"]["cost"] > 0


def test_vllm_takes_a_schema_its_own_way(ask: Asker) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    body = ask.chat(path=CHAT["vllm"], model="any", structured_outputs={"json": schema}).json()

    jsonschema_rs.validate(schema, json.loads(body["choices"][0]["message"]["content"]))


def test_vllm_goes_on_from_an_assistant_message(ask: Asker) -> None:
    begun = "Here is the JSON:```json"
    messages = [{"role": "user", "content": "A city"}, {"role": "assistant", "content": begun}]

    text = ask.chat(path=CHAT["vllm"], model="any", messages=messages).json()["choices"][0]["message"][
        "content"
    ]

    assert text.endswith("\n```")
    assert isinstance(json.loads(text.removesuffix("```")), dict)


def test_vllm_wants_no_key_but_the_others_do(ask: Asker) -> None:
    without = {"Authorization": ""}
    statuses = {n: ask.chat(path=p, model=MODELS[n], headers=without).status_code for n, p in CHAT.items()}

    assert statuses == {"openai": 401, "vllm": 200, "litellm": 401, "openrouter": 401}


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        (
            "vllm",
            404,
            {
                "error": {
                    "message": "The model `no-such-model` does not exist.",
                    "type": "NotFoundError",
                    "param": "model",
                    "code": 404,
                }
            },
        ),
        (
            "openrouter",
            400,
            {
                "error": {"message": "no-such-model is not a valid model ID", "code": 400},
                "user_id": "user_simulator",
            },
        ),
    ],
)
def test_each_has_its_own_form_of_error(ask: Asker, name: str, status: int, body: object) -> None:
    response = ask.chat(path=CHAT[name], model="no-such-model")

    assert (response.status_code, response.json()) == (status, body)


def test_litellm_says_its_codes_as_strings(ask: Asker) -> None:
    said = ask.chat(path=CHAT["litellm"], model="no-such-model").json()["error"]

    assert said["code"] == "400"
    assert said["message"].startswith("litellm.BadRequestError")


def test_vllm_refuses_the_fields_it_has_removed(ask: Asker) -> None:
    for field in ("guided_json", "guided_regex", "guided_choice", "guided_grammar"):
        body: dict[str, Any] = {field: {}}
        response = ask.chat(path=CHAT["vllm"], model="any", **body)

        assert response.status_code == 400
        assert f"'{field}' is no longer supported" in response.json()["error"]["message"]


def test_vllm_keeps_to_a_choice_and_a_pattern(ask: Asker) -> None:
    def said(n: int, constraint: dict[str, Any]) -> str:
        response = ask.chat(f"q{n}", path=CHAT["vllm"], model="any", structured_outputs=constraint)
        return str(response.json()["choices"][0]["message"]["content"])

    choices = {said(n, {"choice": ["yes", "no", "not sure"]}) for n in range(30)}
    patterned = [said(n, {"regex": r"[A-Z]{3}-\d{2,4}"}) for n in range(10)]

    assert choices == {"yes", "no", "not sure"}
    assert all(re.fullmatch(r"[A-Z]{3}-\d{2,4}", text) for text in patterned)
    assert said(0, {"grammar": 'root ::= "yes" | "no"'})
    assert isinstance(json.loads(said(0, {"json_object": True})), dict)


@pytest.mark.parametrize(
    "fields",
    [
        {"structured_outputs": {"choice": []}},
        {"structured_outputs": {"choice": [1]}},
        {"structured_outputs": {"regex": "("}},
        {"structured_outputs": {"grammar": ""}},
        {"structured_outputs": {"regex": "a", "choice": ["a"]}},
        {"structured_outputs": {}},
        {"chat_template_kwargs": "enable_thinking"},
    ],
)
def test_vllm_refuses_a_constraint_that_is_none(ask: Asker, fields: dict[str, Any]) -> None:
    assert ask.chat(path=CHAT["vllm"], model="any", **fields).status_code == 400


def test_vllm_takes_arguments_for_its_template_and_openai_does_not(ask: Asker) -> None:
    fields: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}

    assert ask.chat(path=CHAT["vllm"], model="any", **fields).status_code == 200
    assert ask.chat(**fields).json()["error"]["code"] == "unknown_parameter"


def messages_of(ask: Asker, name: str, **fields: Any) -> list[dict[str, Any]]:
    bodies = [ask.chat(f"q{n}", path=CHAT[name], model=MODELS[name], **fields).json() for n in range(20)]
    return [body["choices"][0]["message"] for body in bodies]


def test_thinking_is_shown_where_it_was_asked_for(ask: Asker) -> None:
    """The model decides for itself whether it thinks, so only some of the answers have it."""
    vllm = [m for m in messages_of(ask, "vllm", reasoning_effort="high") if m.get("reasoning")]
    openrouter = [
        m
        for fields in (
            {"reasoning": {"effort": "low"}},
            {"reasoning": {"max_tokens": 99}},
            {"include_reasoning": True},
        )
        for m in messages_of(ask, "openrouter", **fields)
        if m.get("reasoning")
    ]

    assert vllm
    assert openrouter
    assert not any("reasoning_details" in message for message in vllm)
    for message in openrouter:
        (detail,) = message["reasoning_details"]
        assert (detail["type"], detail["text"]) == ("reasoning.text", message["reasoning"])


@pytest.mark.parametrize(
    "reasoning", [{"enabled": False}, {"effort": "none"}, {"effort": "high", "exclude": True}]
)
def test_thinking_is_not_shown_where_it_was_not(ask: Asker, reasoning: dict[str, Any]) -> None:
    messages = messages_of(ask, "openrouter", reasoning=reasoning)

    assert not any("reasoning" in message or "reasoning_details" in message for message in messages)


def test_openrouter_tells_the_parts_of_its_cost_to_who_asks(ask: Asker) -> None:
    def usage(**fields: Any) -> dict[str, Any]:
        told: dict[str, Any] = ask.chat(path=CHAT["openrouter"], model="a/b", **fields).json()["usage"]
        return told

    asked = usage(usage={"include": True})
    parts = asked["cost_details"]
    both = parts["upstream_inference_prompt_cost"] + parts["upstream_inference_completions_cost"]

    assert asked["cost"] == pytest.approx(both)
    assert "cost_details" not in usage()


def test_litellm_says_the_cost_and_the_deployment_in_headers(ask: Asker) -> None:
    response = ask.chat(path=CHAT["litellm"], model="my-model")

    assert re.fullmatch(r"0\.\d+", response.headers["x-litellm-response-cost"])
    assert Decimal(response.headers["x-litellm-response-cost"]) > 0
    assert response.headers["x-litellm-model-id"]
    assert "x-litellm-model-id" not in ask.chat().headers
