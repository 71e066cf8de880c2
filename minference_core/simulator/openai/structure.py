"""
What Chat Completions refuses in `response_format`, `tools` and `tool_choice`, in its own words.
"""

from minference_core.simulator.models import OpenAIModel
from minference_core.simulator.openai.dialects import Dialect
from minference_core.simulator.openai.refusals import bad, missing
from minference_core.simulator.openai.shape import check_user_schema
from minference_core.simulator.openai.strict_schema import strict_problem
from minference_core.simulator.wire import JsonObject

__all__ = ["check_response_format", "check_tools"]

_FORMATS = ("text", "json_object", "json_schema")


def check_response_format(body: JsonObject, model: OpenAIModel, dialect: Dialect) -> None:
    """
    Raises:
        Refused: The format is unknown, not for this model, or of a schema the API does not take.
    """
    wanted = body.get("response_format")
    if wanted is None:
        return
    kind = wanted.get("type")
    if kind not in _FORMATS:
        supported = "'json_object', 'json_schema', and 'text'"
        message = f"Invalid value: '{kind}'. Supported values are: {supported}."
        raise bad(message, "response_format.type", "invalid_value")
    if kind == "json_object" and dialect.openai_rules and not _mentions_json(body["messages"]):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type"
            " 'json_object'."
        )
        raise bad(message, "messages")
    if kind == "json_schema":
        _json_schema(wanted.get("json_schema"), model, dialect)


def _json_schema(wanted: JsonObject | None, model: OpenAIModel, dialect: Dialect) -> None:
    where = "response_format.json_schema"
    if wanted is None:
        raise missing(where)
    if not wanted.get("name"):
        raise missing(f"{where}.name")
    schema = wanted.get("schema") or {}
    check_user_schema(schema, f"response_format '{wanted['name']}'", "response_format")
    if not dialect.openai_rules:
        return
    if not model.json_schema:
        message = (
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
            " Learn more about supported models at the Structured Outputs guide:"
            " https://platform.openai.com/docs/guides/structured-outputs"
        )
        raise bad(message, "response_format")
    if wanted.get("strict") and (problem := strict_problem(schema)):
        message = f"Invalid schema for response_format '{wanted['name']}': {problem}"
        raise bad(message, "response_format")


def _mentions_json(messages: list[JsonObject]) -> bool:
    return any("json" in str(message.get("content", "")).lower() for message in messages)


def check_tools(body: JsonObject, model: OpenAIModel, dialect: Dialect) -> None:
    """
    Raises:
        Refused: A tool is not described as it must be, or cannot be used as asked.
    """
    tools = body.get("tools")
    if tools is None:
        if body.get("tool_choice") not in (None, "none"):
            message = (
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
            )
            raise bad(message, "tool_choice")
        if dialect.openai_rules and body.get("parallel_tool_calls") is not None:
            what = "'parallel_tool_calls'"
            message = f"Invalid value for {what}: {what} is only allowed when 'tools' are specified."
            raise bad(message, "parallel_tool_calls")
        return
    if not tools:
        rule = "Expected an array with minimum length 1, but got an empty array instead."
        message = f"Invalid 'tools': empty array. {rule}"
        raise bad(message, "tools", "empty_array")
    for at, tool in enumerate(tools):
        _tool(at, tool, dialect)
    _tool_choice(body.get("tool_choice"), [tool["function"]["name"] for tool in tools])
    effort = body.get("reasoning_effort") or model.default_effort
    if dialect.openai_rules and not model.tools_with_effort and effort != "none":
        message = (
            f"Function tools with reasoning_effort are not supported for {body['model']} in"
            " /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to"
            " 'none'."
        )
        raise bad(message, "reasoning_effort")


def _tool(at: int, tool: JsonObject, dialect: Dialect) -> None:
    function = tool.get("function")
    if function is None:
        raise missing(f"tools[{at}].function")
    if not function.get("name"):
        raise missing(f"tools[{at}].function.name")
    parameters, where = function.get("parameters") or {}, f"tools[{at}].function.parameters"
    check_user_schema(parameters, f"function '{function['name']}'", where)
    if not dialect.openai_rules or not function.get("strict"):
        return
    if problem := strict_problem(parameters):
        message = f"Invalid schema for function '{function['name']}': {problem}"
        raise bad(message, where, "invalid_function_parameters")


def _tool_choice(choice: str | JsonObject | None, names: list[str]) -> None:
    if choice in (None, "none", "auto", "required"):
        return
    if not isinstance(choice, dict) or choice.get("type") not in ("function", "allowed_tools"):
        message = f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'."
        raise bad(message, "tool_choice", "invalid_value")
    if choice["type"] == "allowed_tools":
        if "allowed_tools" not in choice:
            raise missing("tool_choice.allowed_tools")
        return
    name = choice.get("function", {}).get("name")
    if name not in names:
        message = f"Invalid value for 'tool_choice': tool '{name}' not found in 'tools' parameter."
        raise bad(message, "tool_choice")
