"""Reading JSON that somebody else wrote: the small questions every adapter asks."""

from typing import Any

from minference_core.errors import Undecodable

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
    return value if isinstance(value, str) else None


def count(value: object, field: str) -> int | None:
    """A number of tokens in an object that may lack it, or not be an object at all."""
    number = value.get(field) if isinstance(value, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None
