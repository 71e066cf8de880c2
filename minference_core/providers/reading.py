"""Reading JSON that somebody else wrote: the small questions every adapter asks."""

from typing import Any

from minference_core.errors import Undecodable

_MOST_TOKENS = 2**28  # sums of these fit the store's columns; nobody was ever billed for more

__all__ = ["count", "mapping", "text_or_none"]


def mapping(value: object, what: str) -> dict[str, Any]:
    """
    `value` as a JSON object.

    Raises:
        Undecodable: It is something else; the message says what was looked for.
    """
    if not isinstance(value, dict):
        raise Undecodable(f"{what} is {type(value).__name__}, not an object")
    return value


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


def count(value: object, field: str) -> int | None:
    """A number of tokens in an object that may lack it, or not be an object at all."""
    number = value.get(field) if isinstance(value, dict) else None
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return number if 0 <= number <= _MOST_TOKENS else None
