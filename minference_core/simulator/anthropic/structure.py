"""
What the Messages API refuses in `output_config`, `tools` and `tool_choice`, in its own words.
"""

from minference_core.simulator.anthropic.refusals import bad, required
from minference_core.simulator.anthropic.schema import schema_problem
from minference_core.simulator.models import ClaudeModel
from minference_core.simulator.shapes import is_schema
from minference_core.simulator.wire import JsonObject

__all__ = ["check_output_config", "check_tools"]

_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_CHOICES = ("auto", "any", "tool", "none")
_NOT_A_SCHEMA = "JSON schema is invalid. It must match JSON Schema draft 2020-12"


def check_output_config(body: JsonObject, model: ClaudeModel) -> None:
    """
    Raises:
        Refused: An effort or a format that this model does not take.
    """
    config = body.get("output_config")
    if config is None:
        return
    for field in config:
        if field not in ("effort", "format"):
            raise bad(f"output_config.{field}: Extra inputs are not permitted")
    if (effort := config.get("effort")) is not None:
        if not model.effort:
            raise bad("This model does not support the effort parameter.")
        if effort not in _EFFORTS:
            listed = ", ".join(f"'{e}'" for e in _EFFORTS[:-1]) + f" or '{_EFFORTS[-1]}'"
            raise bad(f"output_config.effort: Input should be {listed}")
    if (wanted := config.get("format")) is not None:
        _format(wanted, body, model)


def _format(wanted: JsonObject, body: JsonObject, model: ClaudeModel) -> None:
    if not model.structured:
        raise bad(f"'{body['model']}' does not support output format.")
    if wanted.get("type") != "json_schema":
        raise bad("output_config.format.type: Input should be 'json_schema'")
    if "schema" not in wanted:
        raise required("output_config.format.schema")
    if not is_schema(wanted["schema"]):
        raise bad(f"output_config.format.schema: {_NOT_A_SCHEMA}")
    if problem := schema_problem(wanted["schema"]):
        raise bad(f"output_config.format.schema: {problem}")


def check_tools(body: JsonObject) -> None:
    """
    Raises:
        Refused: A tool is not described as it must be, or cannot be used as asked.
    """
    tools = body.get("tools", [])
    for at, tool in enumerate(tools):
        _tool(at, tool)
    choice = body.get("tool_choice")
    if choice is None:
        return
    kind = choice.get("type")
    if kind not in _CHOICES:
        tags = ", ".join(f"'{c}'" for c in _CHOICES)
        found = f"Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
        raise bad(f"tool_choice: {found}")
    if not tools:
        raise bad("tool_choice may only be specified while providing tools")
    if kind == "tool" and choice.get("name") not in [tool["name"] for tool in tools]:
        raise bad(f"Tool '{choice.get('name')}' not found in provided tools")


def _tool(at: int, tool: JsonObject) -> None:
    where = f"tools.{at}.custom"
    for field in ("name", "input_schema"):
        if field not in tool:
            raise required(f"{where}.{field}")
    schema = tool["input_schema"]
    if "type" not in schema:
        raise required(f"{where}.input_schema.type")
    if schema["type"] != "object":
        raise bad(f"{where}.input_schema.type: Input should be 'object'")
    if not is_schema(schema):
        raise bad(f"{where}.input_schema: {_NOT_A_SCHEMA}")
    if tool.get("strict") and (problem := schema_problem(schema)):
        raise bad(f"{where}: {problem}")
