"""
What the Messages API refuses, in its own words.

Clients branch on the status and on `error.type`; the message names the field first, as the API's do.
"""

from typing import Any

from minference_core.simulator.anthropic_messages import check_messages
from minference_core.simulator.anthropic_schema import schema_problem
from minference_core.simulator.models import ClaudeModel, claude_model
from minference_core.simulator.wire import JsonObject, Refused

__all__ = ["OLD_VERSION", "NEW_VERSION", "check_body"]

OLD_VERSION = "2023-06-01"
NEW_VERSION = "2026-10-21"

_FIELDS = frozenset(
    "max_tokens messages model cache_control container diagnostics inference_geo metadata output_config service_tier"
    " speed stop_sequences stream system temperature thinking tool_choice tools top_k top_p user_profile_id".split()
)
_SAMPLING = ("temperature", "top_p", "top_k")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_CHOICES = ("auto", "any", "tool", "none")


def check_body(body: Any, version: str) -> ClaudeModel:
    """
    The rules of the model asked for, if everything in `body` is in order.

    Raises:
        Refused: The first thing the API would complain about.
    """
    if not isinstance(body, dict):
        raise _bad("Input should be a valid dictionary")
    for field in ("model", "max_tokens", "messages"):
        if field not in body:
            raise _bad(f"{field}: Field required")
    for field in body:
        if field not in _FIELDS:
            raise _bad(f"{field}: Extra inputs are not permitted")
    if not isinstance(body["model"], str):
        raise _bad("model: Input should be a valid string")
    model = claude_model(body["model"])
    if model is None:
        raise Refused(404, f"model: {body['model']}")
    _max_tokens(body, model)
    check_messages(body, model)
    _system(body.get("system", ""))
    _sampling(body, model, version)
    _thinking(body, model)
    _output_config(body, model)
    _tools(body)
    if body.get("stream"):
        raise _bad("stream: Streaming is not part of this simulator")
    return model


def _bad(message: str) -> Refused:
    return Refused(400, message)


def _max_tokens(body: JsonObject, model: ClaudeModel) -> None:
    value = body["max_tokens"]
    if isinstance(value, bool) or not isinstance(value, int):
        raise _bad("max_tokens: Input should be a valid integer")
    if value < 1:
        raise _bad("max_tokens: Input should be greater than or equal to 1")
    if value > model.max_output:
        rule = f"which is the maximum allowed number of output tokens for {body['model']}"
        raise _bad(f"max_tokens: {value} > {model.max_output}, {rule}")


def _system(system: Any) -> None:
    if isinstance(system, str):
        return
    if not isinstance(system, list):
        raise _bad("system: Input should be a valid list")
    for at, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise _bad(f"system.{at}.type: Input should be 'text'")
        if not block.get("text"):
            raise _bad("system: text content blocks must be non-empty")


def _sampling(body: JsonObject, model: ClaudeModel, version: str) -> None:
    given = [field for field in _SAMPLING if body.get(field) is not None]
    for field in given:
        value = body[field]
        if version == NEW_VERSION:
            raise _bad(f"{field}: Extra inputs are not permitted")
        if not model.temperature:
            raise _bad(f"`{field}` is deprecated for this model.")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _bad(f"{field}: Input should be a valid number")
        if field != "top_k" and not 0 <= value <= 1:
            raise _bad(f"{field}: range: 0..1")
    if model.one_of_temperature_and_top_p and {"temperature", "top_p"} <= set(given):
        raise _bad("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _thinking(body: JsonObject, model: ClaudeModel) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    match kind:
        case "disabled" | "between_tools":
            return
        case "adaptive":
            if not model.adaptive:
                raise _bad("adaptive thinking is not supported on this model")
        case "enabled":
            _budget(thinking.get("budget_tokens"), body, model)
        case _:
            tags = "'adaptive', 'between_tools', 'disabled', 'enabled'"
            found = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
            raise _bad(f"thinking: {found}")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise _bad("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature") not in (None, 1):
        raise _bad("`temperature` may only be set to 1 when thinking is enabled.")


def _budget(budget: Any, body: JsonObject, model: ClaudeModel) -> None:
    if not model.budget:
        advice = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        raise _bad(f'"thinking.type.enabled" is not supported for this model. {advice}')
    if budget is None:
        raise _bad("thinking.enabled.budget_tokens: Field required")
    if not isinstance(budget, int) or budget < 1024:
        raise _bad("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body["max_tokens"]:
        raise _bad("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _output_config(body: JsonObject, model: ClaudeModel) -> None:
    config = body.get("output_config")
    if config is None:
        return
    if not isinstance(config, dict):
        raise _bad("output_config: Input should be a valid dictionary")
    for field in config:
        if field not in ("effort", "format"):
            raise _bad(f"output_config.{field}: Extra inputs are not permitted")
    if (effort := config.get("effort")) is not None:
        if not model.effort:
            raise _bad("This model does not support the effort parameter.")
        if effort not in _EFFORTS:
            listed = ", ".join(f"'{e}'" for e in _EFFORTS[:-1]) + f" or '{_EFFORTS[-1]}'"
            raise _bad(f"output_config.effort: Input should be {listed}")
    if (wanted := config.get("format")) is not None:
        _format(wanted, body, model)


def _format(wanted: Any, body: JsonObject, model: ClaudeModel) -> None:
    if not model.structured:
        raise _bad(f"'{body['model']}' does not support output format.")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        raise _bad("output_config.format.type: Input should be 'json_schema'")
    if "schema" not in wanted:
        raise _bad("output_config.format.schema: Field required")
    if problem := schema_problem(wanted["schema"]):
        raise _bad(f"output_config.format.schema: {problem}")


def _tools(body: JsonObject) -> None:
    tools = body.get("tools", [])
    if not isinstance(tools, list):
        raise _bad("tools: Input should be a valid list")
    for at, tool in enumerate(tools):
        _tool(at, tool)
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in _CHOICES:
        tags = ", ".join(f"'{c}'" for c in _CHOICES)
        found = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        raise _bad(f"tool_choice: {found}")
    if not tools:
        raise _bad("tool_choice may only be specified while providing tools")
    if kind == "tool" and choice.get("name") not in [tool.get("name") for tool in tools]:
        raise _bad(f"Tool '{choice.get('name')}' not found in provided tools")


def _tool(at: int, tool: Any) -> None:
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        raise _bad(f"tools.{at}.custom.name: Field required")
    schema = tool.get("input_schema")
    if schema is None:
        raise _bad(f"tools.{at}.custom.input_schema: Field required")
    if not isinstance(schema, dict) or "type" not in schema:
        raise _bad(f"tools.{at}.custom.input_schema.type: Field required")
    if schema["type"] != "object":
        raise _bad(f"tools.{at}.custom.input_schema.type: Input should be 'object'")
    if tool.get("strict") and (problem := schema_problem(schema)):
        raise _bad(f"tools.{at}.custom: {problem}")
