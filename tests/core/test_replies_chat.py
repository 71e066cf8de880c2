"""What is read from an answer of Chat Completions, in every server's way of giving it."""

from typing import Any

import pytest

from minference_core.errors import Undecodable
from minference_core.providers import provider_for
from minference_core.threads import Reply, ToolCall
from tests.core.hostile_bodies import CHAT_USAGE, DETAILS, call, chat, said

SERVERS = ("openai", "vllm", "litellm", "openrouter")
INLINING = ("vllm", "litellm", "openrouter")


def read(client: str, message: Any, finish: Any = "stop", **top: Any) -> Reply:
    return provider_for(client).decode(chat(message, finish, **top))


@pytest.mark.parametrize("client", SERVERS)
def test_h1_text_and_calls_are_both_kept(client: str) -> None:
    reply = read(client, said("I look.", tool_calls=[call("tides", '{"bay": "Fundy"}')]), "tool_calls")

    assert reply.text == "I look."
    assert reply.tool_calls == (ToolCall(call_id="call_1", name="tides", arguments={"bay": "Fundy"}),)
    assert (reply.finish, reply.finish_reason, reply.model) == ("tool_calls", "tool_calls", "m-1")


@pytest.mark.parametrize("text", ["42", "[1, 2]", "Look:\n```json\n{}\n```\n", "  a\n\n", "\n<b>é</b>\u2028"])
@pytest.mark.parametrize("client", SERVERS)
def test_h5_a_text_is_verbatim_whatever_it_looks_like(client: str, text: str) -> None:
    reply = read(client, said(text))

    assert (reply.text, reply.reasoning, reply.tool_calls) == (text, None, ())


def test_a_text_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a "}, {"type": "output_text", "text": "b"}, " c", {"type": "audio"}]

    assert read("litellm", said(parts)).text == "a b c"


@pytest.mark.parametrize(
    ("finish", "ours"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("content_filter", "content_filter"),
        ("SAFETY", "content_filter"),
        ("refusal", "refusal"),
        ("because", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_every_finish_reason_has_our_word_beside_its_own(finish: Any, ours: str) -> None:
    reply = read("openrouter", said("Hi."), finish)

    assert (reply.finish, reply.finish_reason) == (ours, finish)


@pytest.mark.parametrize("finish", ["error", "abort"])
def test_a_reply_that_came_to_no_end_is_none(finish: str) -> None:
    with pytest.raises(Undecodable, match=f"its finish_reason is {finish}"):
        read("openrouter", said("Half a sent"), finish)


@pytest.mark.parametrize("message", [None, said(None), said("Half")])
def test_what_azures_filter_withholds_is_told_whatever_is_left_of_the_message(message: Any) -> None:
    results = {"hate": {"filtered": False}, "violence": {"filtered": True, "severity": "high"}}
    choice = {"finish_reason": "content_filter", "message": message, "content_filter_results": results}

    for finish in ("content_filter", "stop", None):
        reply = provider_for("openai").decode({"choices": [choice | {"finish_reason": finish}]})
        assert reply.finish == "content_filter"
        assert reply.finish_reason == finish


def test_what_azures_filter_lets_pass_is_a_reply() -> None:
    choice = {"finish_reason": "stop", "message": said("Hi."), "content_filter_results": {}}
    choice["content_filter_results"] = {
        "hate": {"filtered": False},
        "error": {"code": "content_filter_error"},
    }

    assert provider_for("openai").decode({"choices": [choice]}).finish == "stop"


@pytest.mark.parametrize(
    "message", [said(None, refusal="I can't."), said([{"type": "refusal", "refusal": "I can't."}])]
)
def test_a_refusal_is_the_models_own_words(message: Any) -> None:
    reply = read("openai", message)

    assert (reply.text, reply.finish, reply.finish_reason) == ("I can't.", "refusal", "refusal")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"error": {"code": "gremlins", "message": "no"}}, "gremlins: no"),
        ({"error": "overloaded"}, "overloaded"),
        ({"error": ["a"]}, r'\["a"\]'),
        ({"choices": [{"error": {"message": "no", "code": 502}}]}, "502: no"),
        ({"choices": []}, "choices is empty"),
        ({"choices": [None]}, r"choices\[0\] is NoneType"),
        ({"choices": [{"message": None, "finish_reason": "stop"}]}, "message is NoneType"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_servers_words(body: Any, why: str) -> None:
    with pytest.raises(Undecodable, match=why):
        provider_for("openrouter").decode(body)


# ── reasoning ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "field"),
    [
        ("vllm", "reasoning"),
        ("vllm", "reasoning_content"),
        ("litellm", "reasoning_content"),
        ("openrouter", "reasoning"),
    ],
)
def test_h6_k4_reasoning_is_kept_apart_from_the_text(client: str, field: str) -> None:
    reply = read(client, said("4", **{field: "2+2"}))

    assert (reply.text, reply.reasoning) == ("4", "2+2")


def test_k4_without_reasoning_there_is_none() -> None:
    assert read("openrouter", said("4", reasoning="", reasoning_details=[])).reasoning is None
    assert read("openai", said("4", reasoning="2+2")).reasoning is None


def test_h6_reasoning_that_is_only_told_in_detail_is_read_there() -> None:
    details = [*DETAILS, {"type": "reasoning.summary", "summary": "Looked."}]

    assert read("openrouter", said("4", reasoning_details=details)).reasoning == "I should look.\n\nLooked."
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "4"},
    ]
    magistral = read("litellm", said(parts))
    assert (magistral.text, magistral.reasoning) == ("4", "hm")


