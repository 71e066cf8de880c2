"""The calls in a reply, whatever shape their arguments have."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from minference_core import ids
from minference_core.providers.reading import json_ascii, text_or_none
from minference_core.threads import ToolCall
from minference_core.threads.json_text import check_depth, json_alone

__all__ = ["Arguments", "Found", "arguments_from_json", "arguments_from_text", "carried", "tool_calls"]

_NO_NAME = "unknown_tool"
_MOST_WRAPPINGS = 3

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


def carried(
    parts: Sequence[dict[str, Any]], found: Sequence[Found], calls: Sequence[ToolCall]
) -> tuple[dict[str, Any], ...]:
    """
    Parts of a reply with calls, to be sent back as they came.

    None if they could not be: the results of its calls are sent under our ids, so each has to be its own.
    """
    if not calls or any(one.call_id != call.call_id for one, call in zip(found, calls, strict=True)):
        return ()
    if not all(isinstance(part.get("type"), str) for part in parts):
        return ()
    try:
        for part in parts:
            _check_writable(part)
    except ValueError:
        return ()
    return tuple(parts)


def arguments_from_text(text: object) -> Arguments:
    """
    The object that a text holds, and why it cannot be used, if so; no text means no arguments.

    Some servers give the object itself, some put it into a text within the text.
    """
    if not isinstance(text, str):
        return arguments_from_json(text)
    if not text.strip():
        return {}, None
    try:
        value = _unwrapped(json_alone(text))
        _check_sendable(value)
    except ValueError as exc:
        return {"raw": text_or_none(text)}, f"the arguments are not JSON: {exc}"
    return _as_object(value), None


def arguments_from_json(value: object) -> Arguments:
    """The object that a value is, or one around it, and why it cannot be used, if so."""
    try:
        value = _unwrapped(value)
        _check_writable(value)
    except ValueError as exc:
        return {"raw": json_ascii(value)}, f"the arguments cannot be used: {exc}"
    return _as_object(value), None


def _unwrapped(value: Any) -> Any:
    """The object in a text in a text; anything else as it is."""
    inner = value
    for _ in range(_MOST_WRAPPINGS):
        if not isinstance(inner, str):
            break
        try:
            inner = json_alone(inner)
        except ValueError:
            break
    return inner if isinstance(inner, dict) else value


def _as_object(value: Any) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    return value if isinstance(value, dict) else {"value": value}


def _check_writable(value: object) -> None:
    """
    Whether it can be stored, and sent again with the history it becomes part of.

    Raises:
        ValueError: It cannot.
    """
    check_depth(value)
    ids.json_text(value).encode()
    _check_sendable(value)


def _check_sendable(value: object) -> None:
    """The part of it that is not seen to where JSON is read from a text."""
    try:
        orjson.dumps(value)
    except TypeError as exc:  # orjson's, for integers of more than 64 bits
        raise ValueError(str(exc)) from exc
