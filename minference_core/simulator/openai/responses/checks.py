"""
What the Responses API refuses, in its own words.

Wording as seen in the API's answers of 2025 and 2026; clients branch on `status`, `type`, `param` and `code`,
which are what must be right here. Schemas and tools are checked in `structure`, the input in `items`.
"""

from typing import Any

from minference_core.simulator.models import OpenAIModel, openai_model
from minference_core.simulator.openai.ranges import Ranges, check_ranges
from minference_core.simulator.openai.refusals import bad, missing
from minference_core.simulator.openai.responses.items import check_items
from minference_core.simulator.openai.responses.parts import listed
from minference_core.simulator.openai.responses.shape import check_responses_shape
from minference_core.simulator.openai.responses.structure import check_format, check_tools
from minference_core.simulator.wire import JsonObject

__all__ = ["check_body"]

_KNOWN = """
access_programs background background_options context_management conversation image include input instructions
max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt
prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store
stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user
"""
_FIELDS = frozenset(_KNOWN.split())
_MOVED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
_NOT_HERE = ("previous_response_id", "conversation", "prompt", "background")
_NUMBERS: Ranges = {"temperature": (0, 2), "top_p": (0, 1)}
_INCLUDABLE = (
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
)
_ONE_OF = {
    "truncation": ("auto", "disabled"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    "prompt_cache_retention": ("in_memory", "24h"),
}
_MOST_METADATA = 16


def check_body(body: Any) -> OpenAIModel:
    """
    The rules of the model asked for, if everything in `body` is in order.

    Raises:
        Refused: The first thing the API would complain about.
    """
    if isinstance(body, dict):
        _known_fields(body)
    check_responses_shape(body)
    model = _model(body)
    if not body.get("input") and body.get("input") != "":
        message = "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided."
        raise bad(message, "input", "missing_required_parameter")
    _not_here(body)
    _values(body, model)
    if isinstance(body["input"], list):
        check_items(body["input"], stored=body.get("store") is not False)
    _what_the_model_takes(body, model)
    check_format(body, model)
    check_tools(body)
    return model


def _known_fields(body: JsonObject) -> None:
    for field in body:
        if field in _MOVED:
            moved = f"In the Responses API, this parameter has moved to '{_MOVED[field]}'."
            text = f"Unsupported parameter: '{field}'. {moved} Try again with the new parameter."
            raise bad(text, field, "unsupported_parameter")
        if field not in _FIELDS:
            raise bad(f"Unknown parameter: '{field}'.", field, "unknown_parameter")


def _model(body: JsonObject) -> OpenAIModel:
    if not (name := body.get("model")):
        raise missing("model")
    if (model := openai_model(name)) is None:
        raise bad(f"The requested model '{name}' does not exist.", "model", "model_not_found")
    return model


def _not_here(body: JsonObject) -> None:
    for field in _NOT_HERE:
        if body.get(field):
            advice = "send the whole conversation in 'input'."
            raise bad(f"'{field}' is not part of this simulator: {advice}", field, "unsupported_parameter")
    if body.get("stream"):
        advice = "leave 'stream' out."
        raise bad(f"Streaming is not part of this simulator: {advice}", "stream", "unsupported_value")


def _values(body: JsonObject, model: OpenAIModel) -> None:
    check_ranges(body, _NUMBERS, "decimal")
    integers: Ranges = {"max_output_tokens": (16, model.max_output), "top_logprobs": (0, 20)}
    check_ranges(body, integers, "integer")
    for field, values in _ONE_OF.items():
        one_of(body.get(field), values, field)
    for at, wanted in enumerate(body.get("include") or ()):
        one_of(wanted, _INCLUDABLE, f"include[{at}]")
    if len(metadata := body.get("metadata") or {}) > _MOST_METADATA:
        rule = f"Expected an object with at most {_MOST_METADATA} properties"
        text = f"Invalid 'metadata': too many properties. {rule}, but got {len(metadata)} properties instead."
        raise bad(text, "metadata", "object_above_max_properties")


def one_of(value: str | None, values: tuple[str, ...], where: str) -> None:
    if value is not None and value not in values:
        text = f"Invalid value: '{value}'. Supported values are: {listed(values)}."
        raise bad(text, where, "invalid_value")


def _what_the_model_takes(body: JsonObject, model: OpenAIModel) -> None:
    reasoning = body.get("reasoning") or {}
    effort = reasoning.get("effort") or model.default_effort
    one_of(reasoning.get("summary"), ("auto", "concise", "detailed"), "reasoning.summary")
    for field in ("effort", "summary"):
        if reasoning.get(field) is not None and not model.efforts:
            _unsupported(f"reasoning.{field}", "unsupported_parameter")
    if model.efforts and effort not in model.efforts:
        supported = f"Supported values are: {listed(model.efforts)}."
        text = f"Unsupported value: '{effort}' is not supported with the '{body['model']}' model. {supported}"
        raise bad(text, "reasoning.effort", "unsupported_value")
    reasons = bool(model.efforts) and effort != "none"
    if model.sampling == "default" or (model.sampling == "without_reasoning" and reasons):
        for field in _NUMBERS:
            if body.get(field) not in (None, 1):
                _unsupported(field)
    if "reasoning.encrypted_content" in (body.get("include") or ()) and not model.efforts:
        raise bad("Encrypted content is not supported with this model.", "include")
    _verbosity((body.get("text") or {}).get("verbosity"), body["model"], model)


def _unsupported(field: str, code: str | None = None) -> None:
    raise bad(f"Unsupported parameter: '{field}' is not supported with this model.", field, code)


def _verbosity(verbosity: str | None, name: str, model: OpenAIModel) -> None:
    one_of(verbosity, ("low", "medium", "high"), "text.verbosity")
    if verbosity not in (None, "medium") and not model.efforts:
        text = f"Unsupported value: '{verbosity}' is not supported with the '{name}' model."
        raise bad(f"{text} Supported values are: 'medium'.", "text.verbosity", "unsupported_value")
