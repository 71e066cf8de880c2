"""Answers as the providers give them, and what can become of them."""

import copy
import json
from collections.abc import Iterator
from typing import Any

Body = dict[str, Any]

CLIENTS = ("openai", "anthropic", "vllm", "litellm", "openrouter")


def chat(message: Any, finish: Any = "stop", **top: Any) -> Body:
    """One choice with a message."""
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "m-1", "choices": [choice], **top}


def said(content: Any, **more: Any) -> Body:
    return {"role": "assistant", "content": content, **more}


def call(name: Any, arguments: Any, call_id: Any = "call_1") -> Body:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def claude(*blocks: Any, stop: Any = "end_turn", **top: Any) -> Body:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-5-5"}
    return {**message, "content": list(blocks), "stop_reason": stop, "stop_sequence": None, **top}


def response(*items: Any, status: Any = "completed", **top: Any) -> Body:
    body = {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5.4", "error": None}
    return {**body, "status": status, "incomplete_details": None, "output": list(items), **top}


def output_text(*texts: Any, **more: Any) -> Body:
    parts = [{"type": "output_text", "text": text, "annotations": []} for text in texts]
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": parts, **more}


def function_call(name: Any, arguments: Any, call_id: Any = "call_1") -> Body:
    called = {"id": "fc_1", "type": "function_call", "call_id": call_id, "status": "completed"}
    return {**called, "name": name, "arguments": arguments}


REASONING: Body = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "I should look."}],
    "encrypted_content": "gAAAA",
}
THINKING: Body = {"type": "thinking", "thinking": "I should look.", "signature": "c2ln"}
REDACTED: Body = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
TOOL_USE: Body = {"type": "tool_use", "id": "toolu_1", "name": "tides", "input": {"bay": "Fundy"}}
WEB_SEARCH: Body = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "q"}}
DETAILS: list[Body] = [
    {"type": "reasoning.text", "text": "I should look.", "signature": "c2ln", "index": 0},
    {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "index": 1},
]

CHAT_USAGE: Body = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 10},
    "completion_tokens_details": {
        "reasoning_tokens": 5,
        "audio_tokens": 8,
        "accepted_prediction_tokens": 6,
        "rejected_prediction_tokens": 7,
    },
}
CLAUDE_USAGE: Body = {
    "input_tokens": 100,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 20,
    "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
    "output_tokens": 50,
    "output_tokens_details": {"thinking_tokens": 40},
    "service_tier": "standard",
    "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
}
RESPONSE_USAGE: Body = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20},
    "output_tokens": 50,
    "output_tokens_details": {"reasoning_tokens": 40},
    "total_tokens": 150,
}

# One of each shape that is documented, by the client that gives it.
REAL: dict[str, tuple[str, Body]] = {
    "chat": ("openai", chat(said("Hi.", refusal=None, annotations=[]), usage=CHAT_USAGE)),
    "chat calls": (
        "openai",
        chat(
            said(None, tool_calls=[call("tides", '{"bay": "Fundy"}'), call("joke", "{}", "call_2")]),
            "tool_calls",
            usage=CHAT_USAGE,
            service_tier="default",
        ),
    ),
    "azure": (
        "openai",
        {
            **chat(said("Hi."), usage=CHAT_USAGE),
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}],
        },
    ),
    "vllm": ("vllm", chat(said("<think>\nhm\n</think>\n\nHi.", reasoning=None, tool_calls=[]))),
    "litellm": (
        "litellm",
        chat(said("<tool_call>\n{}\n</tool_call>", reasoning_content="hm"), usage=CLAUDE_USAGE),
    ),
    "openrouter": (
        "openrouter",
        chat(
            said("", reasoning="hm", reasoning_details=DETAILS, tool_calls=[call("tides", "{}")]),
            "tool_calls",
            provider="DeepInfra",
            usage={**CHAT_USAGE, "cost": 0.00014, "cost_details": {"upstream_inference_cost": None}},
        ),
    ),
    "claude": (
        "anthropic",
        claude(
            THINKING,
            REDACTED,
            {"type": "text", "text": "I look."},
            WEB_SEARCH,
            TOOL_USE,
            stop="tool_use",
            usage=CLAUDE_USAGE,
        ),
    ),
    "responses": (
        "openai",
        response(
            REASONING,
            output_text("I look.", phase="commentary"),
            function_call("tides", '{"bay": "Fundy"}'),
            usage=RESPONSE_USAGE,
            service_tier="default",
        ),
    ),
}

