"""
How a function is called with JSON and answers in JSON.

The same in this process (`running.py`) and in the process of a tool made from text (`sandbox/worker.py`);
so nothing here imports more than pydantic.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from inspect import Parameter
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, to_jsonable_python

from minference_core import ids
from minference_core.errors import ToolError
from minference_core.tools.hints import Hints, defined, is_async_callable, name_of, read_hints
from minference_core.tools.schemas import Schema, arguments_model, result_model, schema_of

__all__ = ["Interface", "RegistryInfo", "reason_of", "to_json"]

# So many complaints about one call's arguments are told; a list may have thousands of bad items.
_TOLD = 20


@dataclass(frozen=True)
class RegistryInfo:
    """What is known of a registered function without calling it."""

    name: str
    signature: str
    doc: str | None
    input_schema: Schema
    output_schema: Schema
    is_async: bool


class Interface:
    """
    A function as a tool.

    Raises:
        ToolError: Its type hints are missing, unknown or cannot be said in JSON.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self.is_async = is_async_callable(function)
        self._hints: Hints = read_hints(function, name)
        own_name = name_of(function)
        self._model, self._fields = arguments_model(self._hints, own_name)
        self.input_schema = schema_of(self._model, name)
        self.output_schema = schema_of(result_model(self._hints, own_name), name)

    def info(self, name: str) -> RegistryInfo:
        """What `get_info` tells, under the name it is registered by."""
        return RegistryInfo(
            name=name,
            signature=str(self._hints.signature),
            doc=defined(self.function).__doc__,
            input_schema=deepcopy(self.input_schema),
            output_schema=deepcopy(self.output_schema),
            is_async=self.is_async,
        )

    @property
    def parameters(self) -> list[str] | None:
        """The names of its arguments in order; None when it takes one model, whose fields they are."""
        return None if self._fields is None else list(self._fields)

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """
        Call the function with checked and converted arguments.

        Raises:
            ToolError: The arguments do not fit; nothing was called.
        """
        given, named = self._bind(arguments)
        return self.function(*given, **named)

    def answer(self, value: Any) -> dict[str, Any]:
        """
        What the function gave, as JSON: a model is its object, anything else is the `result`.

        Raises:
            ToolError: It cannot be said in JSON.
        """
        said = to_json(value)
        return said if isinstance(value, BaseModel) and isinstance(said, dict) else {"result": said}

    def _bind(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        if not isinstance(arguments, Mapping):
            raise ToolError(f"the arguments must be an object of names and values, not {arguments!r:.100}")
        if self._fields is None:
            return self._bind_model(arguments)
        checked = self._checked(arguments)
        given: list[Any] = []
        named: dict[str, Any] = {}
        for name, parameter in self._hints.signature.parameters.items():
            field = self._fields[name]
            is_set = field in checked.model_fields_set or field in self._filled_by_model
            if parameter.kind is Parameter.POSITIONAL_ONLY:
                given.append(getattr(checked, field) if is_set else parameter.default)
            elif is_set:
                named[name] = getattr(checked, field)
        return given, named

    def _bind_model(self, arguments: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        (parameter,) = self._hints.signature.parameters.values()
        if not arguments and parameter.default is not Parameter.empty:
            return [], {}
        model = self._checked(arguments)
        return ([], {parameter.name: model}) if parameter.kind is Parameter.KEYWORD_ONLY else ([model], {})

    def _checked(self, arguments: Mapping[str, Any]) -> BaseModel:
        try:
            return self._model.model_validate(dict(arguments))
        except ValidationError as exc:
            raise ToolError(_complaint(exc, self.input_schema)) from exc

    @cached_property
    def _filled_by_model(self) -> frozenset[str]:
        """Fields whose default pydantic knows and the function does not: `x: int = Field(3, ge=1)`."""
        parameters = self._hints.signature.parameters
        return frozenset(
            field
            for name, field in (self._fields or {}).items()
            if isinstance(parameters[name].default, FieldInfo)
        )


def to_json(value: Any) -> Any:
    """
    Anything JSON can say, said so: dates, decimals, enums, sets, dataclasses, models, nested or not.

    Raises:
        ToolError: It cannot.
    """
    try:
        said = to_jsonable_python(value, by_alias=True)
        ids.json_text(said).encode()
    except (ValueError, RecursionError) as exc:
        raise ToolError(f"its result cannot be written as JSON: {exc}") from exc
    return said


def reason_of(exc: BaseException) -> str:
    """What an exception says, with its class where the text alone says too little."""
    text = str(exc)
    return f"{type(exc).__name__}: {text}" if not text or isinstance(exc, KeyError | SystemExit) else text


def _complaint(exc: ValidationError, schema: Schema) -> str:
    """Pydantic's complaints in one line, without the values: a model reads it, and logs keep it."""
    known = ", ".join(schema.get("properties", ())) or "none"
    errors = exc.errors(include_url=False, include_input=False)
    told = [_one(error, known) for error in errors[:_TOLD]] + ["…"] * (len(errors) > _TOLD)
    return f"{len(errors)} validation error{'s' * (len(errors) > 1)} for {exc.title}: {'; '.join(told)}"


def _one(error: ErrorDetails, known: str) -> str:
    where = ".".join(str(step) for step in error["loc"]) or "arguments"
    if error["type"] == "missing":
        return f"'{where}' is missing: {error['msg']}"
    if error["type"] == "extra_forbidden":
        hint = f" (the arguments are: {known})" if len(error["loc"]) == 1 else ""
        return f"'{where}' is unknown: {error['msg']}{hint}"
    return f"'{where}': {error['msg']}"
