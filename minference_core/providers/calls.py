"""The calls in a reply, whatever shape their arguments have."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from minference_core import ids
from minference_core.providers.reading import text_or_none
from minference_core.threads import ToolCall
from minference_core.threads.json_text import check_depth, json_alone

__all__ = ["Found", "arguments_from_json", "arguments_from_text", "tool_calls"]

_NO_NAME = "unknown_tool"

Arguments = tuple[dict[str, Any], str | None]


class Found(NamedTuple):
    """A call as the provider wrote it, but for its arguments."""

    call_id: object
    name: object
    arguments: Arguments


def tool_calls(found: Iterable[Found]) -> tuple[ToolCall, ...]:
    """The calls, in order; one without an id of its own gets one from its place and name."""
    return tuple(_numbered(found))


def _numbered(found: Iterable[Found]) -> Iterator[ToolCall]:
    taken: set[str] = set()
    for place, one in enumerate(found):
        name = text_or_none(one.name) or _NO_NAME
        call_id = text_or_none(one.call_id) or f"call_{place}_{name}"
        while call_id in taken:
            call_id = f"{call_id}_{place}"
        taken.add(call_id)
        arguments, problem = one.arguments
        yield ToolCall(call_id=call_id, name=name, arguments=arguments, problem=problem)


def arguments_from_text(text: object) -> Arguments:
    """
    The object that a text holds, and why it cannot be used, if so; no text means no arguments.

    Some servers give the object itself.
    """
    if not isinstance(text, str):
        return arguments_from_json(text)
    if not text.strip():
        return {}, None
    try:
        value = json_alone(text)
        _check_writable(value)
    except ValueError as exc:
        return {"raw": text_or_none(text)}, f"the arguments are not JSON: {exc}"
    return _as_object(value), None


def arguments_from_json(value: object) -> Arguments:
    """The object that a value is, or one around it, and why it cannot be used, if so."""
    try:
        _check_writable(value)
    except ValueError as exc:
        return {"raw": _ascii(value)}, f"the arguments cannot be used: {exc}"
    return _as_object(value), None


def _as_object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"value": value}


def _check_writable(value: object) -> None:
    """
    Whether it can be stored, and sent again with the history it becomes part of.

    Raises:
        ValueError: It cannot.
    """
    try:
        check_depth(value)
        ids.json_text(value).encode()
        orjson.dumps(value)
    except TypeError as exc:  # orjson's, for integers of more than 64 bits
        raise ValueError(str(exc)) from exc


def _ascii(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "(nested too deeply)"
