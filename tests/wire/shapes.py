"""
Whether JSON is what a type says, and nothing beside it: the SDKs' type files read as strict schemas.

pydantic reads these types leniently: it takes unknown keys, looks into an `Iterable` only when somebody
iterates, and turns one type into another. Here a key that a type does not name is a problem at every level,
each element is looked at, and only the JSON type that is asked for will do.
"""

import inspect
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import BaseModel

__all__ = ["problems"]

_LISTS = (list, Iterable, Sequence)
_OBJECTS = (dict, Mapping)
_NAMES_A_MEMBER = ("type", "role", "object")  # the fields that tell the members of a union apart


def problems(value: object, wanted: object, *, at: str = "") -> list[str]:
    """
    What is wrong with a decoded JSON value under a type; nothing if it is all right.

    Args:
        wanted: A `TypedDict`, or anything one is made of; an SDK's model if it is an answer that is read. In
            requests, models are no types for JSON: what is sent has to be what the `TypedDict`s say.
    """
    return list(_Reader(takes_models=_is_model(wanted)).problems(value, wanted, at))


@dataclass(frozen=True, slots=True)
class _Field:
    wanted: object
    is_required: bool


@dataclass(frozen=True, slots=True)
class _Reader:
    takes_models: bool

    def problems(self, value: object, wanted: object, at: str) -> Iterator[str]:
        origin = get_origin(wanted)
        if origin in (Annotated, Required, NotRequired, typing_extensions.Required):
            yield from self.problems(value, get_args(wanted)[0], at)
        elif origin in (Union, types.UnionType):
            yield from self._of_union(value, _members(wanted), at)
        elif origin is Literal or origin is typing_extensions.Literal:
            if not any(value == one and type(value) is type(one) for one in get_args(wanted)):
                yield _not(value, " or ".join(map(repr, get_args(wanted))), at)
        elif origin in _LISTS or wanted in _LISTS:
            yield from self._of_list(value, *(get_args(wanted) or (object,)), at=at)
        elif origin in _OBJECTS or wanted in _OBJECTS:
            _, inner = get_args(wanted) or (str, object)
            yield from self._of_mapping(value, inner, at)
        elif _is_typed_dict(wanted) or (_is_model(wanted) and self.takes_models):
            yield from self._of_fields(value, wanted, at)
        elif not _is_plain(value, wanted):
            yield _not(value, _name(wanted), at)

    def _of_list(self, value: object, inner: object, *, at: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield _not(value, "a list", at)
            return
        for place, element in enumerate(value):
            yield from self.problems(element, inner, f"{at}[{place}]")

    def _of_mapping(self, value: object, inner: object, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _not(value, "an object", at)
            return
        for key, element in value.items():
            yield from self.problems(element, inner, f"{at}.{key}".lstrip("."))

    def _of_fields(self, value: object, wanted: object, at: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _not(value, _name(wanted), at)
            return
        known = _fields(wanted)
        for key, element in value.items():
            path = f"{at}.{key}".lstrip(".")
            if key in known:
                yield from self.problems(element, known[key].wanted, path)
            elif not _is_open(wanted):
                yield f"{path}: {_name(wanted)} has no such key"
        missing = (key for key, field in known.items() if field.is_required and key not in value)
        yield from (f"{at or 'it'}: {_name(wanted)} needs {key}" for key in missing)

    def _of_union(self, value: object, members: tuple[object, ...], at: str) -> Iterator[str]:
        """One of them has to be all right; else what is wrong under the one that comes closest."""
        found = [list(self.problems(value, member, at)) for member in members if _can_be(value, member)]
        if not found:
            yield _not(_called(value), " or ".join(map(_name, members)), at)
        elif all(found):
            yield from min(found, key=len)


def _can_be(value: object, member: Any) -> bool:
    """Whether a value is not said to be another member: by its JSON type, or by what it calls itself."""
    if member in (object, Any):
        return True
    origin = get_origin(member) or member
    if isinstance(value, list):
        return origin in _LISTS
    is_named = _is_typed_dict(member) or _is_model(member)
    if not isinstance(value, dict):
        return not is_named and origin not in (*_LISTS, *_OBJECTS)
    if not is_named:
        return origin in _OBJECTS
    names = _names(member)
    return all(value[key] in names[key] for key in names if key in value)


@cache
def _names(member: object) -> dict[str, tuple[object, ...]]:
    """What a member of a union may call itself, by field."""
    told = {key: _fields(member)[key].wanted for key in _NAMES_A_MEMBER if key in _fields(member)}
    words = {key: _words(wanted) for key, wanted in told.items()}
    return {key: said for key, said in words.items() if said}


def _words(wanted: object) -> tuple[object, ...]:
    """Those that a type is made of; none, if it is made of anything else."""
    if wanted is type(None):
        return (None,)
    if get_origin(wanted) in (Literal, typing_extensions.Literal):
        return get_args(wanted)
    parts = [_words(part) for part in _members(wanted)] if get_origin(wanted) is Union else []
    return tuple(word for part in parts for word in part) if all(parts) else ()


@cache
def _members(wanted: object) -> tuple[object, ...]:
    """The members of a union, and of the unions that it is made of."""
    members: list[object] = []
    for one in get_args(wanted):
        while get_origin(one) is Annotated:
            one = get_args(one)[0]
        members += _members(one) if get_origin(one) in (Union, types.UnionType) else [one]
    return tuple(members)


@cache
def _fields(wanted: Any) -> dict[str, _Field]:
    if _is_model(wanted):
        return {
            field.alias or name: _Field(_bare(field.annotation), field.is_required())
            for name, field in wanted.model_fields.items()
        }
    hints = get_type_hints(wanted, include_extras=True)
    needed = _required(wanted)
    return {
        _alias(hint) or name: _Field(_bare(hint), is_required=_is_required(hint, by_default=name in needed))
        for name, hint in hints.items()
    }


def _required(typed_dict: Any) -> frozenset[str]:
    """The keys of a class that is total, and of those it is made of."""
    own = set(inspect.get_annotations(typed_dict)) if typed_dict.__total__ else set()
    bases = [base for base in getattr(typed_dict, "__orig_bases__", ()) if _is_typed_dict(base)]
    inherited = {key for base in bases for key in getattr(base, "__annotations__", ())}
    return frozenset((own - inherited).union(*(_required(base) for base in bases)))


def _is_required(hint: object, *, by_default: bool) -> bool:
    origin = get_origin(hint)
    if origin is Annotated:
        return _is_required(get_args(hint)[0], by_default=by_default)
    if origin in (Required, typing_extensions.Required):
        return True
    return by_default and origin not in (NotRequired, typing_extensions.NotRequired)


def _bare(hint: object) -> object:
    while get_origin(hint) in (Annotated, Required, NotRequired):
        hint = get_args(hint)[0]
    return hint


def _alias(hint: object) -> str | None:
    """What a key is called on the wire, where Python has to call it something else."""
    while get_origin(hint) in (Annotated, Required, NotRequired):
        for said in getattr(hint, "__metadata__", ()):
            if getattr(said, "alias", None):
                return str(said.alias)
        hint = get_args(hint)[0]
    return None


def _is_open(wanted: Any) -> bool:
    """Whether a type says itself that it has keys beside those it names."""
    return not _is_model(wanted) and dict(getattr(wanted, "__pydantic_config__", {})).get("extra") == "allow"


def _is_plain(value: object, wanted: object) -> bool:
    if wanted is object or wanted is Any:
        return True
    if wanted is None or wanted is type(None):
        return value is None
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return wanted in (str, int, bool) and type(value) is wanted


def _is_typed_dict(wanted: object) -> bool:
    return typing_extensions.is_typeddict(wanted)


def _is_model(wanted: object) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, BaseModel)


def _name(wanted: object) -> str:
    return getattr(wanted, "__name__", None) or str(wanted)


def _called(value: object) -> object:
    """What an object calls itself; anything else as it is."""
    return {key: value[key] for key in _NAMES_A_MEMBER if key in value} if isinstance(value, dict) else value


def _not(value: object, wanted: str, at: str) -> str:
    shown = repr(value)
    return f"{at or 'it'}: {shown if len(shown) < 80 else shown[:80] + '…'} is not {wanted}"
