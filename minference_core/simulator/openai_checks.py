"""
What Chat Completions refuses, in its own words.

Wording as seen in the API's answers of 2025 and 2026; clients branch on `status`, `type`, `param` and `code`, which
are what must be right here.
"""

from typing import Any

from minference_core.simulator.dialects import Dialect
from minference_core.simulator.models import OpenAIModel, is_made_up, openai_model
from minference_core.simulator.openai_messages import check_messages
from minference_core.simulator.strict_schema import strict_problem
from minference_core.simulator.wire import JsonObject, Refused

__all__ = ["check_body"]

_FIELDS = frozenset(
    "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens"
    " max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key"
    " prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed"
    " service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity"
    " web_search_options".split()
)
_NUMBERS = {  # field: (lowest, highest)
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_INTEGERS = {  # field: (lowest, highest)
    "max_completion_tokens": (1, None),
    "max_tokens": (1, None),
    "n": (1, 128),
    "seed": (None, None),
    "top_logprobs": (0, 20),
}
_DEFAULT_ONLY = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}
_KINDS = {str: "a string", bool: "a boolean", int: "an integer", float: "a decimal number", list: "an array"}
_FORMATS = ("text", "json_object", "json_schema")


def check_body(body: Any, dialect: Dialect) -> OpenAIModel:
    """
    The rules of the model asked for, if everything in `body` is in order.

    Raises:
        Refused: The first thing the provider would complain about.
    """
    if not isinstance(body, dict):
        raise _bad(
            f"Invalid type for 'body': expected an object, but got {_kind(body)} instead.",
            None,
            "invalid_type",
        )
    model = _model(body, dialect)
    if dialect.openai_rules:
        _known_fields(body)
    check_messages(body)
    _number_fields(body)
    if body.get("stream"):
        raise _bad(
            "Streaming is not part of this simulator: leave 'stream' out.", "stream", "unsupported_value"
        )
    if dialect.openai_rules:
        _what_the_model_takes(body, model)
    _output_limit(body, model)
    _response_format(body, model, dialect)
    _tools(body, model, dialect)
    return model


def _bad(message: str, param: str | None, code: str | None) -> Refused:
    return Refused(400, message, param=param, code=code)


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), "an object")


def _model(body: JsonObject, dialect: Dialect) -> OpenAIModel:
    name = body.get("model")
    if not isinstance(name, str) or not name:
        raise _bad("you must provide a model parameter", None, None)
    if dialect.openai_rules:
        if (model := openai_model(name)) is None:
            message = f"The model `{name}` does not exist or you do not have access to it."
            raise Refused(404, message, code="model_not_found")
        return model
    if is_made_up(name) or (dialect.slash_in_model and "/" not in name):
        match dialect.errors:
            case "openrouter":
                raise Refused(400, f"{name} is not a valid model ID")
            case "litellm":
                hint = "Call `/v1/models` to view available models for your key."
                raise Refused(400, f"/chat/completions: Invalid model name passed in model={name}. {hint}")
            case _:
                raise Refused(404, f"The model `{name}` does not exist.", param="model")
    return _ANY_MODEL


# What a server that passes everything on takes from any model.
_ANY_MODEL = OpenAIModel(
    context=1_050_000,
    max_output=131_072,
    takes_max_tokens=True,
    sampling="any",
    takes_stop=True,
    json_schema=True,
)


def _known_fields(body: JsonObject) -> None:
    for field in body:
        if field not in _FIELDS:
            raise _bad(f"Unknown parameter: '{field}'.", field, "unknown_parameter")


def _number_fields(body: JsonObject) -> None:
    for field, (lowest, highest) in _NUMBERS.items():
        if (value := body.get(field)) is not None:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _wrong_type(field, "a decimal", value)
            _in_range(field, value, lowest, highest, "decimal")
    for field, (least, most) in _INTEGERS.items():
        if (value := body.get(field)) is not None:
            if isinstance(value, bool) or not isinstance(value, int):
                raise _wrong_type(field, "an integer", value)
            _in_range(field, value, least, most, "integer")


def _wrong_type(field: str, expected: str, value: Any) -> Refused:
    message = f"Invalid type for '{field}': expected {expected}, but got {_kind(value)} instead."
    return _bad(message, field, "invalid_type")


def _in_range(field: str, value: float, lowest: float | None, highest: float | None, kind: str) -> None:
    if lowest is not None and value < lowest:
        message = f"Invalid '{field}': {kind} below minimum value. Expected a value >= {lowest}, but got {value} instead."
        raise _bad(message, field, f"{kind}_below_min_value")
    if highest is not None and value > highest:
        message = f"Invalid '{field}': {kind} above maximum value. Expected a value <= {highest}, but got {value} instead."
        raise _bad(message, field, f"{kind}_above_max_value")


