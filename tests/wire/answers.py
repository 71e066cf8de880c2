"""Answers as the SDKs' own models make them, and what each is in our words."""

from dataclasses import dataclass
from typing import Any

from anthropic.types import Message
from openai.types.chat import ChatCompletion
from openai.types.responses import Response
from pydantic import BaseModel

from minference_core.threads import Reply, TokenUsage, ToolCall

__all__ = ["ANSWERS", "Answer"]

Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    One answer.

    Attributes:
        wire: The name of the one that it comes in.
        reply: What it is read as; its `carried` without the nulls that the SDK fills in.
    """

    name: str
    wire: str
    made: BaseModel
    reply: Reply


# ── Chat Completions ──────────────────────────────────────────────────────────

CHAT_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 80,
    "total_tokens": 200,
    "prompt_tokens_details": {
        "cached_tokens": 40,
        "cache_write_tokens": 30,
        "audio_tokens": 5,
        "image_tokens": 6,
        "text_tokens": 109,
    },
    "completion_tokens_details": {
        "reasoning_tokens": 50,
        "audio_tokens": 3,
        "accepted_prediction_tokens": 7,
        "rejected_prediction_tokens": 2,
        "text_tokens": 18,
    },
}
CHAT_USED = TokenUsage(
    prompt_tokens=120,
    completion_tokens=80,
    cached_tokens=40,
    cache_creation_tokens=30,
    reasoning_tokens=50,
    accepted_prediction_tokens=7,
    rejected_prediction_tokens=2,
    audio_tokens=3,
    prompt_audio_tokens=5,
    service_tier="flex",
)
CALLS = (
    ToolCall(call_id="call_a", name="tides", arguments={"bay": "Fundy", "unit": "m"}),
    ToolCall(call_id="call_b", name="tides", arguments={"bay": "Ungava"}),
)


def _chat(name: str, finish_reason: str, message: Body, reply: Reply) -> Answer:
    made = ChatCompletion.model_validate(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_795_000_000,
            "model": "gpt-4.1-mini-2025-04-14",
            "service_tier": "flex",
            "system_fingerprint": "fp_1",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish_reason,
                    "logprobs": None,
                    "message": {"role": "assistant", "content": None, "refusal": None, **message},
                }
            ],
            "usage": CHAT_USAGE,
        }
    )
    return Answer(name=f"chat: {name}", wire="openai", made=made, reply=reply)


def _chat_reply(text: str, finish: Any, finish_reason: str, calls: tuple[ToolCall, ...] = ()) -> Reply:
    return Reply(
        text=text,
        finish=finish,
        finish_reason=finish_reason,
        tool_calls=calls,
        usage=CHAT_USED,
        model="gpt-4.1-mini-2025-04-14",
    )


_CHAT_CALLS = [
    {
        "id": "call_a",
        "type": "function",
        "function": {"name": "tides", "arguments": '{"bay":"Fundy","unit":"m"}'},
    },
    {"id": "call_b", "type": "function", "function": {"name": "tides", "arguments": '{"bay":"Ungava"}'}},
]
_WORDS = " Ebb.\n\n```json\n[1]\n```  é ☃ \n"  # kept to the last blank

_IN_CHAT = [
    _chat("words", "stop", {"content": _WORDS}, _chat_reply(_WORDS, "stop", "stop")),
    _chat("JSON", "stop", {"content": '{"stars": 4}'}, _chat_reply('{"stars": 4}', "stop", "stop")),
    _chat(
        "two calls",
        "tool_calls",
        {"tool_calls": _CHAT_CALLS},
        _chat_reply("", "tool_calls", "tool_calls", CALLS),
    ),
    _chat(
        "words and a call that was forced",
        "stop",
        {"content": "I look.", "tool_calls": _CHAT_CALLS[:1]},
        _chat_reply("I look.", "tool_calls", "stop", CALLS[:1]),
    ),
    _chat("a refusal", "stop", {"refusal": "I can't."}, _chat_reply("I can't.", "refusal", "refusal")),
    _chat("cut off", "length", {"content": "Ebb and"}, _chat_reply("Ebb and", "length", "length")),
    _chat(
        "filtered",
        "content_filter",
        {"content": "Ebb"},
        _chat_reply("Ebb", "content_filter", "content_filter"),
    ),
    _chat(
        "the old way to call",
        "function_call",
        {"function_call": {"name": "tides", "arguments": '{"bay":"Fundy"}'}},
        _chat_reply(
            "",
            "tool_calls",
            "function_call",
            (ToolCall(call_id="call_0_tides", name="tides", arguments={"bay": "Fundy"}),),
        ),
    ),
]

# ── Responses ─────────────────────────────────────────────────────────────────

RESPONSES_USED = TokenUsage(
    prompt_tokens=120,
    completion_tokens=80,
    cached_tokens=40,
    cache_creation_tokens=30,
    cache_creation_1h_tokens=10,
    reasoning_tokens=50,
    service_tier="priority",
)
_REASONING = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [
        {"type": "summary_text", "text": "First, the moon."},
        {"type": "summary_text", "text": "Then the bay."},
    ],
    "encrypted_content": "gAAAAA==",
}
_FUNCTION_CALLS = [
    {
        "id": f"fc_{call.call_id}",
        "type": "function_call",
        "status": "completed",
        "call_id": call.call_id,
        "name": call.name,
        "arguments": arguments,
    }
    for call, arguments in zip(CALLS, ('{"bay":"Fundy","unit":"m"}', '{"bay":"Ungava"}'), strict=True)
]


def _message(*parts: Body, status: str = "completed") -> Body:
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": list(parts)}


def _output_text(text: str) -> Body:
    return {"type": "output_text", "text": text, "annotations": []}


def _responses(name: str, output: list[Body], reply: Reply, **fields: Any) -> Answer:
    made = Response.model_validate(
        {
            "id": "resp_1",
            "object": "response",
            "created_at": 1_795_000_000.0,
            "model": "gpt-5.6-sol",
            "status": "completed",
            "service_tier": "priority",
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": 120,
                "input_tokens_details": {
                    "cached_tokens": 40,
                    "cache_write_tokens": 30,
                    "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 10},
                },
                "output_tokens": 80,
                "output_tokens_details": {"reasoning_tokens": 50},
                "total_tokens": 200,
            },
            **fields,
        }
    )
    return Answer(name=f"responses: {name}", wire="openai-responses", made=made, reply=reply)


def _responses_reply(text: str, finish: Any, finish_reason: str, **fields: Any) -> Reply:
    return Reply(
        text=text,
        finish=finish,
        finish_reason=finish_reason,
        usage=RESPONSES_USED,
        model="gpt-5.6-sol",
        **fields,
    )


_THOUGHT = "First, the moon.\n\nThen the bay."
_CUT = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
_FILTERED = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}

_IN_RESPONSES = [
    _responses("words", [_message(_output_text(_WORDS))], _responses_reply(_WORDS, "stop", "completed")),
    _responses(
        "several parts of several messages",
        [_message(_output_text("One."), _output_text(" Two.")), _message(_output_text(" Three."))],
        _responses_reply("One. Two. Three.", "stop", "completed"),
    ),
    _responses(
        "thoughts and words",
        [_REASONING, _message(_output_text("Noon."))],
        _responses_reply("Noon.", "stop", "completed", reasoning=_THOUGHT),
    ),
    _responses(
        "thoughts, words and two calls",
        [_REASONING, _message(_output_text("I look.")), *_FUNCTION_CALLS],
        _responses_reply(
            "I look.",
            "tool_calls",
            "completed",
            reasoning=_THOUGHT,
            tool_calls=CALLS,
            carried=(_REASONING, _message(_output_text("I look.")), *_FUNCTION_CALLS),
        ),
    ),
    _responses(
        "two calls without thoughts",
        _FUNCTION_CALLS,
        _responses_reply("", "tool_calls", "completed", tool_calls=CALLS),
    ),
    _responses(
        "a refusal",
        [_message({"type": "refusal", "refusal": "I can't."})],
        _responses_reply("I can't.", "refusal", "refusal"),
    ),
    _responses(
        "cut off",
        [_message(_output_text("Ebb and"), status="incomplete")],
        _responses_reply("Ebb and", "length", "max_output_tokens"),
        **_CUT,
    ),
    _responses(
        "all of it thoughts",
        [_REASONING],
        _responses_reply("", "length", "max_output_tokens", reasoning=_THOUGHT),
        **_CUT,
    ),
    _responses("filtered", [], _responses_reply("", "content_filter", "content_filter"), **_FILTERED),
    _responses(
        "JSON",
        [_message(_output_text('{"stars": 4}'))],
        _responses_reply('{"stars": 4}', "stop", "completed"),
    ),
]

# ── Messages ──────────────────────────────────────────────────────────────────

MESSAGES_USED = TokenUsage(
    prompt_tokens=50 + 30 + 40,
    completion_tokens=80,
    cached_tokens=40,
    cache_creation_tokens=30,
    cache_creation_1h_tokens=10,
    reasoning_tokens=50,
    service_tier="priority",
)
_THINKING = {"type": "thinking", "thinking": "First, the moon.", "signature": "EqQBCg=="}
_REDACTED = {"type": "redacted_thinking", "data": "EmwKAh=="}
_TOOL_USES = [
    {"type": "tool_use", "id": call.call_id, "name": call.name, "input": call.arguments} for call in CALLS
]


def _text(text: str) -> Body:
    return {"type": "text", "text": text}


def _messages(name: str, stop_reason: str, content: list[Body], reply: Reply, **fields: Any) -> Answer:
    made = Message.model_validate(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-5-5",
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 50,
                "output_tokens": 80,
                "cache_creation_input_tokens": 30,
                "cache_read_input_tokens": 40,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
                "output_tokens_details": {"thinking_tokens": 50},
                "server_tool_use": None,
                "service_tier": "priority",
                "inference_geo": "us",
                "speed": "standard",
            },
            **fields,
        }
    )
    return Answer(name=f"messages: {name}", wire="anthropic", made=made, reply=reply)


def _messages_reply(text: str, finish: Any, finish_reason: str, **fields: Any) -> Reply:
    return Reply(
        text=text,
        finish=finish,
        finish_reason=finish_reason,
        usage=MESSAGES_USED,
        model="claude-opus-5-5",
        **fields,
    )


_REFUSED = {"type": "refusal", "category": "bio", "explanation": "Not that."}

_IN_MESSAGES = [
    _messages("words", "end_turn", [_text(_WORDS)], _messages_reply(_WORDS, "stop", "end_turn")),
    _messages(
        "several blocks of words",
        "end_turn",
        [_text("One."), _text(" Two."), _text("")],
        _messages_reply("One. Two.", "stop", "end_turn"),
    ),
    _messages(
        "JSON", "end_turn", [_text('{"stars": 4}')], _messages_reply('{"stars": 4}', "stop", "end_turn")
    ),
    _messages(
        "thoughts and words",
        "end_turn",
        [_THINKING, _text("Noon.")],
        _messages_reply("Noon.", "stop", "end_turn", reasoning="First, the moon."),
    ),
    _messages(
        "thoughts, words and two calls",
        "tool_use",
        [_THINKING, _REDACTED, _text("I look."), *_TOOL_USES],
        _messages_reply(
            "I look.",
            "tool_calls",
            "tool_use",
            reasoning="First, the moon.",
            tool_calls=CALLS,
            carried=(_THINKING, _REDACTED, _text("I look."), *_TOOL_USES),
        ),
    ),
    _messages(
        "thoughts that are not shown, between two calls",
        "tool_use",
        [{**_THINKING, "thinking": ""}, _TOOL_USES[0], {**_THINKING, "thinking": ""}, _TOOL_USES[1]],
        _messages_reply(
            "",
            "tool_calls",
            "tool_use",
            tool_calls=CALLS,
            carried=(
                {**_THINKING, "thinking": ""},
                _TOOL_USES[0],
                {**_THINKING, "thinking": ""},
                _TOOL_USES[1],
            ),
        ),
    ),
    _messages(
        "two calls without thoughts",
        "tool_use",
        _TOOL_USES,
        _messages_reply("", "tool_calls", "tool_use", tool_calls=CALLS),
    ),
    _messages(
        "cut off", "max_tokens", [_text("Ebb and")], _messages_reply("Ebb and", "length", "max_tokens")
    ),
    _messages(
        "all of it thoughts",
        "max_tokens",
        [_THINKING],
        _messages_reply("", "length", "max_tokens", reasoning="First, the moon."),
    ),
    _messages(
        "a stop sequence",
        "stop_sequence",
        [_text("Ebb")],
        _messages_reply("Ebb", "stop", "stop_sequence"),
        stop_sequence="END",
    ),
    _messages(
        "a pause", "pause_turn", [_text("I look.")], _messages_reply("I look.", "length", "pause_turn")
    ),
    _messages(
        "a refusal",
        "refusal",
        [],
        _messages_reply("Not that.", "refusal", "refusal"),
        stop_details=_REFUSED,
    ),
    _messages(
        "a refusal half-way",
        "refusal",
        [_text("First you")],
        _messages_reply("First you", "refusal", "refusal"),
        stop_details=_REFUSED,
    ),
    _messages(
        "no room left",
        "model_context_window_exceeded",
        [_text("Ebb and")],
        _messages_reply("Ebb and", "length", "model_context_window_exceeded"),
    ),
]

ANSWERS = {answer.name: answer for answer in (*_IN_CHAT, *_IN_RESPONSES, *_IN_MESSAGES)}
