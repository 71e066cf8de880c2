"""What is read from an answer of OpenAI's Responses API."""

import json
from typing import Any

import pytest

from minference_core.errors import ErrorClass, Undecodable
from minference_core.providers import classify, error_in_answer, reader
from minference_core.providers.openai_responses_reply import read_reply
from minference_core.threads import ToolCall
from tests.core.hostile_bodies import REASONING, chat, function_call, output_text, response, said


def test_h1_the_text_of_every_message_is_joined_in_order() -> None:
    reply = read_reply(response(output_text("I ", "look. "), {"type": "hologram"}, output_text("There.")))

    assert (reply.text, reply.finish, reply.finish_reason) == ("I look. There.", "stop", "completed")
    assert (reply.model, reply.tool_calls, reply.carried) == ("gpt-5.4", (), ())


def test_h1_calls_are_read_in_order_under_the_id_that_their_results_go_by() -> None:
    reply = read_reply(
        response(
            output_text("I look."),
            function_call("tides", '{"bay": "Fundy", "deep": True}', "call_1"),
            function_call("joke", "", "call_2"),
        )
    )

    assert (reply.text, reply.finish) == ("I look.", "tool_calls")
    assert reply.tool_calls == (
        ToolCall(call_id="call_1", name="tides", arguments={"bay": "Fundy", "deep": True}),
        ToolCall(call_id="call_2", name="joke", arguments={}),
    )


def test_a_call_that_was_cut_off_is_a_reply_that_was_cut_off() -> None:
    cut = response(
        function_call("tides", '{"bay": '),
        status="incomplete",
        incomplete_details={"reason": "max_output_tokens"},
    )

    assert read_reply(cut).finish == "length"
    assert read_reply(cut).tool_calls[0].problem is not None


def test_items_with_reasoning_and_calls_are_carried_as_they_came() -> None:
    items = (REASONING, output_text("I look.", phase="commentary"), function_call("tides", "{}"))

    assert read_reply(response(*items)).carried == items
    assert read_reply(response(*items[:2])).carried == ()
    assert read_reply(response(*items[1:])).carried == ()
    assert read_reply(response(*items, items[2])).carried == ()


def test_reasoning_is_its_summary_or_what_the_server_shows_of_it() -> None:
    summaries = [{"type": "summary_text", "text": "One."}, {"type": "summary_text", "text": "Two."}]
    whole = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}

    reply = read_reply(response({"type": "reasoning", "summary": summaries}, whole, output_text("4")))

    assert (reply.reasoning, reply.text) == ("One.\n\nTwo.\n\nHm.", "4")
    assert read_reply(response({**REASONING, "summary": []}, output_text("4"))).reasoning is None


def test_a_refusal_is_the_models_own_words() -> None:
    parts = [{"type": "output_text", "text": "Well: "}, {"type": "refusal", "refusal": "I can't."}]

    reply = read_reply(response({"type": "message", "content": parts}))

    assert (reply.text, reply.finish, reply.finish_reason) == ("I can't.", "refusal", "refusal")


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("max_output_tokens", "length"),
        ("content_filter", "content_filter"),
        ("steered", "length"),
        (None, "length"),
    ],
)
def test_a_response_that_is_incomplete_says_why(reason: str | None, ours: str) -> None:
    details = {"reason": reason}

    reply = read_reply(response(output_text("H"), status="incomplete", incomplete_details=details))

    assert (reply.text, reply.finish, reply.finish_reason) == ("H", ours, reason or "incomplete")


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_a_response_that_is_not_there_yet_is_no_answer(status: str) -> None:
    with pytest.raises(Undecodable, match=f"the response is {status}"):
        read_reply(response(status=status))


def test_a_response_that_failed_names_its_error() -> None:
    with pytest.raises(Undecodable, match="the response failed: gremlins: eek"):
        read_reply(response(status="failed", error={"code": "gremlins", "message": "eek"}))
    with pytest.raises(Undecodable, match="the response failed: it does not say why"):
        read_reply(response(status="failed"))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("server_error", ErrorClass.SERVER),
        ("rate_limit_exceeded", ErrorClass.RATE_LIMIT),
        ("insufficient_quota", ErrorClass.QUOTA),
        ("vector_store_timeout", ErrorClass.TIMEOUT),
        ("invalid_prompt", ErrorClass.BAD_REQUEST),
        ("bio_policy", ErrorClass.CONTENT_FILTER),
        ("429", ErrorClass.RATE_LIMIT),
        (502, ErrorClass.SERVER),
    ],
)
def test_an_error_inside_a_200_is_classed_as_if_it_had_come_with_its_status(
    code: Any, expected: ErrorClass
) -> None:
    failed = response(status="failed", error={"code": code, "message": "eek"})

    status = error_in_answer(failed)

    assert status is not None
    assert classify(status, json.dumps(failed)) == (expected, "eek")


@pytest.mark.parametrize(
    "body",
    [
        response(output_text("Hi.")),
        {"error": {"code": "gremlins"}},
        {"error": {"code": 200}},
        {"error": {"code": True}},
        {"error": {"code": ["server_error"]}},
        {"error": "server_error"},
        {"error": None},
        [],
        None,
    ],
)
def test_what_says_no_status_has_none(body: Any) -> None:
    assert error_in_answer(body) is None


def test_other_errors_inside_a_200_have_a_status_too() -> None:
    assert error_in_answer({"type": "error", "error": {"type": "overloaded_error"}}) == 529
    assert error_in_answer({"object": "error", "message": "no", "code": 400}) == 400
    assert error_in_answer({"error": {"code": None, "type": "rate_limit_error"}}) == 429


@pytest.mark.parametrize("body", [[], {"output": None}, {"output": "Hi."}, {"object": "response"}])
def test_what_is_no_response_is_refused(body: Any) -> None:
    with pytest.raises(Undecodable):
        read_reply(body)


def test_an_answer_is_read_in_the_format_that_it_is_in() -> None:
    hi = response(output_text("Hi."))

    assert reader("openai", hi).decode(hi).text == "Hi."
    assert reader("openai", chat(said("Ho."))).decode(chat(said("Ho."))).text == "Ho."
