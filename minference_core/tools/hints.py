"""
What a function says about itself: its parameters and result, with their types resolved.

What JSON those types are is `schemas.py`.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from types import CellType
from typing import Any, get_args, get_origin, get_type_hints

from minference_core.errors import ToolError

__all__ = ["Hints", "defined", "is_async_callable", "name_of", "read_hints"]

_UNNAMED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Hints:
    """
    A function's signature, with types in place of their names.

    Attributes:
        types: By parameter, `Annotated` kept.
        returns: The type of what a caller gets in the end: of an async function, what it is awaited for.
    """

    signature: inspect.Signature
    types: dict[str, Any]
    returns: Any


def read_hints(function: Callable[..., Any], name: str) -> Hints:
    """
    Read a function's type hints, also those written as text.

    Args:
        function: A function, a method, a partial or an object with `__call__`.
        name: What errors call it.

    Raises:
        ToolError: It has none, one of them is missing or unknown, or it takes `*args` or `**kwargs`.
    """
    if isinstance(function, type) or not callable(function):
        raise ToolError(f"Function '{name}' must be a function, not {function!r}")
    hints = _resolved(function, name)
    if not hints:
        raise ToolError(f"Function '{name}' must have type hints")
    if "return" not in hints:
        raise ToolError(f"Function '{name}' must have a return type hint")
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        _check(parameter, hints, name)
    types = {parameter: hints[parameter] for parameter in signature.parameters}
    return Hints(signature, types, _awaited(hints["return"]))


def is_async_callable(func: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    call = getattr(func, "__call__", None)  # noqa: B004 (the method is wanted, not whether there is one)
    return (
        inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(call) or hasattr(func, "__await__")
    )


def name_of(function: Callable[..., Any]) -> str:
    """The name it was defined under."""
    function = defined(function)
    return str(getattr(function, "__name__", type(function).__name__))


def defined(function: Callable[..., Any]) -> Callable[..., Any]:
    """What somebody wrote, without the arguments that were filled in later."""
    while isinstance(function, partial):
        function = function.func
    return function


def _resolved(function: Callable[..., Any], name: str) -> dict[str, Any]:
    function = defined(function)
    if not inspect.isroutine(function):
        function = type(function).__call__
    try:
        return get_type_hints(function, localns=_enclosing(function) or None, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as exc:
        raise ToolError(f"Function '{name}' must have valid type hints: {exc}") from exc


def _enclosing(function: Callable[..., Any]) -> dict[str, Any]:
    """The names a nested function sees around it, for hints that are text."""
    plain = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(plain):
        return {}
    cells = zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if cell != CellType()}


def _check(parameter: inspect.Parameter, hints: dict[str, Any], name: str) -> None:
    if parameter.kind in _UNNAMED:
        raise ToolError(
            f"Function '{name}' takes {parameter}, which no schema can describe: name each parameter"
        )
    if parameter.name not in hints:
        raise ToolError(f"Function '{name}' must have type hints: parameter '{parameter.name}' has none")


def _awaited(hint: Any) -> Any:
    if get_origin(hint) in (Awaitable, Coroutine):
        return get_args(hint)[-1]
    return hint