def _what_the_model_takes(body: JsonObject, model: OpenAIModel) -> None:
    if body.get("max_tokens") is not None and not model.takes_max_tokens:
        message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise _bad(f"Unsupported parameter: {message}", "max_tokens", "unsupported_parameter")
    _effort(body, model)
    reasons = bool(model.efforts) and body.get("reasoning_effort", model.default_effort) != "none"
    if model.sampling == "default" or (model.sampling == "without_reasoning" and reasons):
        for field, default in _DEFAULT_ONLY.items():
            value = body.get(field)
            if value is not None and value != default:
                message = (
                    f"Unsupported value: '{field}' does not support {value} with this model."
                    f" Only the default ({default}) value is supported."
                )
                raise _bad(message, field, "unsupported_value")
    if body.get("stop") is not None and not model.takes_stop:
        raise _bad(
            "Unsupported parameter: 'stop' is not supported with this model.", "stop", "unsupported_parameter"
        )


def _effort(body: JsonObject, model: OpenAIModel) -> None:
    effort = body.get("reasoning_effort")
    if effort is None:
        return
    if not model.efforts:
        raise _bad("Unrecognized request argument supplied: reasoning_effort", None, None)
    if effort not in model.efforts:
        supported = ", ".join(f"'{e}'" for e in model.efforts[:-1]) + f", and '{model.efforts[-1]}'"
        message = (
            f"Unsupported value: '{effort}' is not supported with the '{body['model']}' model."
            f" Supported values are: {supported}."
        )
        raise _bad(message, "reasoning_effort", "unsupported_value")


def _output_limit(body: JsonObject, model: OpenAIModel) -> None:
    for field in ("max_completion_tokens", "max_tokens"):
        value = body.get(field)
        if value is not None and value > model.max_output:
            message = (
                f"max_tokens is too large: {value}. This model supports at most {model.max_output} completion tokens,"
                f" whereas you provided {value}."
            )
            raise _bad(message, field, "invalid_value")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = (
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
            " Use only 'max_completion_tokens'."
        )
        raise _bad(message, None, "invalid_parameter_combination")


def _response_format(body: JsonObject, model: OpenAIModel, dialect: Dialect) -> None:
    wanted = body.get("response_format")
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in _FORMATS:
        supported = "'json_object', 'json_schema', and 'text'"
        message = f"Invalid value: '{kind}'. Supported values are: {supported}."
        raise _bad(message, "response_format.type", "invalid_value")
    if kind == "json_object" and dialect.openai_rules and not _mentions_json(body["messages"]):
        message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise _bad(message, "messages", None)
    if kind == "json_schema":
        _json_schema(body, wanted.get("json_schema"), model, dialect)


def _json_schema(body: JsonObject, wanted: Any, model: OpenAIModel, dialect: Dialect) -> None:
    where = "response_format.json_schema"
    if not isinstance(wanted, dict):
        raise _bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
    if not wanted.get("name"):
        raise _bad(
            f"Missing required parameter: '{where}.name'.", f"{where}.name", "missing_required_parameter"
        )
    if not dialect.openai_rules:
        return
    if not model.json_schema:
        message = (
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
            " Learn more about supported models at the Structured Outputs guide:"
            " https://platform.openai.com/docs/guides/structured-outputs"
        )
        raise _bad(message, "response_format", None)
    if wanted.get("strict") and (problem := strict_problem(wanted.get("schema", {}))):
        message = f"Invalid schema for response_format '{wanted['name']}': {problem}"
        raise _bad(message, "response_format", None)


def _mentions_json(messages: list[JsonObject]) -> bool:
    return any("json" in str(message.get("content", "")).lower() for message in messages)


def _tools(body: JsonObject, model: OpenAIModel, dialect: Dialect) -> None:
    tools = body.get("tools")
    if tools is None:
        if body.get("tool_choice") not in (None, "none"):
            raise _bad(
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
                "tool_choice",
                None,
            )  # noqa: E501
        return
    if not isinstance(tools, list) or not tools:
        message = "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
        raise _bad(message, "tools", "empty_array")
    for at, tool in enumerate(tools):
        _tool(at, tool, dialect)
    _tool_choice(body.get("tool_choice"), [tool["function"]["name"] for tool in tools])
    effort = body.get("reasoning_effort") or model.default_effort
    if dialect.openai_rules and not model.tools_with_effort and effort != "none":
        message = (
            f"Function tools with reasoning_effort are not supported for {body['model']} in /v1/chat/completions."
            " To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        )
        raise _bad(message, "reasoning_effort", None)


def _tool(at: int, tool: Any, dialect: Dialect) -> None:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        where = f"tools[{at}].function"
        raise _bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
    if not isinstance(function.get("name"), str) or not function["name"]:
        where = f"tools[{at}].function.name"
        raise _bad(f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
    if not dialect.openai_rules or not function.get("strict"):
        return
    if problem := strict_problem(function.get("parameters", {})):
        message = f"Invalid schema for function '{function['name']}': {problem}"
        raise _bad(message, f"tools[{at}].function.parameters", "invalid_function_parameters")


def _tool_choice(choice: Any, names: list[str]) -> None:
    if choice in (None, "none", "auto", "required"):
        return
    if not isinstance(choice, dict) or choice.get("type") not in ("function", "allowed_tools"):
        message = f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'."
        raise _bad(message, "tool_choice", "invalid_value")
    if choice["type"] == "function" and (choice.get("function") or {}).get("name") not in names:
        name = (choice.get("function") or {}).get("name")
        message = f"Invalid value for 'tool_choice': tool '{name}' not found in 'tools' parameter."
        raise _bad(message, "tool_choice", None)