def test_reasoning_that_has_to_go_back_with_the_calls_is_carried_as_it_came() -> None:
    called = said(None, reasoning="hm", reasoning_details=DETAILS, tool_calls=[call("tides", "{}")])

    assert read("openrouter", called).carried == tuple(DETAILS)
    assert read("openrouter", {**called, "tool_calls": None}).carried == ()
    assert read("openrouter", {**called, "tool_calls": [call("tides", "{}", None)]}).carried == ()
    assert read("openrouter", {**called, "reasoning_details": [{"data": "\ud800"}]}).carried == ()
    assert read("openai", called).carried == ()


@pytest.mark.parametrize(
    ("text", "reasoning", "left"),
    [
        ("<think>2+2</think>4", "2+2", "4"),
        ("\n <think>\n2+2\n</think>\n\n4\n", "2+2", "4\n"),
        ("<think>2+2</think>  4", "2+2", "  4"),
        ("<think>\n\n</think>\n\n4", None, "4"),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("2+2\n</think>\n4", "2+2", "4"),
        ("</think>\n4", None, "4"),
        ("Close it with </think> and go on.", None, "Close it with </think> and go on."),
    ],
)
@pytest.mark.parametrize("client", INLINING)
def test_k4_thinking_that_a_server_left_in_the_text_is_taken_out_of_it(
    client: str, text: str, reasoning: str | None, left: str
) -> None:
    reply = read(client, said(text, reasoning=None, reasoning_content=""))

    assert (reply.reasoning, reply.text) == (reasoning, left)


@pytest.mark.parametrize(
    "text",
    [
        "4 <think>2+2</think>",
        "Models write <think> and </think>.",
        "<think>never closed",
        "a <think> b",
        "<thinking>a</thinking>b",
    ],
)
def test_k4_words_about_tags_stay_words(text: str) -> None:
    assert (read("vllm", said(text)).text, read("vllm", said(text)).reasoning) == (text, None)


def test_k4_a_reply_cut_off_while_thinking_says_nothing() -> None:
    reply = read("vllm", said("<think>\n2+"), "length")

    assert (reply.reasoning, reply.text, reply.finish) == ("2+", "", "length")


@pytest.mark.parametrize("text", ["<think>2+2</think>4", "2+2</think>4"])
def test_k4_tags_are_words_where_the_thinking_is_told_apart_and_at_openai(text: str) -> None:
    assert read("openai", said(text)).text == text
    assert read("vllm", said(text, reasoning="hm")).text == text
    assert read("openrouter", said(text, reasoning_details=DETAILS)).text == text


def test_k3_the_reasoning_of_deepseek_r1_is_read_however_it_comes() -> None:
    separate = read("openrouter", said("4", reasoning="2+2"))
    inline = read("openrouter", said("<think>2+2</think>\n4"))

    assert (separate.text, separate.reasoning) == (inline.text, inline.reasoning) == ("4", "2+2")


def test_k5_reasoning_tokens_are_kept() -> None:
    assert read("openai", said("4"), usage=CHAT_USAGE).usage.reasoning_tokens == 5
