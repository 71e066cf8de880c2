"""What a thread asks for, held against what its model takes, once for all wire formats."""

from dataclasses import dataclass, field, replace
from typing import Any

from minference_core.errors import Unsupported
from minference_core.threads import ChatThread, LLMConfig, ResponseFormat, Tool
from minference_core.threads.capabilities import Capabilities, capabilities
from minference_core.tools import StructuredTool

__all__ = ["Asked", "check"]

_UNSET_TEMPERATURE: float = LLMConfig.model_fields["temperature"].default


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What of a config goes into the request.

    Attributes:
        settings: Temperature, top_p, seed and penalties, by the names that all providers share.
        effort: How hard the model is to think; None says nothing about it.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    effort: str | None = None


def check(thread: ChatThread) -> Asked:
    """
    What is to be asked for, when the model can do it.

    Raises:
        Unsupported: It cannot; the message names the field and the remedy.
    """
    config = thread.llm_config
    if config.model is None:
        raise Unsupported("model", "none is given", "name one")
    if not thread.history and thread.new_message is None:
        raise Unsupported("new_message", "nothing has been said that could be answered", "set it")
    takes = _takes(config)
    _check_format(thread, takes)
    _check_tools(thread)
    return Asked(settings=_settings(config, takes), effort=_effort(thread, takes))


def _takes(config: LLMConfig) -> Capabilities:
    takes = capabilities(config.client, config.model)
    if config.reasoner:  # whatever its name says
        return replace(takes, sampling=False, penalties=False, stop=False, reasoning_effort=True)
    return takes


def _check_format(thread: ChatThread, takes: Capabilities) -> None:
    config, output = thread.llm_config, thread.forced_output
    match config.response_format:
        case ResponseFormat.structured_output if not takes.structured_output:
            raise Unsupported(
                "response_format", f"{config.model} has no structured output", "use a newer model"
            )
        case ResponseFormat.structured_output if (
            isinstance(output, StructuredTool) and not output.json_schema
        ):
            raise Unsupported("forced_output", "its json_schema is empty", "say what the reply is to hold")
        case ResponseFormat.tool if output is None:
            raise Unsupported(
                "forced_output", "response_format tool needs a tool to call", "set it, or use auto_tools"
            )
        case ResponseFormat.workflow if thread.forced_tool is None:
            raise Unsupported(
                "workflow_step", "all tools of the workflow have been called", "use reset_workflow_step()"
            )


def _check_tools(thread: ChatThread) -> None:
    """What both OpenAI and Anthropic refuse in a tool, and other servers cannot make sense of."""
    names: set[str] = set()
    for tool in thread.offered_tools:
        field_name = "forced_output" if tool is thread.forced_output else "tools"
        if tool.name in names:
            raise Unsupported(field_name, f"two tools are called {tool.name}", "rename one")
        names.add(tool.name)
        _check_schema(tool, field_name)


def _check_schema(tool: Tool, field_name: str) -> None:
    schema = tool.json_schema if isinstance(tool, StructuredTool) else tool.input_schema
    if not schema:
        raise Unsupported(field_name, f"the schema of {tool.name} is empty", "say what its arguments are")
    if schema.get("type", "object") != "object":
        problem = f"the schema of {tool.name} is of type {schema['type']}, and arguments are an object"
        raise Unsupported(field_name, problem, "make it a property of an object")


def _settings(config: LLMConfig, takes: Capabilities) -> dict[str, Any]:
    taken = {
        "temperature": takes.sampling,
        "top_p": takes.sampling,
        "seed": takes.seed,
        "frequency_penalty": takes.penalties,
        "presence_penalty": takes.penalties,
        "stop": takes.stop,
    }
    asked = {name: value for name in taken if (value := getattr(config, name)) is not None}
    if not takes.sampling or ("top_p" in asked and not takes.temperature_with_top_p):
        _leave_out_default_temperature(asked)
    for name in asked:
        if not taken[name]:
            raise Unsupported(name, f"{config.model} on {config.client} does not take it", "leave it null")
    if {"temperature", "top_p"} <= asked.keys() and not takes.temperature_with_top_p:
        raise Unsupported("top_p", f"{config.model} takes it or temperature, not both", "leave one null")
    if config.client == "anthropic" and asked.get("temperature", 0) > 1:
        raise Unsupported("temperature", f"{config.temperature} is above Anthropic's 1", "use 0 to 1")
    asked.pop("stop", None)  # each format has its own name for it
    return asked


def _leave_out_default_temperature(asked: dict[str, Any]) -> None:
    """The library's default cannot be told from a wish, so where it cannot be granted it is none."""
    if asked.get("temperature") == _UNSET_TEMPERATURE:
        del asked["temperature"]


def _effort(thread: ChatThread, takes: Capabilities) -> str | None:
    config = thread.llm_config
    effort = config.reasoning_effort or ("medium" if config.reasoner else None)
    if effort is not None and not takes.reasoning_effort:
        problem = f"{config.model} on {config.client} does not take it"
        raise Unsupported("reasoning_effort", problem, "leave it null")
    if takes.tools_with_effort or not thread.offered_tools:
        return effort
    if effort not in (None, "none"):
        raise Unsupported("reasoning_effort", f"{config.model} takes no tools with {effort}", "use none")
    return "none"
