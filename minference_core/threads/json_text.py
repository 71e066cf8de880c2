"""
JSON as models write it: alone, in a fence, after a few words, with Python's words or a comma too many.

Guessing ends where it could be wrong: of a broken object, what is whole inside it is never taken for it.
Every function takes time in proportion to the text, whatever it holds.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

from minference_core import ids

__all__ = ["check_depth", "json_alone", "json_in", "parse_json_string"]

# Deeper values can neither be validated by pydantic (255) nor be sent by orjson (254, with the body around).
_DEEPEST = 200

_DECODER = json.JSONDecoder()
_FENCE = re.compile(r"```[ \t]*+(?:[A-Za-z][\w+-]*+)?\s*+")
_AFTER_FENCED = re.compile(r"\s*+(?:```|\Z)")
_MOST_FENCES = 32  # a failed try costs as much as the text before it is long: Python counts its lines
_BRACKET = re.compile(r"[\[\]{}]")
# How an object or a list begins; other brackets are punctuation.
_BEGINS = re.compile(r'\{\s*+["}]|\[\s*+(?:["\[\]{\d]|-\d|(?:true|false|null|True|False|None)\b)')
_MENDABLE = re.compile(r"(?:True|False|None)\b|,?\s*+[\]}]")
# A string, so that nothing inside it is mended; Python's words; a comma before a closing bracket.
_MENDED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\b(?:True|False|None)\b|,(?=\s*+[\]}])', re.DOTALL)
_IN_JSON = {"True": "true", "False": "false", "None": "null", ",": ""}
_CLOSED_BY = {"}": "{", "]": "["}


def json_in(text: str) -> Any:
    """
    The JSON value that a text is, or that is in a fence, or else the first object or list among its words.

    Raises:
        ValueError: There is none.
    """
    try:
        return json_alone(text)
    except ValueError as exc:
        found = _among_words(text)
        if found is None:
            raise ValueError(f"there is none in it: {exc}") from exc
    return _checked(found)


def json_alone(text: str) -> Any:
    """
    The JSON value that a text is, or that is in a fence.

    Raises:
        ValueError: It is none, or none that could be written again.
    """
    text = text.strip("\ufeff \t\r\n")
    if not text:
        raise ValueError("it is empty")
    try:
        return _checked(text)
    except ValueError as exc:
        # A fence inside broken JSON is a part of it.
        fenced = () if _BEGINS.match(text) else _fenced(text)
        for candidate in (_mended(text), *fenced):
            try:
                return _checked(candidate)
            except ValueError:
                continue
        raise ValueError(str(exc)) from exc


def parse_json_string(content: str) -> dict[str, Any] | list[Any] | None:
    """The object or list that a text is or holds; None if there is none."""
    try:
        value = json_in(content)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


def check_depth(value: object) -> None:
    """
    Raises:
        ValueError: Lists and objects are nested so deeply that the value could not be stored or sent.
    """
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _checked(text: str) -> Any:
    value = ids.parse_json(text)
    check_depth(value)
    return value


def _mended(text: str) -> str:
    return _MENDED.sub(lambda found: _IN_JSON.get(found[0], found[0]), text)


def _fenced(text: str) -> Iterator[str]:
    """What each fence holds, which may not be closed; fences inside a JSON string are part of it."""
    marks = [(found.start(), found.end()) for found in islice(_FENCE.finditer(text), _MOST_FENCES)]
    for (_, start), (stop, _) in pairwise([*marks, (len(text), len(text))]):
        end = _end_of_value(text, start)
        if end is not None and _AFTER_FENCED.match(text, end):
            yield text[start:end]
        else:
            yield _mended(text[start:stop])


def _end_of_value(text: str, start: int) -> int | None:
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def _among_words(text: str) -> str | None:
    """
    The first object or list; a bracket of prose is passed over with everything in it.

    None, too, where what begins like JSON does not go on like it.
    """
    closing = _closing_brackets(text)
    at = 0
    while (bracket := _BRACKET.search(text, at)) is not None:
        start = bracket.start()
        if _BEGINS.match(text, start):
            return _value_from(text, start)
        at = closing.get(start, start) + 1
    return None


def _value_from(text: str, start: int) -> str | None:
    try:
        return text[start : _DECODER.raw_decode(text, start)[1]]
    except json.JSONDecodeError as exc:
        if not _MENDABLE.match(text, exc.pos):
            return None
    except (ValueError, RecursionError):
        return None
    mended = _mended(text[start:])
    end = _end_of_value(mended, 0)
    return None if end is None else mended[:end]


def _closing_brackets(text: str) -> dict[int, int]:
    """Where the bracket that was opened somewhere is closed, if it is."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for bracket in _BRACKET.finditer(text):
        at, which = bracket.start(), bracket[0]
        if which not in _CLOSED_BY:
            opened.append(at)
        elif opened and text[opened[-1]] == _CLOSED_BY[which]:
            closing[opened.pop()] = at
    return closing
