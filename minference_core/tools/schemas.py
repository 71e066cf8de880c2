"""
Type hints as pydantic models, and those as the JSON schemas a model provider is sent.

Calling the function with what comes back is `interface.py`.
"""

from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError

from minference_core import ids
from minference_core.errors import ToolError
from minference_core.tools.hints import Hints, name_of, read_hints

__all__ = [
    "Schema",
    "arguments_model",
    "derive_input_schema",
    "derive_output_schema",
    "object_model",
    "result_model",
    "schema_of",
]

Schema = dict[str, Any]

_ARGUMENTS = ConfigDict(extra="forbid", protected_namespaces=())


def derive_input_schema(func: Callable[..., Any]) -> Schema:
    """
    The JSON schema of a function's arguments: always an object.

    A function whose only parameter is a pydantic model has that model's schema, any other one a
    property for each parameter.

    Raises:
        ToolError: Its type hints are missing, unknown or cannot be said in JSON.
    """
    name = name_of(func)
    return schema_of(arguments_model(read_hints(func, name), name)[0], name)


def derive_output_schema(func: Callable[..., Any]) -> Schema:
    """
    The JSON schema of a function's result: that of the pydantic model it returns, or `{"result": …}`.

    Raises:
        ToolError: Its type hints are missing, unknown or cannot be said in JSON.
    """
    name = name_of(func)
    return schema_of(result_model(read_hints(func, name), name), name)


def arguments_model(hints: Hints, name: str) -> tuple[type[BaseModel], dict[str, str] | None]:
    """
    The model that checks a function's arguments.

    Returns:
        The model, and its field for each parameter; None for those when the function's only parameter
        is itself a model, and is given as it is.

    Raises:
        ToolError: A type is none that pydantic can check.
    """
    parameters = list(hints.signature.parameters.values())
    if len(parameters) == 1 and (own := object_model(hints.types[parameters[0].name])):
        return own, None
    names = {each.name: _field_name(each.name, place) for place, each in enumerate(parameters)}
    fields = {names[each.name]: _field(each, hints.types[each.name], names) for each in parameters}
    return _create(f"{name}Input", fields, _ARGUMENTS, name), names


def result_model(hints: Hints, name: str) -> type[BaseModel]:
    """
    The model of what a function's result is in JSON.

    Raises:
        ToolError: The type is none that pydantic can write.
    """
    own = object_model(hints.returns)
    return own or _create(f"{name}Output", {"result": (hints.returns, ...)}, ConfigDict(), name)


def schema_of(model: type[BaseModel], name: str) -> Schema:
    """
    Raises:
        ToolError: Something in it has no JSON form.
    """
    try:
        return model.model_json_schema(schema_generator=_Generator)
    except PydanticUserError as exc:
        raise _invalid(name, exc) from exc


def object_model(hint: Any) -> type[BaseModel] | None:
    """The pydantic model that a hint names, if its values are JSON objects."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    is_model = isinstance(hint, type) and issubclass(hint, BaseModel) and not issubclass(hint, RootModel)
    return hint if is_model else None


class _Generator(GenerateJsonSchema):
    """Leaves out defaults that JSON cannot say, without a warning: the function knows its own defaults."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012 (as in the base class)
        "skipped-choice",
        "non-serializable-default",
    }

    def encode_default(self, dft: Any) -> Any:
        encoded = super().encode_default(dft)
        try:
            ids.json_text(encoded)
        except ValueError as exc:
            raise PydanticSerializationError(str(exc)) from exc
        return encoded


def _field_name(parameter: str, place: int) -> str:
    """The parameter's name, where pydantic allows it for a field."""
    return f"argument_{place}__" if parameter.startswith("_") or hasattr(BaseModel, parameter) else parameter


def _field(parameter: Parameter, hint: Any, names: Mapping[str, str]) -> tuple[Any, Any]:
    if (description := _description(hint)) is not None:
        hint = Annotated[hint, Field(description=description)]
    if names[parameter.name] != parameter.name:
        hint = Annotated[hint, Field(alias=parameter.name)]
    return hint, ... if parameter.default is Parameter.empty else parameter.default


def _description(hint: Any) -> str | None:
    """The words beside a type: `Annotated[int, "how many"]`, or `Doc("how many")`; pydantic reads its own."""
    if get_origin(hint) is not Annotated:
        return None
    notes = get_args(hint)[1:]
    if any(isinstance(note, FieldInfo) and note.description for note in notes):
        return None
    texts = (getattr(note, "documentation", note) for note in notes)
    return next((text for text in texts if isinstance(text, str)), None)


def _create(title: str, fields: dict[str, Any], config: ConfigDict, name: str) -> type[BaseModel]:
    try:
        return create_model(title, __config__=config, **fields)
    except (PydanticUserError, NameError, TypeError) as exc:
        raise _invalid(name, exc) from exc


def _invalid(name: str, exc: Exception) -> ToolError:
    reason = str(exc).partition("\n")[0]
    return ToolError(f"Function '{name}' must have valid type hints: {reason}")
