"""What the simulator answers is what the SDKs say an answer is, and the SDKs' own clients can talk to it."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import anthropic
import httpx
import openai
import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from pydantic import ValidationError

from minference_core.providers import Unsupported
from tests.wire.cases import FORMATS, pinned, request
from tests.wire.servers import IN_ANSWERS, IN_CHOICES, IN_REPLIES, IN_RESPONSES, IN_USAGE
from tests.wire.shapes import problems
from tests.wire.wires import WIRES, taken_out

KEY = "sk-test"


@pytest.fixture(scope="module")
def http(provider: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=provider, timeout=10, headers={"authorization": f"Bearer {KEY}"}) as client:
        yield client


@pytest.mark.parametrize(("name", "form"), list(product(WIRES, FORMATS)))
def test_every_answer_is_what_the_provider_documents(name: str, form: str, http: httpx.Client) -> None:
    wire = WIRES[name]
    server = "" if wire.client in ("openai", "anthropic") else f"/{wire.client}"

    for case in pinned(form, wire):
        if case.history == "thoughts":  # they were never thought there, which it sees by their seals
            continue
        try:
            made = request(wire, case)
        except (Unsupported, ValidationError):
            continue
        answer = http.post(server + made.path, json=made.body, headers={"x-api-key": KEY, **made.headers})
        assert answer.status_code == 200, f"{case.name}: {answer.text}"
        assert _wrong(wire.client, made.path, answer.json()) == [], case.name


def _wrong(client: str, path: str, answer: dict[str, Any]) -> list[str]:
    """What a server says beside OpenAI's fields has a shape of its own."""
    if path == "/v1/messages":
        return problems(answer, Message)
    if path == "/v1/responses":
        own = taken_out(answer, IN_RESPONSES)
        known = {name: value for name, value in answer.items() if name not in own}
        return [*problems(own, IN_RESPONSES), *problems(known, Response)]
    (choice,) = answer["choices"]
    found: list[str] = []
    for values, shapes in (
        (answer, IN_ANSWERS),
        (answer["usage"], IN_USAGE),
        (choice, IN_CHOICES),
        (choice["message"], IN_REPLIES),
    ):
        own = taken_out(values, shapes[client])
        found += problems(own, shapes[client])
        for field in own:
            del values[field]
    return found + problems(answer, ChatCompletion)


# ── the SDKs themselves ───────────────────────────────────────────────────────


def test_the_openai_sdk_completes_a_chat(provider: str) -> None:
    with openai.OpenAI(base_url=f"{provider}/v1", api_key=KEY, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="gpt-4.1-mini",
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Ebb or flood?"},
            ],
            max_completion_tokens=200,
        )

    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_openai_sdk_gets_a_response(provider: str) -> None:
    with openai.OpenAI(base_url=f"{provider}/v1", api_key=KEY, max_retries=0) as client:
        answer = client.responses.create(
            model="gpt-5.6-sol", input="Ebb or flood?", instructions="Be brief.", store=False
        )

    assert answer.status == "completed"
    assert answer.output_text
    assert answer.usage is not None


def test_the_anthropic_sdk_gets_a_message(provider: str) -> None:
    with anthropic.Anthropic(base_url=provider, api_key=KEY, max_retries=0) as client:
        answer = client.messages.create(
            model="claude-opus-5-5",
            max_tokens=1000,
            system="Be brief.",
            messages=[{"role": "user", "content": "Ebb or flood?"}],
        )

    assert answer.stop_reason == "end_turn"
    assert any(block.type == "text" and block.text for block in answer.content)


def test_the_sdks_know_what_the_simulator_refuses(provider: str) -> None:
    with (
        openai.OpenAI(base_url=f"{provider}/v1", api_key=KEY, max_retries=0) as client,
        pytest.raises(openai.BadRequestError) as refused,
    ):
        client.chat.completions.create(model="gpt-4.1-mini", messages=[])
    assert refused.value.param == "messages"

    with (
        anthropic.Anthropic(base_url=provider, api_key=KEY, max_retries=0) as claude,
        pytest.raises(anthropic.BadRequestError) as rejected,
    ):
        claude.messages.create(model="claude-opus-5-5", max_tokens=1000, messages=[])
    assert rejected.value.request_id
