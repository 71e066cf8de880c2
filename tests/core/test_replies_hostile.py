"""
No answer raises, whatever it holds: it is a reply that the turn rules and the store can take, or an error
with words, and its raw text stays what it was.

Through a whole run such answers go in test_hostile_answers.py.
"""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minference_core import ids
from minference_core.errors import ErrorClass
from minference_core.requests import (
    Answer,
    Attempt,
    PreparedRequest,
    RawOutput,
    interpret,
    prepare,
    price,
    raw_result,
)
from minference_core.threads import ChatThread, Conversation, LLMConfig, Reply, next_request
from minference_core.tools import StructuredTool
from tests.conftest import INSTANT
from tests.core.hostile_bodies import CLIENTS, ODD, REAL, changed, hand_made, mutated, paths

BORN: dict[str, Any] = {"lineage_id": ids.lineage_id(INSTANT, "t"), "created_at": INSTANT}
LATER = INSTANT + timedelta(seconds=1)
SCHEMA = {"type": "object", "properties": {"bay": {"type": "string"}}, "required": ["bay"]}
HAND_MADE = hand_made()


def request(client: str, form: str) -> PreparedRequest:
    tools = [StructuredTool.cold(**BORN, name=name, json_schema=SCHEMA) for name in ("tides", "joke")]
    thread = ChatThread.cold(
        **BORN,
        llm_config=LLMConfig.cold(**BORN, client=client, model="claude-haiku-5-5", response_format=form),
        new_message="How are the tides?",
        forced_output=tools[0],
        tools=tools,
    )
    begun = Conversation(thread_key="t", sample=0, generation=0, thread=thread)
    ready = next_request(begun, at=INSTANT)
    assert ready is not None
    return prepare(ready)


REQUESTS = {(client, form): request(client, form) for client in CLIENTS for form in ("text", "auto_tools")}


def answered(body: str | None, status: int = 200) -> Attempt:
    return Attempt(
        number=1,
        status=status,
        body=body,
        error=None,
        error_message=None,
        provider_request_id=None,
        first_sent_at=INSTANT,
        finished_at=LATER,
    )


def check(client: str, body: str, *forms: str) -> Reply | None:
    """All that is done with an answer."""
    attempt = answered(body)
    meaning = interpret(client, attempt)
    assert attempt.body == body
    if meaning.reply is None:
        assert isinstance(meaning.error, ErrorClass)
        assert meaning.message
        assert meaning.message.encode()
    else:
        check_written(meaning.reply)
        price(client, "claude-haiku-5-5", meaning.reply.usage)
    for form in forms:
        step = Answer.of(REQUESTS[client, form], attempt).step()
        heard = step.after.thread.history[1:]
        assert bool(heard) == (meaning.reply is not None)
        assert ids.json_text([message.model_dump(mode="json") for message in heard]).encode()
        check_raw_output(client, body, REQUESTS[client, form].wire.body)
    return meaning.reply


def check_written(reply: Reply) -> None:
    """It can be stored: text that UTF-8 can say, JSON, counts and amounts within bounds."""
    words = (reply.text, reply.reasoning or "", reply.finish_reason or "", reply.model or "")
    assert all(said == said.encode().decode() for said in words)
    for call in reply.tool_calls:
        assert ids.json_text([call.call_id, call.name, call.arguments, call.problem]).encode()
    assert len({call.call_id for call in reply.tool_calls}) == len(reply.tool_calls)
    assert ids.json_text(reply.carried).encode()
    cost = reply.usage.provider_cost_usd
    assert cost is None or (cost.is_finite() and 0 <= cost <= Decimal(10**6))


def check_raw_output(client: str, body: str, sent: dict[str, Any]) -> None:
    """H10: the same, read without the thread."""
    raw = RawOutput.cold(
        raw_result=raw_result(body, None),
        completion_kwargs=sent,
        start_time=0.0,
        end_time=1.0,
        client=client,
    )
    assert raw.contains_object == (raw.json_object is not None)
    if raw.error is not None:
        assert (raw.str_content, raw.json_object, raw.usage) == (None, None, None)


def test_there_are_enough_of_them() -> None:
    assert len(HAND_MADE) * len(CLIENTS) > 800
    assert sum(1 for _, body in REAL.values() for _ in mutated(body)) > 5_000


@pytest.mark.parametrize("name", HAND_MADE)
def test_no_odd_answer_raises_whoever_is_said_to_have_given_it(name: str) -> None:
    for client in CLIENTS:
        check(client, HAND_MADE[name], "text", "auto_tools")


@pytest.mark.parametrize("name", REAL)
def test_a_documented_answer_with_anything_wrong_in_one_place_does_not_raise(name: str) -> None:
    client, body = REAL[name]
    for number, odd in enumerate(mutated(body)):
        text = json.dumps(odd)
        check(client, text, *(("auto_tools",) if number % 10 == 0 else ()))
        if number % 10 == 0:
            for other in CLIENTS:
                check(other, text)


@pytest.mark.parametrize("name", REAL)
def test_a_documented_answer_that_was_cut_off_anywhere_is_no_answer(name: str) -> None:
    client, body = REAL[name]
    text = json.dumps(body)
    for end in range(len(text)):
        assert interpret(client, answered(text[:end])).error == ErrorClass.UNDECODABLE


@pytest.mark.parametrize("status", [300, 400, 402, 403, 404, 429, 500, 503, 529, 599])
def test_no_refusal_raises_whatever_its_body(status: int) -> None:
    for body in HAND_MADE.values():
        for client in CLIENTS:
            meaning = interpret(client, answered(body, status))
            assert meaning.reply is None
            assert meaning.error is not None
            assert (meaning.message or "").encode()


def test_an_answer_without_a_body_is_none() -> None:
    """H7: the reason is a text."""
    for client in CLIENTS:
        meaning = interpret(client, answered(None))
        assert (meaning.reply, meaning.error) == (None, ErrorClass.UNDECODABLE)


odd_values = st.sampled_from(ODD) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A documented answer with up to four things wrong, and perhaps its text as well."""
    client, body = draw(st.sampled_from(list(REAL.values())))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(paths(body) or [("id",)]))
        how = draw(st.sampled_from(["replace", "replace", "leave_out", "double"]))
        body = changed(body, path, draw(odd_values), leave_out=how == "leave_out", double=how == "double")
    text = json.dumps(body, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=8)) + text[at + draw(st.integers(0, 8)) :]
    return client, text


@given(mutations(), st.sampled_from(CLIENTS))
def test_nor_does_one_with_several_things_wrong(made: tuple[str, str], other: str) -> None:
    client, body = made
    check(client, body, "text", "auto_tools")
    check(other, body)


@given(st.text(max_size=200), st.sampled_from(CLIENTS))
def test_nor_does_any_text(body: str, client: str) -> None:
    check(client, body)
