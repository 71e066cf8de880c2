"""Answers made by the SDKs' own models: read to the last field, and sent again in every wire format."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from minference_core.errors import ErrorClass
from minference_core.providers import provider_of
from minference_core.requests import Attempt, Meaning, interpret
from minference_core.threads import (
    ChatThread,
    Conversation,
    LLMConfig,
    Reply,
    ToolResult,
    apply,
    judge,
    next_request,
)
from tests.wire.answers import ANSWERS, Answer
from tests.wire.cases import joke, tides
from tests.wire.shapes import problems
from tests.wire.wires import WIRES, Wire, request_problems

AT = datetime(2026, 11, 16, tzinfo=UTC)
SECRETS = ("EqQBCg==", "EmwKAh==", "gAAAAA==")  # what only who wrote it can read
CALLING = [name for name, answer in ANSWERS.items() if answer.reply.tool_calls]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_to_the_last_field(name: str) -> None:
    answer = ANSWERS[name]
    full = answer.made.model_dump(mode="json", by_alias=True)
    sparse = answer.made.model_dump(mode="json", by_alias=True, exclude_unset=True)

    assert problems(sparse, type(answer.made)) == []
    for body in (full, sparse):
        reply = _read(answer, body).reply
        assert reply is not None
        assert replace(reply, carried=tuple(map(_without_nulls, reply.carried))) == answer.reply


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("failed", "server_error", ErrorClass.SERVER),
        ("failed", "rate_limit_exceeded", ErrorClass.RATE_LIMIT),
        ("failed", "invalid_prompt", ErrorClass.BAD_REQUEST),
        ("failed", "image_content_policy_violation", ErrorClass.CONTENT_FILTER),
        ("cancelled", None, ErrorClass.UNDECODABLE),
        ("queued", None, ErrorClass.UNDECODABLE),
        ("in_progress", None, ErrorClass.UNDECODABLE),
    ],
)
def test_a_response_without_an_answer_is_an_error(
    status: str, code: str | None, expected: ErrorClass
) -> None:
    answer = ANSWERS["responses: words"]
    error = None if code is None else {"code": code, "message": "It broke."}
    body = answer.made.model_dump(mode="json", by_alias=True, exclude_unset=True)
    body |= {"status": status, "error": error, "output": []}

    assert problems(body, type(answer.made)) == []
    meaning = _read(answer, body)
    assert (meaning.reply, meaning.error) == (None, expected)


@pytest.mark.parametrize(("name", "target"), list(product(ANSWERS, WIRES)))
def test_a_thread_goes_on_in_every_wire_format(name: str, target: str) -> None:
    answer, wire = ANSWERS[name], WIRES[target]
    thread = _after(answer)

    for new_message in ("And then?", None):
        moved = _moved(thread, wire, new_message)
        sent = provider_of(moved).encode(moved)
        assert sent.path == wire.path
        assert request_problems(wire.client, sent) == []
        written = json.dumps(sent.body, ensure_ascii=False)
        assert all(call.call_id in written for call in answer.reply.tool_calls)
        if wire.name != answer.wire:
            assert not any(secret in written for secret in SECRETS)


@pytest.mark.parametrize("name", CALLING)
def test_what_has_to_go_back_goes_back_unchanged(name: str) -> None:
    answer = ANSWERS[name]
    thread = _after(answer)

    sent = provider_of(thread).encode(thread)

    said = sent.body["input"] if "input" in sent.body else sent.body["messages"]
    if sent.path == "/v1/messages":
        said = said[1]["content"]
    carried = list(answer.reply.carried)
    assert [part for part in said if part in carried] == carried
    assert len(carried) in (0, len([part for part in said if part.get("type") in _KINDS]))


_KINDS = ("reasoning", "message", "function_call", "thinking", "redacted_thinking", "text", "tool_use")


def _after(answer: Answer) -> ChatThread:
    """The thread that was answered so, its calls run."""
    wire = WIRES[answer.wire]
    config = LLMConfig(client=wire.client, model=wire.model, **wire.config, response_format="auto_tools")
    asked = ChatThread(llm_config=config, tools=[tides(), joke()], new_message="When is high tide?")
    conversation = next_request(Conversation(thread_key="t", sample=0, generation=0, thread=asked), at=AT)
    assert conversation is not None
    meaning = _read(answer, answer.made.model_dump(mode="json", by_alias=True))
    assert meaning.reply is not None
    return apply(
        conversation,
        meaning.reply,
        at=AT + timedelta(seconds=1),
        results=_results(meaning.reply),
        verdict=judge(conversation.thread, meaning.reply),
        wire=wire.dialect,
    ).thread


def _results(reply: Reply) -> list[ToolResult]:
    return [
        ToolResult(call=call, content=json.dumps({"result": place}), is_error=place > 0)
        for place, call in enumerate(reply.tool_calls)
    ]


def _moved(thread: ChatThread, wire: Wire, new_message: str | None) -> ChatThread:
    config = LLMConfig(client=wire.client, model=wire.model, **wire.config, response_format="auto_tools")
    return thread.evolve(at=AT + timedelta(minutes=1), llm_config=config, new_message=new_message)


def _read(answer: Answer, body: dict[str, Any]) -> Meaning:
    attempt = Attempt(
        number=1,
        status=200,
        body=json.dumps(body),
        error=None,
        error_message=None,
        provider_request_id=None,
        first_sent_at=AT,
        finished_at=AT,
    )
    return interpret(WIRES[answer.wire].client, attempt)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
