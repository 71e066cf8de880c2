"""A Chat Completions body as an `Ask`."""

from typing import Any

from minference_core.simulator.json_values import ANY_OBJECT
from minference_core.simulator.models import OpenAIModel
from minference_core.simulator.openai.checks import check_body
from minference_core.simulator.openai.constraints import constrained_json, constrained_text
from minference_core.simulator.openai.dialects import Dialect
from minference_core.simulator.openai.messages import prompt_tokens, text_of
from minference_core.simulator.wire import Ask, JsonObject, Refused, ToolSpec

__all__ = ["THINKING_BY_EFFORT", "read_ask"]

THINKING_BY_EFFORT = {"minimal": 12, "low": 40, "medium": 90, "high": 180, "xhigh": 300, "max": 450}


def read_ask(body: Any, dialect: Dialect) -> Ask:
    """
    What is asked for.

    Raises:
        Refused: Whatever the server would refuse.
    """
    model = check_body(body, dialect)
    tokens = prompt_tokens(body)
    declared = body.get("max_completion_tokens") or body.get("max_tokens")
    if tokens + (declared or 0) > model.context:
        message = (
            f"This model's maximum context length is {model.context} tokens. However, your messages resulted"
            f" in {tokens} tokens. Please reduce the length of the messages."
        )
        raise Refused(400, message, param="messages", code="context_length_exceeded")
    return _ask(body, dialect, model, tokens, declared)


def _ask(body: JsonObject, dialect: Dialect, model: OpenAIModel, tokens: int, declared: int | None) -> Ask:
    messages = body["messages"]
    asked = [text_of(m.get("content")) for m in messages if m["role"] == "user"]
    told = [text_of(m.get("content")) for m in messages if m["role"] in ("system", "developer")]
    tools, choice = _tools(body)
    last = messages[-1]
    stop = body.get("stop") or ()
    return Ask(
        model=body["model"],
        prompt_tokens=tokens,
        max_tokens=min(declared or model.max_output, model.max_output),
        declared_max=declared,
        sampled=body.get("temperature") != 0,
        topic=asked[-1] if asked else text_of(last.get("content")),
        earlier=asked[-2] if len(asked) > 1 else "",
        instructions="\n".join(told),
        schema=_schema(body),
        text_schema=constrained_text(body),
        prefix=_prefix(last, dialect),
        tools=tools,
        tool_choice=choice,
        tool_reluctance=0.75 if last["role"] == "tool" else 0.4,
        several_calls=body.get("parallel_tool_calls") is not False,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        thinking_tokens=_thinking(body, model, dialect),
        show_thinking=not (body.get("reasoning") or {}).get("exclude"),
        choices=body.get("n") or 1,
        detailed_cost=bool((body.get("usage") or {}).get("include")),
    )


def _prefix(last: JsonObject, dialect: Dialect) -> str:
    """The text a vLLM or LiteLLM goes on from a last assistant message; OpenAI takes it for history."""
    if last["role"] != "assistant" or dialect.openai_rules:
        return ""
    return text_of(last.get("content"))


def _thinking(body: JsonObject, model: OpenAIModel, dialect: Dialect) -> int:
    """How many tokens thinking may take at most; 0 if there is none."""
    if dialect.openai_rules:
        effort = (body.get("reasoning_effort") or model.default_effort) if model.efforts else None
        return THINKING_BY_EFFORT.get(effort or "", 0)
    asked = body.get("reasoning")
    if not isinstance(asked, dict):
        unsaid = "medium" if body.get("include_reasoning") is True else ""
        return THINKING_BY_EFFORT.get(body.get("reasoning_effort") or unsaid, 0)
    if asked.get("enabled") is False:
        return 0
    most = THINKING_BY_EFFORT.get(asked.get("effort") or "medium", 0)
    return max(0, min(most, asked.get("max_tokens") or most))


def _schema(body: JsonObject) -> Any:
    """The schema the reply must satisfy; None if it is free text."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object":
        return ANY_OBJECT
    if wanted.get("type") == "json_schema":
        return wanted["json_schema"].get("schema", {})
    return constrained_json(body)


def _tools(body: JsonObject) -> tuple[tuple[ToolSpec, ...], str]:
    """The tools that may be called, and how freely."""
    tools = tuple(
        ToolSpec(tool["function"]["name"], tool["function"].get("parameters") or {"type": "object"})
        for tool in body.get("tools") or ()
    )
    choice = body.get("tool_choice") or ("auto" if tools else "none")
    if isinstance(choice, str):
        return tools, choice
    if choice["type"] == "function":
        return tuple(t for t in tools if t.name == choice["function"]["name"]), "named"
    allowed = choice.get("allowed_tools") or {}
    names = {tool.get("function", {}).get("name") for tool in allowed.get("tools", ())}
    return tuple(t for t in tools if t.name in names), allowed.get("mode", "auto")
