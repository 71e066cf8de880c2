"""What is read from an answer of Anthropic's Messages API."""

from typing import Any

import pytest

from minference_core.errors import Undecodable
from minference_core.providers import provider_for
from minference_core.threads import Reply, ToolCall
from tests.core.hostile_bodies import REDACTED, THINKING, TOOL_USE, WEB_SEARCH, claude


def read(*blocks: Any, stop: Any = "end_turn", **top: Any) -> Reply:
    return provider_for("anthropic").decode(claude(*blocks, stop=stop, **top))


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    "words", ["42", "[1, 2]", "  a\n", "<think>a</think>b", '<tool_use>{"a": 1}</tool_use>']
)
def test_h8_a_text_is_verbatim_whatever_it_looks_like(words: str) -> None:
    reply = read(text(words))

    assert (reply.text, reply.reasoning, reply.tool_calls) == (words, None, ())


def test_h8_every_text_is_read_and_what_the_provider_did_itself_passed_over() -> None:
    result = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"title": "t"}]}

    reply = read(text("I look. "), WEB_SEARCH, result, text("There."), {"type": "hologram", "text": "boo"})

    assert (reply.text, reply.tool_calls, reply.carried) == ("I look. There.", (), ())


def test_h9_every_call_is_read_in_order_beside_the_text() -> None:
    second = {**TOOL_USE, "id": "toolu_2", "name": "joke", "input": {}}

    reply = read(text("I look."), TOOL_USE, WEB_SEARCH, second, stop="tool_use")

    assert reply.text == "I look."
    assert reply.tool_calls == (
        ToolCall(call_id="toolu_1", name="tides", arguments={"bay": "Fundy"}),
        ToolCall(call_id="toolu_2", name="joke", arguments={}),
    )


def test_blocks_with_thinking_and_calls_are_carried_as_they_came() -> None:
    for thinking in (THINKING, REDACTED):
        blocks = (thinking, text("I look."), WEB_SEARCH, TOOL_USE)
        assert read(*blocks, stop="tool_use").carried == blocks


@pytest.mark.parametrize(
    "blocks",
    [
        (THINKING, text("Hi.")),
        (text("Hi."), TOOL_USE),
        (THINKING, TOOL_USE, TOOL_USE),
        (THINKING, {**TOOL_USE, "id": None}),
        ({**THINKING, "signature": "\ud800"}, TOOL_USE),
        ({**THINKING, "x": float("nan")}, TOOL_USE),
    ],
    ids=["no call", "no thinking", "one id twice", "no id", "half a surrogate pair", "NaN"],
)
def test_blocks_that_need_not_or_could_not_go_back_are_not_carried(blocks: tuple[Any, ...]) -> None:
    assert read(*blocks).carried == ()


def test_thinking_is_kept_apart_and_what_is_redacted_says_nothing() -> None:
    reply = read(THINKING, REDACTED, text("Hi."))

    assert (reply.reasoning, reply.text) == ("I should look.", "Hi.")
    assert read(REDACTED, text("Hi.")).reasoning is None


@pytest.mark.parametrize(
    ("stop", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "refusal"),
        ("pause_turn", "length"),
        ("bored", "other"),
        (None, "other"),
    ],
)
def test_every_stop_reason_has_our_word_beside_its_own(stop: Any, ours: str) -> None:
    reply = read(text("Hi."), stop=stop)

    assert (reply.finish, reply.finish_reason) == (ours, stop)


def test_a_refusal_without_words_is_explained_by_the_provider() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "This could do harm."}

    assert read(stop="refusal", stop_details=details).text == "This could do harm."
    assert read(text("I can"), stop="refusal", stop_details=details).text == "I can"
    assert read(stop="refusal").text == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"type": "error", "error": {"type": "new_error", "message": "no"}}, "new_error: no"),
        ({"type": "error", "error": None}, "does not say why"),
        ({"type": "message", "content": None}, "content is missing"),
        ([], "the body is list"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_providers_words(body: Any, why: str) -> None:
    with pytest.raises(Undecodable, match=why):
        provider_for("anthropic").decode(body)
