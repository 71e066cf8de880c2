"""
Calls that a model wrote into its words, in tags, because nothing between it and us took them out.

Whether a text may hold any depends on what was asked: where no tools were on offer, tags are words.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from json import JSONDecoder
from typing import Any, NamedTuple

from minference_core.providers.calls import Found, arguments_from_json, arguments_from_text, tool_calls
from minference_core.threads import Reply
from minference_core.threads.json_text import json_alone

__all__ = ["call_from_text", "with_embedded_calls"]

_CLOSED_BY = {
    "<tool_call>": "</tool_call>",
    "<TOOL_CALL>": "</TOOL_CALL>",
    "[TOOL_REQUEST]": "[END_TOOL_REQUEST]",
    "<tool_use>": "</tool_use>",
}
_TAG = re.compile("|".join(map(re.escape, _CLOSED_BY)))
_AFTER_TAG = re.compile(r"\s*+(?=[{\[]|```)")  # anything else in a tag is words about tags
_SPACE = re.compile(r"\s*+")
_ARGUMENTS = ("arguments", "parameters", "input")
_WHOLE = ("stop", "other", "tool_calls")  # how a reply ends that was not cut off
_MOST_TAGS = 64  # each may cost as much as the text is long

_DECODER = JSONDecoder()
_NOTHING = object()


class _Cut(NamedTuple):
    """A tag with what is in it: where in the text, and the value, or what is there instead of one."""

    start: int
    end: int
    inside: str
    value: Any = _NOTHING


def with_embedded_calls(reply: Reply, offered: Collection[str]) -> Reply:
    """
    The reply with the calls that are in its text; as it is if it has calls of its own, or was cut off.

    Args:
        offered: The names of the tools that the model could call.
    """
    if not offered or reply.tool_calls or reply.finish not in _WHOLE:
        return reply
    cuts = list(_cuts(reply.text))
    if not cuts:
        return reply
    calls = tool_calls(found for cut in cuts for found in _found_in(cut, offered))
    return replace(reply, text=_outside(reply.text, cuts), finish="tool_calls", tool_calls=calls)


def call_from_text(call_id: object, name: object, arguments: object) -> Found:
    """A call of the provider's own, in whose arguments another may be: that is the one that is meant."""
    read = arguments_from_text(arguments)
    cut = next(_cuts(arguments), None) if read[1] is not None and isinstance(arguments, str) else None
    if cut is None or not isinstance(cut.value, dict):
        return Found(call_id, name, read)
    inner = _found(cut.value, ())
    return Found(call_id, name if inner.name is None else inner.name, inner.arguments)


def _cuts(text: str) -> Iterator[_Cut]:
    at, tried = 0, 0
    while tried < _MOST_TAGS and (tag := _TAG.search(text, at)) is not None:
        at = tag.end()
        if (begins := _AFTER_TAG.match(text, at)) is None:
            continue
        tried += 1
        cut = _decoded(text, tag, begins.end()) or _guessed(text, tag)
        if cut is not None:
            at = cut.end
            yield cut


def _decoded(text: str, tag: re.Match[str], start: int) -> _Cut | None:
    """What is proper JSON ends where it ends, whatever tags it holds, closed or not."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    after = _SPACE.match(text, end)
    stop = end if after is None else after.end()
    closing = _CLOSED_BY[tag[0]]
    if text.startswith(closing, stop):
        return _Cut(tag.start(), stop + len(closing), text[start:end], value)
    if stop == len(text) or _TAG.match(text, stop):
        return _Cut(tag.start(), stop, text[start:end], value)
    return None


def _guessed(text: str, tag: re.Match[str]) -> _Cut | None:
    """What is not may be mended, up to the next tag; left open to the end it is no call."""
    closing, following = text.find(_CLOSED_BY[tag[0]], tag.end()), _TAG.search(text, tag.end())
    if following is not None and (closing < 0 or following.start() < closing):
        stop = end = following.start()
    elif closing >= 0:
        stop, end = closing, closing + len(_CLOSED_BY[tag[0]])
    else:
        stop = end = len(text)
    inside = text[tag.end() : stop]
    try:
        return _Cut(tag.start(), end, inside, json_alone(inside))
    except ValueError:
        return None if stop == len(text) else _Cut(tag.start(), end, inside)


def _found_in(cut: _Cut, offered: Collection[str]) -> Iterator[Found]:
    if cut.value is _NOTHING:
        yield Found(None, None, arguments_from_text(cut.inside))
        return
    values = cut.value if isinstance(cut.value, list) else [cut.value]
    if not values or not all(isinstance(value, dict) for value in values):
        yield Found(None, None, arguments_from_json(cut.value))
        return
    for value in values:
        yield _found(value, offered)


def _found(value: dict[str, Any], offered: Collection[str]) -> Found:
    """The call that an object is; of no tool that is known if it does not say which."""
    function = value.get("function")
    said = function if isinstance(function, dict) else value
    name = function if isinstance(function, str) else said.get("name")
    if isinstance(name, str) and name:
        field = next((field for field in _ARGUMENTS if field in said), None)
        if field is not None:
            return Found(None, name, arguments_from_text(said[field]))
        if name in offered:
            return Found(None, name, ({}, None))
    return Found(None, None, arguments_from_json(value))


def _outside(text: str, cuts: list[_Cut]) -> str:
    starts = [0, *(cut.end for cut in cuts)]
    ends = [*(cut.start for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    pieces[1:] = [piece.lstrip() for piece in pieces[1:]]
    pieces[:-1] = [piece.rstrip() for piece in pieces[:-1]]
    return "\n".join(piece for piece in pieces if piece)
