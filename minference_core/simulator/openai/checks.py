"""
What Chat Completions refuses, in its own words.

Wording as seen in the API's answers of 2025 and 2026; clients branch on `status`, `type`, `param` and `code`,
which are what must be right here. Schemas and tools are checked in `openai_structure`.
"""

from typing import Any

from minference_core.simulator.models import OpenAIModel, is_made_up, openai_model
from minference_core.simulator.openai.constraints import check_constraints
from minference_core.simulator.openai.dialects import Dialect
from minference_core.simulator.openai.messages import check_messages
from minference_core.simulator.openai.ranges import Ranges, check_ranges
from minference_core.simulator.openai.refusals import bad
from minference_core.simulator.openai.shape import check_shape
from minference_core.simulator.openai.structure import check_response_format, check_tools
from minference_core.simulator.wire import JsonObject, Refused

__all__ = ["check_body"]

_KNOWN = """
messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
max_tokens metadata modalities moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key
prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed
service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity
web_search_options
"""
_FIELDS = frozenset(_KNOWN.split())
_NUMBERS: Ranges = {  # field: (lowest, highest)
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_INTEGERS: Ranges = {  # field: (lowest, highest)
    "max_completion_tokens": (1, None),
    "max_tokens": (1, None),
    "n": (1, 128),
    "seed": (None, None),
    "top_logprobs": (0, 20),
}
_DEFAULT_ONLY = {"temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0}


def check_body(body: Any, dialect: Dialect) -> OpenAIModel:
    """
    The rules of the model asked for, if everything in `body` is in order.

    Raises:
        Refused: The first thing the provider would complain about.
    """
    check_shape(body)
    model = _model(body, dialect)
    if dialect.openai_rules:
        _known_fields(body)
    check_messages(body)
    check_ranges(body, _NUMBERS, "decimal")
    check_ranges(body, _INTEGERS, "integer")
    if body.get("stream"):
        raise bad(
            "Streaming is not part of this simulator: leave 'stream' out.", "stream", "unsupported_value"
        )
    if dialect.openai_rules:
        _what_the_model_takes(body, model)
    _output_limit(body, model)
    check_constraints(body, dialect)
    check_response_format(body, model, dialect)
    check_tools(body, model, dialect)
    return model


def _model(body: JsonObject, dialect: Dialect) -> OpenAIModel:
    name = body.get("model")
    if not name:
        raise bad("you must provide a model parameter")
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
            raise bad(f"Unknown parameter: '{field}'.", field, "unknown_parameter")


def _what_the_model_takes(body: JsonObject, model: OpenAIModel) -> None:
    if body.get("max_tokens") is not None and not model.takes_max_tokens:
        message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        raise bad(f"Unsupported parameter: {message}", "max_tokens", "unsupported_parameter")
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
                raise bad(message, field, "unsupported_value")
    if body.get("stop") is not None and not model.takes_stop:
        raise bad(
            "Unsupported parameter: 'stop' is not supported with this model.", "stop", "unsupported_parameter"
        )


def _effort(body: JsonObject, model: OpenAIModel) -> None:
    effort = body.get("reasoning_effort")
    if effort is None:
        return
    if not model.efforts:
        raise bad("Unrecognized request argument supplied: reasoning_effort")
    if effort not in model.efforts:
        supported = ", ".join(f"'{e}'" for e in model.efforts[:-1]) + f", and '{model.efforts[-1]}'"
        message = (
            f"Unsupported value: '{effort}' is not supported with the '{body['model']}' model."
            f" Supported values are: {supported}."
        )
        raise bad(message, "reasoning_effort", "unsupported_value")


def _output_limit(body: JsonObject, model: OpenAIModel) -> None:
    for field in ("max_completion_tokens", "max_tokens"):
        value = body.get(field)
        if value is not None and value > model.max_output:
            message = (
                f"max_tokens is too large: {value}. This model supports at most {model.max_output} completion"
                f" tokens, whereas you provided {value}."
            )
            raise bad(message, field, "invalid_value")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = (
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
            " Use only 'max_completion_tokens'."
        )
        raise bad(message, None, "invalid_parameter_combination")
