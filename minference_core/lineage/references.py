"""
Versions inside JSON: each stands there as its id, and JSON pointers beside it (RFC 6901) say where.

The pointers are what tells a version's id from a text that only looks like one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from minference_core import ids
from minference_core.entities import Entity

__all__ = ["filled_in", "plain", "targets"]


def plain(value: Any, at: str, pointers: list[str]) -> Any:
    """
    JSON for a value, spelled as `Entity.entity_record` spells it.

    Args:
        at: The pointer of the value itself.
        pointers: Where each version is, added to as they are found.
    """
    match value:
        case str() | int() | float() | None:
            return value
        case Entity():
            pointers.append(at)
            return str(value.id)
        case BaseModel():
            # In full: a default may be what tells it from a value of another class.
            return value.model_dump(mode="json")
        case list() | tuple():
            return _items(value, at, pointers)
        case dict():
            named = ((str(to_jsonable_python(key)), item) for key, item in value.items())
            return {name: plain(item, f"{at}/{_escaped(name)}", pointers) for name, item in named}
        case set() | frozenset():
            return _items(
                sorted(value, key=lambda item: ids.canonical_json(plain(item, "", []))), at, pointers
            )
    return to_jsonable_python(value)


def targets(fields: Mapping[str, Any], pointers: Iterable[str]) -> list[UUID]:
    """The ids of the versions that these pointers name."""
    found = []
    for pointer in pointers:
        holder, step = _place(fields, pointer)
        found.append(UUID(holder[step]))
    return found


def filled_in(
    fields: dict[str, Any], pointers: Iterable[str], versions: Mapping[UUID, Entity]
) -> dict[str, Any]:
    """The fields, with each version in the place of its id."""
    for pointer in pointers:
        holder, step = _place(fields, pointer)
        holder[step] = versions[UUID(holder[step])]
    return fields


def _items(values: Sequence[Any], at: str, pointers: list[str]) -> list[Any]:
    return [plain(item, f"{at}/{n}", pointers) for n, item in enumerate(values)]


def _place(fields: Any, pointer: str) -> tuple[Any, Any]:
    """What holds the value a pointer names, and under which key."""
    *steps, last = pointer.removeprefix("/").split("/")
    holder = fields
    for step in steps:
        holder = holder[_key(holder, step)]
    return holder, _key(holder, last)


def _key(holder: Any, step: str) -> str | int:
    return int(step) if isinstance(holder, list) else step.replace("~1", "/").replace("~0", "~")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