_DEEP: Any = "bottom"
for _ in range(400):
    _DEEP = [_DEEP]

# Of every type, and of every size that somebody's parser was once surprised by.
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**63,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "stop",
    "\ud800",
    "\x00\u2028",
    "é" * 500,
    [],
    [None],
    ["a", 1],
    {},
    {"type": "text"},
    {"type": None, "text": [], "function": "f"},
    _DEEP,
)


def mutated(body: Body) -> Iterator[Any]:
    """The body with one value left out, doubled, or replaced by each odd one."""
    for path in _paths(body):
        for odd in ODD:
            yield changed(body, path, odd)
        yield changed(body, path, ..., leave_out=True)
        yield changed(body, path, ..., double=True)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


def paths(body: Body) -> list[tuple[Any, ...]]:
    return list(_paths(body))


def changed(
    body: Body, path: tuple[Any, ...], value: Any, *, leave_out: bool = False, double: bool = False
) -> Any:
    """A copy with another value at a path; as it is where the path is gone."""
    made = copy.deepcopy(body)
    holder: Any = made
    try:
        for key in path[:-1]:
            holder = holder[key]
        if leave_out:
            del holder[path[-1]]
        elif double:
            holder[path[-1]] = [holder[path[-1]], holder[path[-1]]]
        else:
            holder[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        return made
    return made


def _text(body: Any) -> str:
    return json.dumps(body)


_PLAIN = _text(chat(said("Hi.")))
_CLAUDE = _text(claude({"type": "text", "text": "Hi."}))
_RESPONSE = _text(response(output_text("Hi.")))

# What no JSON library would write, and what is not JSON at all.
RAW: dict[str, str] = {
    "nothing": "",
    "blanks": " \r\n\t ",
    "null": "null",
    "a number": "42",
    "a huge number": "9" * 5_000,
    "a float out of range": "1e999",
    "NaN": "NaN",
    "a text": '"Hi."',
    "a list": f"[{_PLAIN}]",
    "an empty object": "{}",
    "cut off": _PLAIN[:-20],
    "cut off in an escape": '{"choices": [{"message": {"content": "\\ud8',
    "two answers in a row": _PLAIN + _PLAIN,
    "lines of JSON": f"{_PLAIN}\n{_CLAUDE}",
    "a stream": f"data: {_PLAIN}\n\ndata: [DONE]\n\n",
    "a page": "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>",
    "XML": "<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
    "a traceback": "Traceback (most recent call last):\n  File x\nValueError: y",
    "a byte order mark": "\ufeff" + _PLAIN,
    "two byte order marks": "\ufeff\ufeff" + _CLAUDE,
    "as Latin-1": '{"choices": "caf\u00c3\u00a9"}',
    "replacement characters": "\ufffd\ufffd{}",
    "zero bytes": "\x00" * 20,
    "raw control characters": '{"choices": "\x01\x02"}',
    "single quotes": "{'choices': []}",
    "comments": "{/* hm */}",
    "a comma too many": _PLAIN[:-1] + ",}",
    "Python's words": "{'error': None}",
    "a key twice": '{"choices": [], "choices": {}}',
    "a message twice": _PLAIN[:-1] + ', "choices": []}',
    "bottomless lists": "[" * 100_000,
    "bottomless objects": '{"a":' * 100_000,
    "deep lists": "[" * 900 + "]" * 900,
    "deep choices": '{"choices": ' + "[" * 900 + "]" * 900 + "}",
    "deep error": '{"error": ' + "[" * 900 + "]" * 900 + "}",
    "deep message of an error": '{"error": {"message": ' + "[" * 900 + "]" * 900 + "}}",
    "deep error of a choice": '{"choices": [{"error": ' + "[" * 900 + "]" * 900 + "}]}",
    "deep arguments": _text(chat(said(None, tool_calls=[call("f", "[" * 5_000)]))),
    "deep embedded call": _text(chat(said("<tool_call>" + '{"a":' * 5_000))),
    "a thousand tags": _text(chat(said('<tool_call>{"a' * 1_000 + "</tool_call>"))),
    "a long text": _text(chat(said("la" * 20_000))),
    "thoughts without an end": _text(chat(said("<think>" * 10_000), "length")),
    "half a surrogate pair": _text(chat(said("\ud800"))),
    "half a pair as a name": _text(chat(said(None, tool_calls=[call("\udfff", '{"\ud800": 1}')]))),
}

_ERROR = {"message": "no", "type": None, "param": None, "code": None}

# Every field of an answer that is odd in a way of its own.
SHAPED: dict[str, Any] = {
    "no choices": {"choices": []},
    "choices null": {"choices": None},
    "choices an object": {"choices": {"0": {}}},
    "a choice null": {"choices": [None]},
    "a choice a text": {"choices": ["Hi."]},
    "a choice a list": {"choices": [[]]},
    "a second choice only": {"choices": [None, {"message": said("Hi.")}]},
    "message null": chat(None),
    "message missing": {"choices": [{"finish_reason": "stop"}]},
    "message null, filtered": chat(None, "content_filter"),
    "message a text": chat("Hi."),
    "message a list": chat([said("Hi.")]),
    "message empty": chat({}),
    "content a number": chat(said(5)),
    "content an object": chat(said({"text": "Hi."})),
    "content parts": chat(said([{"type": "text", "text": "H"}, "i", {"type": "image_url"}, None, 3])),
    "content parts of nulls": chat(said([{"type": "text", "text": None}, {"type": None}])),
    "thinking among the parts": chat(said([{"type": "thinking", "thinking": [{"text": 1}]}])),
    "refusal true": chat(said(None, refusal=True)),
    "refusal an object": chat(said(None, refusal={"a": 1})),
    "refusal empty": chat(said("Hi.", refusal="")),
    "refusal parts": chat(said([{"type": "refusal", "refusal": "No."}, {"type": "refusal"}])),
    "finish missing": {"choices": [{"message": said("Hi.")}]},
    "finish a number": chat(said("Hi."), 3),
    "finish a list": chat(said("Hi."), ["stop"]),
    "finish an object": chat(said("Hi."), {"stop": 1}),
    "finish unknown": chat(said("Hi."), "because"),
    "finish in capitals": chat(said("Hi."), "STOP"),
    "finish error": chat(said("Hi."), "error"),
    "finish abort": chat(said("Hi."), "abort"),
    "azure: filtered": {"choices": [{"content_filter_results": {"hate": {"filtered": True}}}]},
    "azure: filter odd": {"choices": [{"message": said("a"), "content_filter_results": [1]}]},
    "azure: filter odder": {"choices": [{"message": said("a"), "content_filter_results": {"h": 1, "e": {}}}]},
    "calls null": chat(said("Hi.", tool_calls=None)),
    "calls an object": chat(said(None, tool_calls=call("f", "{}"))),
    "calls a text": chat(said(None, tool_calls="f()")),
    "calls of nulls": chat(said(None, tool_calls=[None, 1, "a", [], {}])),
    "a call without function": chat(said(None, tool_calls=[{"id": "a", "type": "custom"}])),
    "a call of a text": chat(said(None, tool_calls=[{"function": "f"}])),
    "a call without a name": chat(said(None, tool_calls=[call(None, "{}")])),
    "a call named by a list": chat(said(None, tool_calls=[call(["f"], "{}")])),
    "a call with an id of a list": chat(said(None, tool_calls=[call("f", "{}", ["a"])])),
    "calls with one id": chat(said(None, tool_calls=[call("f", "{}"), call("g", "{}"), call("h", "{}")])),
    "arguments missing": chat(said(None, tool_calls=[{"function": {"name": "f"}}])),
    "arguments a number": chat(said(None, tool_calls=[call("f", 3)])),
    "arguments a list": chat(said(None, tool_calls=[call("f", [1])])),
    "arguments in arguments": chat(said(None, tool_calls=[call("f", json.dumps(json.dumps({"a": 1})))])),
    "arguments cut off": chat(said(None, tool_calls=[call("f", '{"a": "')]), "length"),
    "arguments a call": chat(said(None, tool_calls=[call("f", '<tool_call>{"name": 1}</tool_call>')])),
    "arguments too large": chat(said(None, tool_calls=[call("f", json.dumps({"a": 10**30}))])),
    "the older call": chat(said(None, function_call={"name": "f", "arguments": "{}"}), "function_call"),
    "the older call a text": chat(said(None, function_call="f")),
    "reasoning an object": chat(said("Hi.", reasoning={"a": 1}, reasoning_content=[1])),
    "reasoning details a text": chat(said("Hi.", reasoning_details="hm")),
    "reasoning details of nulls": chat(said("Hi.", reasoning_details=[None, {}, {"text": 1}])),
    "only an opening tag": chat(said("<think>")),
    "only a closing tag": chat(said("</think>")),
    "tags in a tangle": chat(said("</think><think></think>")),
    "an embedded call": chat(said('a <tool_call>{"name": "tides", "arguments": {}}</tool_call> b')),
    "an embedded call of nothing": chat(said("<tool_call></tool_call>")),
    "an embedded call of nulls": chat(said("<tool_use>[null, 1]</tool_use>")),
    "an embedded call with NaN": chat(said('<tool_use>{"name": "f", "arguments": {"a": NaN}}</tool_use>')),
    "an embedded call that is broken": chat(said("[TOOL_REQUEST]{'name': [END_TOOL_REQUEST]")),
    "usage a number": chat(said("Hi."), usage=7),
    "usage a list": chat(said("Hi."), usage=[1]),
    "usage of texts": chat(said("Hi."), usage={"prompt_tokens": "7", "completion_tokens": "8"}),
    "usage of floats": chat(said("Hi."), usage={"prompt_tokens": 7.0, "completion_tokens": 8.5}),
    "usage below zero": chat(said("Hi."), usage={"prompt_tokens": -7, "completion_tokens": -8}),
    "usage beyond all": chat(said("Hi."), usage={"prompt_tokens": 10**40, "completion_tokens": 2**64}),
    "usage of booleans": chat(said("Hi."), usage={"prompt_tokens": True, "completion_tokens": False}),
    "usage details of lists": chat(said("Hi."), usage={**CHAT_USAGE, "prompt_tokens_details": [1]}),
    "usage that contradicts itself": chat(
        said("Hi."), usage={"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}}
    ),
    "a cost of NaN": chat(said("Hi."), usage={**CHAT_USAGE, "cost": float("nan")}),
    "a cost without end": chat(said("Hi."), usage={**CHAT_USAGE, "cost": float("inf")}),
    "a cost below zero": chat(said("Hi."), usage={**CHAT_USAGE, "cost": -1}),
    "a cost beyond all": chat(said("Hi."), usage={**CHAT_USAGE, "cost": 10**4_000}),
    "a cost in words": chat(said("Hi."), usage={**CHAT_USAGE, "cost": "a lot"}),
    "a tier of a list": chat(said("Hi."), usage=CHAT_USAGE, service_tier=["flex"]),
    "model a number": chat(said("Hi."), model=5),
    "an error of null": {"error": None},
    "an error of nothing": {"error": {}},
    "an error of zero": {"error": 0},
    "an error of a text": {"error": "overloaded"},
    "an error of a list": {"error": ["a"]},
    "an error in full": {"error": _ERROR},
    "an error with a number": {"error": {**_ERROR, "code": 502}},
    "an error with a number as text": {"error": {**_ERROR, "code": "429"}},
    "an error with an odd number": {"error": {**_ERROR, "code": 10**20}},
    "an error with a code of a list": {"error": {**_ERROR, "code": [1]}},
    "an error with a code of true": {"error": {**_ERROR, "code": True}},
    "an error with a word": {"error": {**_ERROR, "code": "server_error"}},
    "an error with an unknown word": {"error": {**_ERROR, "code": "gremlins"}},
    "an error with a type": {"error": {"type": "overloaded_error", "message": "Overloaded"}},
    "an error with a message of a list": {"error": {"message": [{"a": 1}], "code": 500}},
    "an error beside an answer": {**chat(said("Hi.")), "error": _ERROR},
    "an error in a choice": {"choices": [{"error": _ERROR, "message": said("H")}]},
    "an error in a choice of a text": {"choices": [{"error": "no"}]},
    "vllm: an error": {"object": "error", "message": "no", "type": "BadRequestError", "code": 400},
    "vllm: an error of words": {"object": "error", "message": None, "code": "x"},
    "a web framework's error": {"detail": [{"loc": ["body"], "msg": "field required"}]},
    "claude: an error": {"type": "error", "error": {"type": "api_error", "message": "no"}},
    "claude: an error of null": {"type": "error", "error": None},
    "claude: content null": claude() | {"content": None},
    "claude: content a text": claude() | {"content": "Hi."},
    "claude: no content": claude(),
    "claude: blocks of nulls": claude(None, 1, "a", [], {}),
    "claude: a block without a text": claude({"type": "text"}),
    "claude: a text of a list": claude({"type": "text", "text": ["Hi."]}),
    "claude: an unknown block": claude({"type": "hologram", "data": 1}),
    "claude: a type of a list": claude({"type": ["text"], "text": "Hi."}),
    "claude: a call without anything": claude({"type": "tool_use"}),
    "claude: an input of a text": claude({**TOOL_USE, "input": "Fundy"}),
    "claude: an input of JSON": claude({**TOOL_USE, "input": '{"bay": "Fundy"}'}),
    "claude: an input of NaN": claude({**TOOL_USE, "input": {"a": float("nan")}}),
    "claude: calls with one id": claude(THINKING, TOOL_USE, TOOL_USE),
    "claude: a signature of half a pair": claude({**THINKING, "signature": "\ud800"}, TOOL_USE),
    "claude: a deep thought": claude({**THINKING, "x": _DEEP}, TOOL_USE),
    "claude: stopped by nothing": claude({"type": "text", "text": "Hi."}, stop=None),
    "claude: stopped by a list": claude({"type": "text", "text": "Hi."}, stop=["end_turn"]),
    "claude: stopped by something new": claude({"type": "text", "text": "Hi."}, stop="bored"),
    "claude: paused": claude(WEB_SEARCH, stop="pause_turn"),
    "claude: refused": claude(stop="refusal", stop_details={"type": "refusal", "explanation": None}),
    "claude: refused oddly": claude(stop="refusal", stop_details="no"),
    "claude: too long": claude(stop="model_context_window_exceeded"),
    "claude: usage odd": claude(usage={"input_tokens": None, "cache_creation": [1]}),
    "claude: usage details odd": claude(usage={**CLAUDE_USAGE, "output_tokens_details": 3, "speed": 1}),
    "response: empty": response(),
    "response: output null": response() | {"output": None},
    "response: output a text": response() | {"output": "Hi."},
    "response: output an object": response() | {"output": {"type": "message"}},
    "response: items of nulls": response(None, 1, "a", [], {}),
    "response: an unknown item": response({"type": "hologram"}, output_text("Hi.")),
    "response: a message of a text": response({"type": "message", "content": "Hi."}),
    "response: a message of nulls": response({"type": "message", "content": [None, 1]}),
    "response: an unknown part": response({"type": "message", "content": [{"type": "hologram"}]}),
    "response: a text of a list": response(output_text(["Hi."])),
    "response: a refusal": response({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}),
    "response: a refusal of a number": response({"type": "message", "content": [{"type": "refusal"}]}),
    "response: a call without anything": response({"type": "function_call"}),
    "response: a call of a list": response(function_call(["f"], ["{}"], ["a"])),
    "response: calls with one id": response(REASONING, function_call("f", "{}"), function_call("g", "{}")),
    "response: broken arguments": response(function_call("f", '{"a": ')),
    "response: reasoning of nulls": response({"type": "reasoning", "summary": None, "content": [None, {}]}),
    "response: encrypted with half a pair": response(
        {**REASONING, "encrypted_content": "\ud800"}, function_call("f", "{}")
    ),
    "response: status missing": {"object": "response", "output": [output_text("Hi.")]},
    "response: status a list": response(output_text("Hi."), status=["completed"]),
    "response: status unknown": response(output_text("Hi."), status="pondering"),
    "response: queued": response(status="queued"),
    "response: in progress": response(status="in_progress"),
    "response: cancelled": response(status="cancelled"),
    "response: failed": response(status="failed"),
    "response: failed with a word": response(status="failed", error={"code": "server_error", "message": "x"}),
    "response: failed with a text": response(status="failed", error="x"),
    "response: incomplete": response(output_text("H"), status="incomplete"),
    "response: incomplete for a list": response(status="incomplete", incomplete_details=[1]),
    "response: incomplete for a number": response(status="incomplete", incomplete_details={"reason": 5}),
    "response: incomplete for length": response(
        output_text("H"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    ),
    "response: incomplete for something new": response(
        output_text("H"), status="incomplete", incomplete_details={"reason": "steered"}
    ),
    "response: usage a text": response(output_text("Hi."), usage="7"),
    "response: usage details of texts": response(usage={**RESPONSE_USAGE, "input_tokens_details": "7"}),
    "response: without its name": {"output": [output_text("Hi.")], "status": "completed"},
    "all at once": {**chat(said("a")), **claude({"type": "text", "text": "b"}), **response(output_text("c"))},
}


def hand_made() -> dict[str, str]:
    """Every odd answer of this module as its raw text, by name."""
    return RAW | {name: _text(body) for name, body in SHAPED.items()}
