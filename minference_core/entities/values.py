"""
What immutable versions are made of: containers that do not change, and the mark of an entity.

Nothing here knows a registry or an id's recipe.
"""

from collections.abc import Iterator
from copy import deepcopy
from operator import is_
from typing import Any, NoReturn, SupportsIndex, TypeVar
from uuid import UUID

from minference_core.errors import ImmutableVersion

__all__ = ["FrozenDict", "FrozenList", "FrozenSet", "Versioned", "same"]

T = TypeVar("T")


class Versioned:
    """What tells an entity from every other value, for code that only walks through values."""

    __slots__ = ()

    @property
    def id(self) -> UUID:
        """The version that this is, or was made from."""
        raise NotImplementedError

    @property
    def is_cold(self) -> bool:
        """Whether this is an immutable version."""
        raise NotImplementedError

    def entity_content(self) -> Iterator[tuple[str, Any]]:
        """Every field but the bookkeeping, by name and in the order they are declared."""
        raise NotImplementedError


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise ImmutableVersion(
        f"this {'list' if isinstance(self, list) else 'dict'} is part of an immutable version: "
        f"edit a warm copy, which EntityRegistry.get(id) gives"
    )


class FrozenList(list[T]):
    """A list that is equal to any other of the same items, and cannot be changed."""

    __slots__ = ()

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __copy__(self) -> list[T]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[T]:
        return [deepcopy(item, memo) for item in self]

    def __reduce_ex__(self, _: SupportsIndex) -> tuple[Any, ...]:
        return FrozenList, (list(self),)


class FrozenDict(dict[str, T]):
    """A dict that is equal to any other of the same items, and cannot be changed."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    pop = popitem = clear = update = setdefault = _refuse

    def __copy__(self) -> dict[str, T]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, T]:
        return {key: deepcopy(value, memo) for key, value in self.items()}

    def __reduce_ex__(self, _: SupportsIndex) -> tuple[Any, ...]:
        return FrozenDict, (dict(self),)


class FrozenSet(set[T]):
    """A set that is equal to any other of the same items, and cannot be changed."""

    __slots__ = ()

    add = clear = discard = pop = remove = update = _refuse
    difference_update = intersection_update = symmetric_difference_update = _refuse
    __iand__ = __ior__ = __isub__ = __ixor__ = _refuse

    def copy(self) -> set[T]:
        return set(self)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> set[T]:
        return {deepcopy(item, memo) for item in self}

    def __reduce_ex__(self, _: SupportsIndex) -> tuple[Any, ...]:
        return FrozenSet, (set(self),)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, and the types of their numbers, too: 1 is not True."""
    if one is other:
        return True
    match one, other:
        case (list(), list()) | (tuple(), tuple()):
            # Most items of most lists are the very objects they were before.
            return len(one) == len(other) and (all(map(is_, one, other)) or all(map(same, one, other)))
        case dict(), dict():
            return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
        case (bool() | int() | float(), _):
            return type(one) is type(other) and (one == other or (one != one and other != other))
    return bool(one == other)
