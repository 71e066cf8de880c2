"""
The text of a tool becomes a function. Runs only in the tool's own process: `worker.py`.
"""

import ast
import sys
import textwrap
import typing
from collections.abc import Callable
from types import ModuleType
from typing import Any

import typing_extensions
from pydantic import BaseModel, Field

from minference_core.errors import ToolError

__all__ = ["function_named", "run_text"]

_MODULE = "tool_source"

# What the text can name without importing it.
_PRESET: dict[str, Any] = {
    **{name: getattr(typing, name) for name in typing.__all__},
    **{name: getattr(typing_extensions, name) for name in ("TypedDict", "NotRequired", "Required")},
    "BaseModel": BaseModel,
    "Field": Field,
}


def run_text(text: str) -> dict[str, Any]:
    """
    Run the text as a module of its own; a lambda is left for `function_named`.

    Returns:
        The module's names.
    """
    module = ModuleType(_MODULE)
    module.__dict__.update(_PRESET)
    sys.modules[_MODULE] = module  # where pydantic looks for the names in a model's hints
    if _is_lambda(text):
        module.__dict__["<lambda>"] = eval(compile(_clean(text), _MODULE, "eval"), module.__dict__)  # noqa: S307
    else:
        exec(compile(_clean(text), _MODULE, "exec"), module.__dict__)  # noqa: S102 (this process is for that)
    return module.__dict__


def function_named(name: str | None, text: str, names: dict[str, Any]) -> tuple[str, Callable[..., Any]]:
    """
    The function that a tool of that name calls: the one so called, or the only one there is.

    Raises:
        ToolError: There is none, or there are several and none has that name.
    """
    if _is_lambda(text):
        return _lambda(name, names["<lambda>"])
    defined = [
        statement.name
        for statement in ast.parse(_clean(text)).body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    if name in defined:
        return name, names[name]
    if len(set(defined)) != 1:
        found = f"several ({', '.join(dict.fromkeys(defined))}): name one of them" if defined else "none"
        raise ToolError(f"the text must define the tool's function; it defines {found}")
    return defined[0], names[defined[0]]


def _clean(text: str) -> str:
    return textwrap.dedent(text).strip()


def _is_lambda(text: str) -> bool:
    return text.lstrip().startswith("lambda")


def _lambda(name: str | None, function: Any) -> tuple[str, Callable[..., Any]]:
    """A lambda has no type hints: it takes one number and gives one."""
    if name is None:
        raise ToolError("a lambda has no name of its own: pass name=")
    code = function.__code__
    if code.co_argcount != 1 or code.co_kwonlyargcount or code.co_posonlyargcount:
        raise ToolError("a lambda must take exactly one argument; write `def` for anything else")
    function.__annotations__ = {code.co_varnames[0]: float, "return": float}
    function.__name__ = function.__qualname__ = name
    function.__doc__ = "Wrapped lambda function"
    return name, function
