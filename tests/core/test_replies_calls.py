"""Calls: how their arguments may be written, and those that are written into words."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from minference_core.providers import provider_for
from minference_core.providers.calls import arguments_from_json, arguments_from_text
from minference_core.providers.embedded_calls import call_from_text, with_embedded_calls
from minference_core.requests import RawOutput
from minference_core.threads import Reply, parse_json_string
from tests.core.hostile_bodies import call, chat, claude, function_call, output_text, response, said

OFFERED = ("tides", "joke")
TAGS = [
    ("<tool_call>", "</tool_call>"),
    ("<TOOL_CALL>", "</TOOL_CALL>"),
    ("[TOOL_REQUEST]", "[END_TOOL_REQUEST]"),
    ("<tool_use>", "</tool_use>"),
]
CALL = '{"name": "tides", "arguments": {"bay": "Fundy"}}'
FUNDY = {"bay": "Fundy"}


def embedded(text: str, finish: Any = "stop") -> Reply:
    return with_embedded_calls(Reply(text=text, finish=finish, finish_reason=finish), OFFERED)


def found(text: str) -> list[tuple[str, dict[str, Any], str | None]]:
    return [(one.name, one.arguments, one.problem) for one in embedded(text).tool_calls]


# ── arguments ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"a": True, "b": [None, False,],}', {"a": True, "b": [None, False]}),
        ('{"a": "True, None,}"}', {"a": "True, None,}"}),
        ('```\n{"a": 1,}\n```', {"a": 1}),
        (json.dumps('{"a": 1}'), {"a": 1}),
        (json.dumps(json.dumps('{"a": True}')), {"a": True}),
        (json.dumps("[1]"), {"value": "[1]"}),
        ('""', {}),
        ("\n", {}),
        ('\ufeff{"a": 1}', {"a": 1}),
    ],
)
def test_h3_arguments_are_read_as_models_write_them(text: str, read: dict[str, Any]) -> None:
    assert arguments_from_text(text) == (read, None)


@pytest.mark.parametrize("text", ["{", '{"a": 1} or so', "{'a': 1}", '{"a": Infinity}', '"' + "[" * 9_999])
def test_h3_what_cannot_be_used_is_kept_with_the_reason(text: str) -> None:
    arguments, problem = arguments_from_text(text)

    assert arguments == {"raw": text}
    assert problem is not None


def test_h9_an_object_in_a_text_is_the_object() -> None:
    assert arguments_from_json('{"a": 1}') == ({"a": 1}, None)
    assert arguments_from_json("Fundy") == ({"value": "Fundy"}, None)


@pytest.mark.parametrize(
    ("arguments", "name", "read"),
    [
        (f"<tool_call>{CALL}</tool_call>", "tides", FUNDY),
        (f"Well.\n<tool_call>\n{CALL}\n</tool_call> So.", "tides", FUNDY),
        (
            '<tool_call>{"name": "tides", "arguments": "{\\"bay\\": True}"}</tool_call>',
            "tides",
            {"bay": True},
        ),
        ('<tool_call>{"bay": "Fundy"}</tool_call>', "native", FUNDY),
        (f"<tool_use>{CALL}", "tides", FUNDY),
    ],
)
def test_h2_a_call_in_the_arguments_of_a_call_is_the_one_that_is_meant(
    arguments: str, name: str, read: dict[str, Any]
) -> None:
    chat_reply = provider_for("vllm").decode(chat(said(None, tool_calls=[call("native", arguments)])))
    item = call_from_text("call_1", "native", arguments)

    (one,) = chat_reply.tool_calls
    assert (one.call_id, one.name, one.arguments, one.problem) == ("call_1", name, read, None)
    assert item == ("call_1", name, (read, None))


def test_h2_tags_within_proper_arguments_are_words() -> None:
    arguments = {"text": f"<tool_call>{CALL}</tool_call>"}

    assert call_from_text("c", "native", json.dumps(arguments)) == ("c", "native", (arguments, None))


def test_h2_a_call_in_arguments_that_is_broken_leaves_them_as_they_are() -> None:
    arguments = "<tool_call>{broken</tool_call>"

    name, (read, problem) = call_from_text("c", "native", arguments)[1:]

    assert (name, read) == ("native", {"raw": arguments})
    assert problem is not None


# ── calls in the text ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(("opening", "closing"), TAGS)
@pytest.mark.parametrize(
    "inside",
    [
        CALL,
        f"\n{CALL}\n",
        f"```json\n{CALL}\n```",
        '{"function": {"name": "tides", "arguments": "{\\"bay\\": \\"Fundy\\"}"}}',
        '{"function": {"name": "tides", "arguments": {"bay": "Fundy"}}}',
        '{"function": "tides", "arguments": {"bay": "Fundy"}}',
        '{"name": "tides", "arguments": "{\\"bay\\": \\"Fundy\\"}"}',
        '{"name": "tides", "parameters": {"bay": "Fundy"}}',
        '{"name": "tides", "arguments": {"bay": "Fundy",},}',
    ],
)
def test_h4_a_call_in_tags_is_a_call(opening: str, closing: str, inside: str) -> None:
    reply = embedded(f"I look.\n\n{opening}{inside}{closing}\n")

    assert [(one.call_id, one.name, one.arguments, one.problem) for one in reply.tool_calls] == [
        ("call_0_tides", "tides", FUNDY, None)
    ]
    assert (reply.text, reply.finish, reply.finish_reason) == ("I look.", "tool_calls", "stop")


def test_h4_pythons_words_are_tolerated() -> None:
    inside = '{"name": "tides", "arguments": {"deep": True, "wide": None}}'

    assert found(f"<tool_call>{inside}</tool_call>") == [("tides", {"deep": True, "wide": None}, None)]


def test_h4_several_calls_are_read_in_order_and_the_words_around_them_kept() -> None:
    joke = '{"name": "joke", "arguments": {}}'

    reply = embedded(
        f"  One.\n<tool_call>{CALL}</tool_call>\nTwo.\n[TOOL_REQUEST]{joke}[END_TOOL_REQUEST] Three. "
    )

    assert [one.call_id for one in reply.tool_calls] == ["call_0_tides", "call_1_joke"]
    assert reply.text == "  One.\nTwo.\nThree. "
    assert [name for name, _, _ in found(f"<tool_use>[{CALL}, {joke}]</tool_use>")] == ["tides", "joke"]


def test_h4_an_object_that_names_no_tool_is_a_call_of_an_unknown_one() -> None:
    assert found("<tool_call>{}</tool_call>") == [("unknown_tool", {}, None)]
    assert found('<tool_call>{"name": "Bob", "age": 3}</tool_call>') == [
        ("unknown_tool", {"name": "Bob", "age": 3}, None)
    ]
    assert found('<tool_call>{"name": "joke"}</tool_call>') == [("joke", {}, None)]
    assert found("<tool_call>[1]</tool_call>") == [("unknown_tool", {"value": [1]}, None)]


@pytest.mark.parametrize(
    "inside", ['{"name": "tides", "arg', "{'name': 'tides'}", '{"n": 1e999}', '{"a": NaN}']
)
def test_h4_a_call_that_cannot_be_used_says_why(inside: str) -> None:
    ((name, arguments, problem),) = found(f"a <tool_call>{inside}</tool_call>")

    assert name == "unknown_tool"
    assert list(arguments) == ["raw"]
    assert problem is not None


@pytest.mark.parametrize(
    ("text", "left", "names"),
    [
        (f"a <tool_call>{CALL}", "a", ["tides"]),
        (f"<tool_call>{CALL}<tool_call>{CALL}", "", ["tides", "tides"]),
        (f"<tool_call>{CALL}\n<tool_call>{CALL}\n</tool_call> b", "b", ["tides", "tides"]),
        ('<tool_use>{"name": "joke", "input": {"t": "</tool_use>"}}</tool_use>', "", ["joke"]),
    ],
)
def test_h4_tags_that_are_missing_or_words_do_not_confuse(text: str, left: str, names: list[str]) -> None:
    reply = embedded(text)

    assert (reply.text, [one.name for one in reply.tool_calls]) == (left, names)


@pytest.mark.parametrize(
    "text",
    [
        "Write <tool_call> and </tool_call> around it.",
        "<tool_call></tool_call>",
        "<tool_call>tides()</tool_call>",
        '<tool_call>{"name": "tid',
        CALL,
        "",
    ],
)
def test_h4_words_about_calls_stay_words(text: str) -> None:
    reply = embedded(text)

    assert (reply.text, reply.tool_calls, reply.finish) == (text, (), "stop")


def test_h4_nothing_is_looked_for_where_it_cannot_be() -> None:
    text = f"<tool_call>{CALL}</tool_call>"
    plain = Reply(text=text, finish="stop")
    called = provider_for("openai").decode(chat(said(text, tool_calls=[call("tides", "{}")])))

    assert with_embedded_calls(plain, ()) is plain
    assert with_embedded_calls(called, OFFERED) is called
    for finish in ("length", "content_filter", "refusal"):
        assert embedded(text, finish).text == text


def test_h4_the_same_text_gives_the_same_calls() -> None:
    text = f"<tool_call>{CALL}</tool_call>" * 3

    assert embedded(text) == embedded(text)
    assert len({one.call_id for one in embedded(text).tool_calls}) == 3


@pytest.mark.parametrize(
    "unit",
    [
        "<tool_call>",
        "<tool_call>{",
        '<tool_call>{"a',
        "<tool_call>{} x ",
        '<tool_call>{"a":"\\',
        "<tool_use>[[",
        "<tool_call>```\n",
        '[TOOL_REQUEST]["',
    ],
)
def test_a_hostile_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    for end in ("", "</tool_call>", '"}</tool_use>'):
        started = time.perf_counter()
        embedded(unit * (300_000 // len(unit)) + end)
        assert time.perf_counter() - started < 2


# ── the same without the thread ───────────────────────────────────────────────

TEXT = f"I look. <tool_call>{CALL}</tool_call>"
OPENAI_TOOL = {"type": "function", "function": {"name": "tides", "parameters": {}}}


def raw(body: dict[str, Any], client: str | None = None, **sent: Any) -> RawOutput:
    return RawOutput(raw_result=body, completion_kwargs=sent, start_time=1.0, end_time=3.0, client=client)


@pytest.mark.parametrize(
    ("body", "tool"),
    [
        (chat(said(TEXT)), OPENAI_TOOL),
        (response(output_text(TEXT)), {"type": "function", "name": "tides"}),
        (claude({"type": "text", "text": TEXT}), {"name": "tides", "input_schema": {}}),
    ],
)
def test_h10_a_raw_output_reads_calls_in_words_if_tools_were_sent(body: dict[str, Any], tool: Any) -> None:
    read = raw(body, tools=[tool])

    assert read.str_content == "I look."
    assert read.json_object is not None
    assert (read.json_object.name, read.json_object.object) == ("tides", FUNDY)
    assert raw(body).str_content == TEXT
    assert raw(body, tools=[]).str_content == TEXT
    assert raw(body, tools=[tool], tool_choice="none").str_content == TEXT
    assert raw(body, tools=[tool], tool_choice={"type": "none"}).str_content == TEXT


def test_h10_a_raw_output_says_who_answered_and_how_long_it_took() -> None:
    assert raw(chat(said("Hi."))).result_provider == "openai"
    assert raw(response(output_text("Hi."))).result_provider == "openai"
    assert raw(claude()).result_provider == "anthropic"
    assert raw({}).result_provider is None
    assert raw(chat(said("Hi.")), "openrouter").result_provider == "openrouter"
    assert raw({}).time_taken == 2.0


def test_h10_the_object_of_a_raw_output_is_a_call_or_what_the_text_is() -> None:
    """H5: named after the schema that was asked for."""
    asked_in_chat: dict[str, Any] = {
        "response_format": {"type": "json_schema", "json_schema": {"name": "joke"}}
    }
    asked: dict[str, Any] = {"text": {"format": {"type": "json_schema", "name": "joke"}}}

    native = raw(response(function_call("tides", '{"bay": "Fundy"}'))).json_object
    in_chat = raw(chat(said('```json\n{"a": 1}\n```')), **asked_in_chat).json_object
    in_responses = raw(response(output_text('{"a": 1}')), **asked).json_object
    unnamed = raw(chat(said('{"a": True}'))).json_object

    assert native is not None
    assert (native.name, native.tool_call_id) == ("tides", "call_1")
    assert in_chat is not None
    assert (in_chat.name, in_chat.object, in_chat.tool_call_id) == ("joke", {"a": 1}, None)
    assert in_responses is not None
    assert in_responses.name == "joke"
    assert unnamed is not None
    assert (unnamed.name, unnamed.object) == ("parsed_content", {"a": True})
    assert raw(chat(said("Hi."))).contains_object is False


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"error": {"message": "no", "code": 500}}, "no"),
        ({"error": "no answer came"}, "no answer came"),
        ({"choices": []}, "choices is empty or missing"),
        (response(status="failed", error={"code": "gremlins", "message": "eek"}), "eek"),
        ({"body": "<html>"}, 'no provider answers like this: {"body": "<html>"}'),
    ],
)
def test_h7_an_answer_that_is_none_has_an_error_and_nothing_else(body: dict[str, Any], error: str) -> None:
    read = raw(body)

    assert read.error == error
    assert (read.str_content, read.json_object, read.usage) == (None, None, None)


def test_h11_a_processed_output_is_the_same_read_once() -> None:
    answered = raw(chat(said("Hi.")))
    with pytest.raises(ValueError, match="Chat thread ID"):
        answered.create_processed_output()

    whole = answered.fork(chat_thread_id=uuid4(), chat_thread_live_id=uuid4()).create_processed_output()

    assert (whole.content, whole.error, whole.llm_client) == ("Hi.", None, "openai")
    assert (whole.time_taken, whole.raw_output.str_content) == (2.0, "Hi.")


def test_h12_json_is_found_as_models_write_it() -> None:
    """All its forms are in test_json_text.py."""
    assert parse_json_string('Here: {"a": True}') == {"a": True}
    assert parse_json_string("no") is None
