"""
What the model generates for an `Ask`: thinking, words, JSON or tool calls, stopped where a model would stop.

Both wire formats write down what is decided here.
"""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import orjson

from minference_core.simulator.json_values import ANY_OBJECT, schema_value, wanted_schema
from minference_core.simulator.replies import reply_text
from minference_core.simulator.tokens import count_tokens, cut
from minference_core.simulator.wire import Ask, ToolSpec

__all__ = ["Call", "Generated", "generate"]

Ending = Literal["end", "length", "stop_sequence", "tool"]


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
        return _call(ask, tool, rng, thinking, room)
    return _say(_words(ask, rng), ask.stop, thinking, room)


def _thinking_tokens(ask: Ask, rng: Random) -> int:
    """Nothing for about half of the requests that may think: the model decides."""
    if not ask.thinking_tokens or rng.random() < 0.5:
        return 0
    return 1 + int(rng.random() ** 2 * ask.thinking_tokens)


def _chosen_tool(ask: Ask, rng: Random) -> ToolSpec | None:
    if not ask.tools or ask.tool_choice == "none":
        return None
    if ask.tool_choice == "auto" and rng.random() < ask.tool_reluctance:
        return None
    return rng.choice(ask.tools)


def _call(ask: Ask, tool: ToolSpec, rng: Random, thinking: int, room: int) -> Generated:
    value = schema_value(tool.parameters, rng, ask.topic)
    arguments = orjson.dumps(value).decode()
    needed = count_tokens(tool.name) + count_tokens(arguments) + 8
    if needed > room:
        arguments = cut(arguments, max(0, room - count_tokens(tool.name) - 8))
        return Generated("", (Call(tool.name, arguments, {}),), thinking, thinking + room, "length")
    return Generated("", (Call(tool.name, arguments, value),), thinking, thinking + needed, "tool")


def _words(ask: Ask, rng: Random) -> str:
    if ask.schema is not None:
        return _json_text(ask.schema, rng, ask.topic)
    if ask.prefix:
        return _continued(ask.prefix, rng, ask)
    if (schema := wanted_schema(ask.instructions, ask.topic)) is not None:
        text = _json_text(schema, rng, ask.topic)
        return f"```json\n{text}\n```" if rng.random() < 0.5 else text  # models like a fence
    return reply_text(rng, ask.topic, ask.earlier)


def _continued(prefix: str, rng: Random, ask: Ask) -> str:
    """What comes after an assistant message the caller has begun."""
    end = prefix.rstrip()
    schema = wanted_schema(ask.instructions, ask.topic) or ANY_OBJECT
    if end.endswith("{"):
        return _json_text(schema, rng, ask.topic).removeprefix("{")
    if end.endswith(("```json", "```")):
        return f"\n{_json_text(schema, rng, ask.topic)}\n```"
    if "json" in end.lower():
        return _json_text(schema, rng, ask.topic)
    return " " + reply_text(rng, ask.topic, ask.earlier)


def _json_text(schema: Any, rng: Random, topic: str) -> str:
    return orjson.dumps(schema_value(schema, rng, topic)).decode()


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
