"""A Responses body as an `Ask`."""

from dataclasses import dataclass
from typing import Any

from minference_core.simulator.json_values import ANY_OBJECT
from minference_core.simulator.models import OpenAIModel
from minference_core.simulator.openai.reading import THINKING_BY_EFFORT
from minference_core.simulator.openai.responses.checks import check_body
from minference_core.simulator.openai.responses.items import kind_of
from minference_core.simulator.openai.responses.parts import parts_tokens, words_of
from minference_core.simulator.tokens import count_tokens
from minference_core.simulator.wire import Ask, JsonObject, Refused, ToolSpec

__all__ = ["ResponsesAsk", "read_ask"]

_TOKENS_PER_ITEM = 4
_TOKENS_PER_REPLY = 3
_TIERS = {"flex": "flex", "priority": "priority", "scale": "scale", "fast": "fast", "ultrafast": "ultrafast"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesAsk(Ask):
    """What is asked for, and what of it the answer repeats."""

    echoed: JsonObject
    encrypted: bool  # reasoning comes with its encrypted content
    summarized: bool  # reasoning comes with a summary


def read_ask(body: Any) -> ResponsesAsk:
    """
    What is asked for.

    Raises:
        Refused: Whatever the API would refuse.
    """
    model = check_body(body)
    told = body["input"]
    items = told if isinstance(told, list) else [{"role": "user", "content": told}]
    tokens = _tokens(body, items)
    declared = body.get("max_output_tokens")
    if tokens + (declared or 0) > model.context:
        message = (
            "Your input exceeds the context window of this model. Please adjust your input and try again."
        )
        raise Refused(400, message, param="input", code="context_length_exceeded")
    reasoning = body.get("reasoning") or {}
    messages = [(item["role"], words_of(item["content"])) for item in items if kind_of(item) == "message"]
    asked = [words for role, words in messages if role == "user"]
    instructed = [words for role, words in messages if role in ("system", "developer")]
    tools, choice = _tools(body)
    return ResponsesAsk(
        model=body["model"],
        prompt_tokens=tokens,
        max_tokens=declared or model.max_output,
        declared_max=declared,
        sampled=body.get("temperature") != 0,
        topic=asked[-1] if asked else "",
        earlier=asked[-2] if len(asked) > 1 else "",
        instructions="\n".join([body.get("instructions") or "", *instructed]).strip(),
        schema=_schema(body),
        tools=tools,
        tool_choice=choice,
        tool_reluctance=0.75 if kind_of(items[-1]) == "function_call_output" else 0.4,
        several_calls=body.get("parallel_tool_calls") is not False,
        thinking_tokens=_thinking(reasoning, model),
        echoed=_echoed(body, model),
        encrypted="reasoning.encrypted_content" in (body.get("include") or ()),
        summarized=reasoning.get("summary") is not None,
    )


def _tokens(body: JsonObject, items: list[JsonObject]) -> int:
    """What the request weighs before it is answered."""
    total = _TOKENS_PER_REPLY + count_tokens(body.get("instructions") or "")
    for item in items:
        total += _TOKENS_PER_ITEM
        match kind_of(item):
            case "message":
                total += parts_tokens(item["content"])
            case "function_call":
                total += count_tokens(item["name"]) + count_tokens(item["arguments"])
            case "function_call_output":
                total += parts_tokens(item["output"])
    for part in (body.get("tools"), (body.get("text") or {}).get("format")):
        total += count_tokens(str(part)) if part else 0
    return total


def _thinking(reasoning: JsonObject, model: OpenAIModel) -> int:
    if not model.efforts:
        return 0
    return THINKING_BY_EFFORT.get(reasoning.get("effort") or model.default_effort, 0)


def _schema(body: JsonObject) -> Any:
    """The schema the reply must satisfy; None if it is free text."""
    wanted = (body.get("text") or {}).get("format") or {}
    return ANY_OBJECT if wanted.get("type") == "json_object" else wanted.get("schema")


def _tools(body: JsonObject) -> tuple[tuple[ToolSpec, ...], str]:
    """The tools that may be called, and how freely."""
    tools = tuple(
        ToolSpec(tool["name"], tool.get("parameters") or {"type": "object"})
        for tool in body.get("tools") or ()
    )
    choice = body.get("tool_choice") or ("auto" if tools else "none")
    if isinstance(choice, str):
        return tools, choice
    if choice["type"] == "function":
        return tuple(t for t in tools if t.name == choice["name"]), "named"
    names = {tool["name"] for tool in choice["tools"]}
    return tuple(t for t in tools if t.name in names), choice["mode"]


def _echoed(body: JsonObject, model: OpenAIModel) -> JsonObject:
    """What the answer says of the request, with what was meant where nothing was said."""
    reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
    effort = (reasoning.get("effort") or model.default_effort) if model.efforts else None
    unsaid = (
        *("instructions", "max_output_tokens", "max_tool_calls", "previous_response_id", "prompt_cache_key"),
        *("prompt_cache_retention", "safety_identifier", "user"),
    )
    return {
        **{field: body.get(field) for field in unsaid},
        "background": False,
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "reasoning": {"effort": effort, "summary": reasoning.get("summary")},
        "service_tier": _TIERS.get(body.get("service_tier") or "", "default"),
        "store": body.get("store") is not False,
        "temperature": _number(body.get("temperature")),
        "text": {"format": _format(text.get("format")), "verbosity": text.get("verbosity") or "medium"},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [_tool(tool) for tool in body.get("tools") or ()],
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": _number(body.get("top_p")),
        "truncation": body.get("truncation") or "disabled",
    }


def _number(given: float | None) -> float:
    return 1.0 if given is None else float(given)


def _format(given: JsonObject | None) -> JsonObject:
    if given is None:
        return {"type": "text"}
    if given["type"] != "json_schema":
        return given
    return {"description": None, **given, "strict": bool(given.get("strict"))}


def _tool(tool: JsonObject) -> JsonObject:
    return {"description": None, "parameters": None, **tool, "strict": tool.get("strict") is not False}
