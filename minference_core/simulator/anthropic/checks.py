"""
What the Messages API refuses, in its own words.

Clients branch on the status and on `error.type`; the message names the field first, as the API's do. Tools
and schemas are checked in `structure`.
"""

from typing import Any

from minference_core.simulator.anthropic.caching import check_marks
from minference_core.simulator.anthropic.messages import check_messages
from minference_core.simulator.anthropic.refusals import bad, required
from minference_core.simulator.anthropic.shape import check_shape
from minference_core.simulator.anthropic.structure import check_output_config, check_tools
from minference_core.simulator.anthropic.thinking import check_thinking
from minference_core.simulator.models import ClaudeModel, claude_model
from minference_core.simulator.wire import JsonObject, Refused

__all__ = ["NEW_VERSION", "OLD_VERSION", "check_body"]

OLD_VERSION = "2023-06-01"
NEW_VERSION = "2026-10-21"

_KNOWN = """
max_tokens messages model cache_control container diagnostics inference_geo metadata output_config
service_tier speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p
user_profile_id
"""
_FIELDS = frozenset(_KNOWN.split())
_SAMPLING = ("temperature", "top_p", "top_k")


def check_body(body: Any, version: str) -> ClaudeModel:
    """
    The rules of the model asked for, if everything in `body` is in order.

    Raises:
        Refused: The first thing the API would complain about.
    """
    check_shape(body)
    for field in ("model", "max_tokens", "messages"):
        if field not in body:
            raise required(field)
    for field in body:
        if field not in _FIELDS:
            raise bad(f"{field}: Extra inputs are not permitted")
    model = claude_model(body["model"])
    if model is None:
        raise Refused(404, f"model: {body['model']}")
    _max_tokens(body, model)
    check_messages(body, model)
    _system(body.get("system", ""))
    _sampling(body, model, version)
    check_thinking(body, model)
    check_output_config(body, model)
    check_tools(body)
    check_marks(body)
    if body.get("stream"):
        raise bad("stream: Streaming is not part of this simulator")
    return model


def _max_tokens(body: JsonObject, model: ClaudeModel) -> None:
    value = body["max_tokens"]
    if value < 1:
        raise bad("max_tokens: Input should be greater than or equal to 1")
    if value > model.max_output:
        rule = f"which is the maximum allowed number of output tokens for {body['model']}"
        raise bad(f"max_tokens: {value} > {model.max_output}, {rule}")


def _system(system: str | list[JsonObject]) -> None:
    if isinstance(system, str):
        return
    for at, block in enumerate(system):
        if block.get("type") != "text":
            raise bad(f"system.{at}.type: Input should be 'text'")
        if not block.get("text"):
            if block.get("cache_control"):
                raise bad(f"system.{at}: cache_control cannot be set for empty text blocks")
            raise bad("system: text content blocks must be non-empty")


def _sampling(body: JsonObject, model: ClaudeModel, version: str) -> None:
    given = [field for field in _SAMPLING if body.get(field) is not None]
    for field in given:
        value = body[field]
        if version == NEW_VERSION:
            raise bad(f"{field}: Extra inputs are not permitted")
        if not model.temperature:
            raise bad(f"`{field}` is deprecated for this model.")
        if field != "top_k" and not 0 <= value <= 1:
            raise bad(f"{field}: range: 0..1")
    if model.one_of_temperature_and_top_p and {"temperature", "top_p"} <= set(given):
        raise bad("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
