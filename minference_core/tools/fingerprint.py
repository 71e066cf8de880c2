"""
Which version of a function a function is.

A fingerprint is the same in every process and on every machine: it is part of the content of a stored
tool. What a function reads from its module is not part of it.
"""

import inspect
import linecache
import textwrap
import warnings
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from pathlib import PurePath
from re import Pattern
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from minference_core import ids
from minference_core.tools.interface import Interface

__all__ = ["fingerprint", "source_fingerprint", "source_of", "token"]

_Description = Any  # nested lists of text


def fingerprint(interface: Interface) -> str:
    """
    The name of this version of a function: its text, defaults, closure, and schemas.

    Without its text (typed at a prompt, made by `exec`, or edited on disk since it was imported) it is
    the compiled code that counts, which another Python version compiles otherwise. Of objects it
    holds on to that are not plain data, only the class counts: see `token`.
    """
    described = _Stable().describe(interface.function)
    return str(ids.hash_uuid("function", described, interface.input_schema, interface.output_schema))


def source_fingerprint(text: str, entry: str) -> str:
    """The name of a version that is text: the function `entry` in it."""
    return str(ids.hash_uuid("source", text, entry))


def token(interface: Interface) -> Any:
    """What is equal for two functions of this process if they do the same, as after running a cell again."""
    described = _Exact().describe(interface.function)
    return described, interface.input_schema, interface.output_schema


def source_of(function: Callable[..., Any]) -> str | None:
    """The text of a function; None if there is none."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return None


class _Stable:
    """Describes values so that equal ones have equal descriptions in every process."""

    def __init__(self) -> None:
        self._within: set[int] = set()

    def describe(self, value: Any) -> _Description:
        if id(value) in self._within:
            return ["itself"]
        self._within.add(id(value))
        try:
            return self._one(value)
        finally:
            self._within.discard(id(value))

    def function(self, function: FunctionType) -> _Description:
        text = _text_of(function.__code__)
        return ["text", text] if text else self._code(function.__code__)

    def opaque(self, value: Any) -> _Description:
        return [_type_name(type(value))]

    def _one(self, value: Any) -> _Description:
        match value:
            case None | bool() | int() | float() | complex() | str() | bytes() | Enum() | Decimal():
                return [_type_name(type(value)), repr(value)]
            case date() | time() | timedelta() | UUID() | PurePath() | Pattern() | range():
                return [_type_name(type(value)), repr(value)]
            case type():
                return ["type", _type_name(value)]
            case ModuleType():
                return ["module", value.__name__]
            case BuiltinFunctionType():
                return ["builtin", str(value.__module__), value.__qualname__]
            case CodeType():
                return self._code(value)
        return self._container(value) or self._callable(value) or self._record(value) or self.opaque(value)

    def _container(self, value: Any) -> _Description | None:
        match value:
            case list() | tuple():
                return [_type_name(type(value)), *map(self.describe, value)]
            case set() | frozenset():
                return [_type_name(type(value)), *sorted(map(self.describe, value), key=repr)]
            case dict():
                pairs = [[self.describe(key), self.describe(item)] for key, item in value.items()]
                return [_type_name(type(value)), *pairs]
        return None

    def _callable(self, value: Any) -> _Description | None:
        match value:
            case FunctionType():
                held = [cell.cell_contents if cell != CellType() else ... for cell in value.__closure__ or ()]
                given = value.__defaults__, value.__kwdefaults__, held
                return ["function", self.function(value), self.describe(given)]
            case MethodType():
                return ["method", self.describe(value.__func__), self.describe(value.__self__)]
            case partial():
                return ["partial", *map(self.describe, (value.func, value.args, value.keywords))]
        return None

    def _record(self, value: Any) -> _Description | None:
        if isinstance(value, BaseModel) or (is_dataclass(value) and hasattr(value, "__dict__")):
            return [_type_name(type(value)), self.describe(vars(value))]
        return None

    def _code(self, code: CodeType) -> _Description:
        """Compiled code without the place it was written in."""
        names = code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
        counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
        instructions = code.co_code, code.co_exceptiontable
        return ["code", *map(self.describe, (names, counts, instructions, code.co_consts))]


class _Exact(_Stable):
    """Tells apart what only this process can: the objects themselves."""

    def function(self, function: FunctionType) -> _Description:
        # The same text in two modules reads other globals.
        return [function.__module__, self._code(function.__code__)]

    def opaque(self, value: Any) -> _Description:
        return [_type_name(type(value)), str(id(value))]


def _type_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _text_of(code: CodeType) -> str | None:
    """The text that this very code was compiled from; None when it is gone or was edited since."""
    try:
        text = inspect.getsource(code)
        file = "".join(linecache.getlines(code.co_filename))
        current = code in _compiled(file, code.co_filename)
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    return textwrap.dedent(text) if current else None


@lru_cache(maxsize=64)
def _compiled(text: str, file: str) -> frozenset[CodeType]:
    """All code in a file, as the interpreter would compile it now."""
    with warnings.catch_warnings():  # they were shown when the file was imported
        warnings.simplefilter("ignore")
        return frozenset(_nested(compile(text, file, "exec", dont_inherit=True)))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
