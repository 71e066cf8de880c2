"""
What the model generates for an `Ask`: thinking, words, JSON or tool calls, stopped where a model would stop.

Both wire formats write down what is decided here.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import orjson

from minference_core.simulator.json_values import ANY_OBJECT, schema_value, wanted_schema
from minference_core.simulator.misfits import half, misfit_arguments, misfit_text
from minference_core.simulator.replies import reply_text
from minference_core.simulator.tokens import count_tokens, cut
from minference_core.simulator.wire import Ask, ToolSpec

__all__ = ["Call", "Generated", "generate"]

Ending = Literal["end", "length", "stop_sequence", "tool"]

_SEVERAL = 0.25  # how likely a reply that calls a tool calls more than once
_TOKENS_PER_CALL = 8


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: its arguments as the model wrote them, which may have been cut off."""

    name: str
    arguments: str
    value: Any


@dataclass(frozen=True, slots=True)
class Generated:
    """One choice's worth."""

    text: str
    calls: tuple[Call, ...]
    thinking_tokens: int
    tokens: int  # all of it, thinking included
    ending: Ending
    stop_sequence: str | None = None


def generate(ask: Ask, rng: Random) -> Generated:
    thinking = _thinking_tokens(ask, rng)
    if thinking >= ask.max_tokens:
        return Generated("", (), ask.max_tokens, ask.max_tokens, "length")
    room = ask.max_tokens - thinking
    tool = _chosen_tool(ask, rng)
    if tool is not None:
        return _calls(ask, tool, rng, thinking, room)
    return _say(_words(ask, rng), ask.stop, thinking, room)


def _thinking_tokens(ask: Ask, rng: Random) -> int:
    """Nothing for about half of the requests that may think, unless it must: the model decides."""
    if not ask.thinking_tokens or (rng.random() < 0.5 and not ask.must_think):
        return 0
    return 1 + int(rng.random() ** 2 * ask.thinking_tokens)


def _chosen_tool(ask: Ask, rng: Random) -> ToolSpec | None:
    if not ask.tools or ask.tool_choice == "none":
        return None
    if ask.tool_choice == "auto" and rng.random() < ask.tool_reluctance:
        return None
    return rng.choice(ask.tools)


def _calls(ask: Ask, tool: ToolSpec, rng: Random, thinking: int, room: int) -> Generated:
    call, needed = _call(ask, tool, rng)
    if needed > room:
        arguments = cut(call.arguments, max(0, room - count_tokens(tool.name) - _TOKENS_PER_CALL))
        return Generated("", (Call(tool.name, arguments, {}),), thinking, thinking + room, "length")
    calls, used = [call], needed
    for _ in range(_more_calls(ask, rng)):
        call, needed = _call(ask, rng.choice(ask.tools), rng)
        if used + needed <= room:
            calls.append(call)
            used += needed
    return Generated("", tuple(calls), thinking, thinking + used, "tool")


def _more_calls(ask: Ask, rng: Random) -> int:
    """How many calls come with the first one."""
    if ask.tool_choice == "named" or not ask.several_calls or rng.random() >= _SEVERAL:
        return 0
    return rng.randint(1, 2)


def _call(ask: Ask, tool: ToolSpec, rng: Random) -> tuple[Call, int]:
    """A call, and its tokens."""
    value = schema_value(tool.parameters, rng, ask.topic)
    arguments = orjson.dumps(value).decode()
    if ask.misfit:
        arguments, value = misfit_arguments(tool.parameters, value)
    tokens = count_tokens(tool.name) + count_tokens(arguments) + _TOKENS_PER_CALL
    return Call(tool.name, arguments, value), tokens


def _words(ask: Ask, rng: Random) -> str:
    if ask.schema is not None:
        return _json_text(ask, ask.schema, rng)
    if ask.text_schema is not None:
        return _bare_text(ask, rng)
    if ask.prefix:
        return _continued(ask.prefix, rng, ask)
    if (schema := wanted_schema(ask.instructions, ask.topic)) is not None:
        text = _json_text(ask, schema, rng)
        return f"```json\n{text}\n```" if rng.random() < 0.5 else text  # models like a fence
    return reply_text(rng, ask.topic, ask.earlier)


def _continued(prefix: str, rng: Random, ask: Ask) -> str:
    """What comes after an assistant message the caller has begun."""
    end = prefix.rstrip()
    schema = wanted_schema(ask.instructions, ask.topic) or ANY_OBJECT
    if end.endswith("{"):
        return _json_text(ask, schema, rng).removeprefix("{")
    if end.endswith(("```json", "```")):
        return f"\n{_json_text(ask, schema, rng)}\n```"
    if "json" in end.lower():
        return _json_text(ask, schema, rng)
    return " " + reply_text(rng, ask.topic, ask.earlier)


def _json_text(ask: Ask, schema: Any, rng: Random) -> str:
    value = schema_value(schema, rng, ask.topic)
    if ask.misfit:
        return half(value) if schema is ANY_OBJECT else misfit_text(schema, value)
    return orjson.dumps(value).decode()


def _bare_text(ask: Ask, rng: Random) -> str:
    if ask.misfit:
        return reply_text(rng, ask.topic, ask.earlier)
    value = schema_value(ask.text_schema, rng, ask.topic)
    return value if isinstance(value, str) else ""


def _say(text: str, stops: tuple[str, ...], thinking: int, room: int) -> Generated:
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    stop = min(found)[1] if found else None
    if found:
        text = text[: min(found)[0]]
    tokens = count_tokens(text)
    if tokens > room:
        return Generated(cut(text, room), (), thinking, thinking + room, "length")
    ending: Ending = "stop_sequence" if found else "end"
    return Generated(text, (), thinking, thinking + max(1, tokens), ending, stop)
