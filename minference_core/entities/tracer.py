"""A decorator that makes versions of what a function edits."""

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import wraps
from itertools import chain
from typing import Any, ParamSpec, TypeVar, cast

from minference_core.entities.entity import Entity
from minference_core.entities.registry import EntityRegistry

__all__ = ["entity_tracer"]

P = ParamSpec("P")
R = TypeVar("R")


def entity_tracer(function: Callable[P, R]) -> Callable[P, R]:
    """
    Register the edited warm entities among a function's arguments before each call, and again after it.

    They are looked for in the arguments and one level inside lists, tuples, sets and the values of
    dicts; what the function puts there is found, too. It may be a function, a coroutine function, a
    generator function or a method; of an asynchronous generator only the arguments it starts with are
    registered. What it returns is returned as it is.

    When the function raises, nothing is registered after it: edits that were cut short stay on the
    object, unsaved, until it is next registered. `EntityRegistry.set_tracing_enabled(False)` makes
    this a plain call.
    """
    if inspect.iscoroutinefunction(function):
        return cast("Callable[P, R]", _traced_coroutine(function))
    if inspect.isgeneratorfunction(function):
        return cast("Callable[P, R]", _traced_generator(function))

    @wraps(function)
    def traced(*args: P.args, **kwargs: P.kwargs) -> R:
        before = _register(args, kwargs)
        result = function(*args, **kwargs)
        _register(args, kwargs, before)
        return result

    return traced


def _traced_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> Any:
        before = _register(args, kwargs)
        result = await function(*args, **kwargs)
        _register(args, kwargs, before)
        return result

    return traced


def _traced_generator(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        before = _register(args, kwargs)
        result = yield from function(*args, **kwargs)
        _register(args, kwargs, before)
        return result

    return traced


def _register(args: Iterable[Any], kwargs: Mapping[str, Any], known: Iterable[Entity] = ()) -> list[Entity]:
    """The warm entities that are there now and those that are known to have been, each registered once."""
    if not EntityRegistry.is_tracing_enabled():
        return []
    found = {id(entity): entity for entity in chain(known, _found(args), _found(kwargs.values()))}
    for entity in found.values():
        EntityRegistry.register(entity)
    return list(found.values())


def _found(arguments: Iterable[Any]) -> Iterator[Entity]:
    for argument in arguments:
        match argument:
            case Entity():
                inside: Iterable[Any] = (argument,)
            case list() | tuple() | set() | frozenset():
                inside = argument
            case dict():
                inside = argument.values()
            case _:
                continue
        for value in inside:
            if isinstance(value, Entity) and not value.is_cold:
                yield value
