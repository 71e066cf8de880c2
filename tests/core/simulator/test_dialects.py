"""One port serves the four servers that speak Chat Completions; the first segment of the path says which."""

import json

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
