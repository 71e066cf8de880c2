"""Reading JSON that somebody else wrote: the small questions every adapter asks."""

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from minference_core.errors import Undecodable

_MOST_TOKENS = 2**28  # sums of these fit the store's columns; nobody was ever billed for more
_MOST_DOLLARS = 10**6  # nor for that much
_NANODOLLAR = Decimal("1e-9")  # what the tables hold
_MOST_SHOWN = 300

__all__ = [
    "cost_from_header",
    "count",
    "dollars",
    "json_ascii",
    "mapping",
    "objects",
    "shown",
    "text_or_none",
]


def mapping(value: object, what: str) -> dict[str, Any]:
    """
    `value` as a JSON object.

    Raises:
        Undecodable: It is something else; the message says what was looked for.
    """
    if not isinstance(value, dict):
        raise Undecodable(f"{what} is {type(value).__name__}, not an object")
    return value


def objects(value: object, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """The objects of a list that may hold anything, or be none; of one `type`, if it is named."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict) and kind in (None, item.get("type")):
            yield item


def text_or_none(value: object) -> str | None:
    """A text; half a surrogate pair, which UTF-8 cannot say, becomes "?", and stays in the raw body."""
    if not isinstance(value, str):
        return None
    return value.encode("utf-8", "replace").decode() if not _is_utf8(value) else value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def count(value: object, *fields: str) -> int | None:
    """A number of tokens in an object that may lack it, or not be one: of the first field that holds any."""
    if not isinstance(value, dict):
        return None
    for field in fields:
        number = value.get(field)
        if type(number) is int and 0 <= number <= _MOST_TOKENS:  # a bool is none
            return number
    return None


def dollars(value: object) -> Decimal | None:
    """An amount of money as a number or its text; None for what can be none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):  # no number; an integer too long to be written out
        return None
    if not amount.is_finite() or not 0 <= amount <= _MOST_DOLLARS:
        return None
    return abs(amount.quantize(_NANODOLLAR))


def cost_from_header(text: str | None) -> Decimal | None:
    """What LiteLLM's header `x-litellm-response-cost` says, in US dollars; None if that is no amount."""
    return dollars(text)


def json_ascii(value: object) -> str:
    """A decoded value as text again, whatever it holds."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "(nested too deeply)"


def shown(value: object) -> str:
    """A decoded value for a message: never long."""
    text = json_ascii(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
