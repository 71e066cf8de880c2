"""The two smaller APIs of OpenAI's that the simulator serves: Completions and Embeddings."""

import base64
import math
from array import array
from typing import Any

import httpx
import pytest

from tests.core.simulator.conftest import Asker, Running

Body = dict[str, Any]


def post(ask: Asker, path: str, body: Body, key: str = "sk-test") -> httpx.Response:
    return ask.http.post(path, json=body, headers={"Authorization": f"Bearer {key}"})


def completion(ask: Asker, *, path: str = "/v1/completions", **fields: Any) -> httpx.Response:
    return post(ask, path, {"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon a time", **fields})


def embedding(ask: Asker, told: Any = "the tide is high", **fields: Any) -> httpx.Response:
    return post(ask, "/v1/embeddings", {"model": "text-embedding-3-small", "input": told, **fields})


def test_a_completion_goes_on_from_each_prompt_n_times(ask: Asker) -> None:
    body = completion(ask, prompt=["One", "Two"], n=2, max_tokens=5).json()

    assert body["object"] == "text_completion"
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2, 3]
    assert all(choice["text"] and choice["finish_reason"] == "length" for choice in body["choices"])
    assert body["usage"]["completion_tokens"] == 20


def test_a_prompt_of_tokens_weighs_as_many(ask: Asker) -> None:
    assert completion(ask, prompt=[5, 6, 7]).json()["usage"]["prompt_tokens"] == 3
    assert completion(ask, prompt=[[5, 6], [7]]).json()["usage"]["prompt_tokens"] == 3
    assert embedding(ask, [[5, 6], [7]]).json()["usage"]["prompt_tokens"] == 3


def test_an_embedding_is_a_vector_of_length_one_and_the_same_for_the_same_text(ask: Asker) -> None:
    first = embedding(ask, ["a", "b", "a"]).json()
    vectors = [item["embedding"] for item in first["data"]]

    assert [len(vector) for vector in vectors] == [1_536] * 3
    assert math.hypot(*vectors[0]) == pytest.approx(1.0, abs=1e-5)
    assert vectors[0] == vectors[2] != vectors[1]


def test_an_embedding_can_be_shorter_and_in_base64(ask: Asker) -> None:
    short = embedding(ask, dimensions=8).json()["data"][0]["embedding"]
    packed = embedding(ask, dimensions=8, encoding_format="base64").json()["data"][0]["embedding"]

    assert array("f", base64.b64decode(packed)).tolist() == short


@pytest.mark.parametrize("told", ["", [], ["a", ""], ["a", 1], [1, "a"], [[1, "a"]], [["a"]]])
def test_an_input_that_is_none_is_a_400(ask: Asker, told: Any) -> None:
    assert embedding(ask, told).status_code == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"input": "word " * 40_000}, 400),
        ({"model": "gpt-4.1-mini"}, 404),
        ({"dimensions": 0}, 400),
        ({"encoding_format": "hex"}, 400),
    ],
)
def test_what_cannot_be_embedded_is_refused(ask: Asker, fields: Body, status: int) -> None:
    assert embedding(ask, **{"told": fields.pop("input", "a"), **fields}).status_code == status


def test_a_chat_model_is_not_for_completions_at_openai_and_any_model_is_elsewhere(ask: Asker) -> None:
    refused = completion(ask, model="gpt-4.1-mini")

    assert refused.status_code == 404
    assert "v1/chat/completions" in refused.json()["error"]["message"]
    assert completion(ask, path="/vllm/v1/completions", model="llama-3").status_code == 200


def test_a_completion_without_a_key_or_with_a_wrong_number_is_refused(ask: Asker) -> None:
    assert ask.http.post("/v1/completions", json={}).status_code == 401
    assert completion(ask, max_tokens=0).status_code == 400
    assert completion(ask, max_tokens=99_999).status_code == 400


def test_both_count_against_the_limits(running: Running) -> None:
    with running(tokens_per_minute=60) as ask:
        assert embedding(ask, "word " * 300).status_code == 429
        assert completion(ask, max_tokens=300).status_code == 429
