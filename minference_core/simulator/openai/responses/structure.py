"""
What the Responses API refuses in `text.format`, `tools` and `tool_choice`, in its own words.
"""

import re

from minference_core.simulator.models import OpenAIModel
from minference_core.simulator.openai.refusals import bad, missing
from minference_core.simulator.openai.shape import check_user_schema
from minference_core.simulator.openai.strict_schema import strict_problem
from minference_core.simulator.wire import JsonObject

__all__ = ["check_format", "check_tools"]

_FORMATS = {
    "text": ("type",),
    "json_object": ("type",),
    "json_schema": ("type", "name", "schema", "strict", "description"),
}
_TOOL_FIELDS = (
    *("type", "name", "description", "parameters", "strict"),
    *("allowed_callers", "async", "defer_loading", "output_schema"),
)
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_CHOICE_FIELDS = {"function": ("type", "name"), "allowed_tools": ("type", "mode", "tools")}


def check_format(body: JsonObject, model: OpenAIModel) -> None:
    """
    Raises:
        Refused: The format is unknown, not for this model, or of a schema the API does not take.
    """
    text = body.get("text") or {}
    _known(text, ("format", "verbosity"), "text")
    wanted = text.get("format")
    if wanted is None:
        return
    if (kind := wanted.get("type")) is None:
        raise missing("text.format.type")
    if kind not in _FORMATS:
        message = f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'."
        raise bad(message, "text.format.type", "invalid_value")
    if kind == "json_schema":
        _json_schema(wanted, body["model"], model)
    _known(wanted, _FORMATS[kind], "text.format")
    if kind == "json_object" and "json" not in str(body["input"]).lower():
        message = (
            "Response input messages must contain the word 'json' in some form to use 'text.format' of type"
            " 'json_object'."
        )
        raise bad(message, "input")


def _json_schema(wanted: JsonObject, name: str, model: OpenAIModel) -> None:
    for field in ("name", "schema"):
        if field not in wanted:
            raise missing(f"text.format.{field}")
    _check_name(wanted["name"], "text.format.name")
    if not model.json_schema:
        message = f"'text.format' of type 'json_schema' is not supported with model version `{name}`."
        raise bad(f"Invalid parameter: {message}", "text.format")
    schema, what = wanted["schema"], f"response_format '{wanted['name']}'"
    check_user_schema(schema, what, "text.format.schema")
    if wanted.get("strict") and (problem := strict_problem(schema)):
        raise bad(f"Invalid schema for {what}: {problem}", "text.format.schema", "invalid_json_schema")


def check_tools(body: JsonObject) -> None:
    """
    Raises:
        Refused: A tool is not described as it must be, or cannot be used as asked.
    """
    tools = body.get("tools") or []
    for at, tool in enumerate(tools):
        _tool(f"tools[{at}]", tool)
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        _mode(choice, bool(tools))
    elif choice is not None:
        _tool_choice(choice, [tool["name"] for tool in tools])


def _tool(where: str, tool: JsonObject) -> None:
    if (kind := tool.get("type")) is None:
        raise missing(f"{where}.type")
    if kind != "function":
        message = f"Invalid value: '{kind}'. Only tools of type 'function' are part of this simulator."
        raise bad(message, f"{where}.type", "invalid_value")
    if "name" not in tool:
        raise missing(f"{where}.name")
    _known(tool, _TOOL_FIELDS, where)
    _check_name(tool["name"], f"{where}.name")
    parameters, where = tool.get("parameters") or {}, f"{where}.parameters"
    check_user_schema(parameters, f"function '{tool['name']}'", where)
    strict = tool.get("strict") is not False  # unlike in Chat Completions, also when it is not said
    if strict and (problem := strict_problem(parameters)):
        message = f"Invalid schema for function '{tool['name']}': {problem}"
        raise bad(message, where, "invalid_function_parameters")


def _mode(choice: str, offered: bool) -> None:  # noqa: FBT001 (private, and read once)
    if choice not in ("none", "auto", "required"):
        message = f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'."
        raise bad(message, "tool_choice", "invalid_value")
    if choice == "required" and not offered:
        raise bad("Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")


def _tool_choice(choice: JsonObject, names: list[str]) -> None:
    kind = choice.get("type")
    if kind not in _CHOICE_FIELDS:
        message = f"Invalid value: '{kind}'. Supported values are: 'function' and 'allowed_tools'."
        raise bad(message, "tool_choice.type", "invalid_value")
    for field in _CHOICE_FIELDS[kind]:
        if field not in choice:
            raise missing(f"tool_choice.{field}")
    _known(choice, _CHOICE_FIELDS[kind], "tool_choice")
    if kind == "allowed_tools" and choice["mode"] not in ("auto", "required"):
        message = f"Invalid value: '{choice['mode']}'. Supported values are: 'auto' and 'required'."
        raise bad(message, "tool_choice.mode", "invalid_value")
    wanted = [choice["name"]] if kind == "function" else [tool.get("name") for tool in choice["tools"]]
    if not wanted or any(name not in names for name in wanted):
        raise bad(f"Tool choice '{kind}' not found in 'tools' parameter.", "tool_choice")


def _known(given: JsonObject, fields: tuple[str, ...], where: str) -> None:
    for field in given:
        if field not in fields:
            raise bad(f"Unknown parameter: '{where}.{field}'.", f"{where}.{field}", "unknown_parameter")


def _check_name(name: str, where: str) -> None:
    if not _NAME.fullmatch(name):
        rule = "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        raise bad(f"Invalid '{where}': string does not match pattern. {rule}", where, "invalid_value")
