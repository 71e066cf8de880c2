"""
What a thread asks for, held against what its model takes, once for all wire formats.

What a config alone can get wrong is `threads/settings.py`; here is what takes the conversation to see.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from minference_core.errors import Unsupported
from minference_core.threads import Api, ChatThread, LLMConfig, ResponseFormat, Tool, settings
from minference_core.threads.capabilities import Capabilities
from minference_core.threads.tool_forms import arguments_schema
from minference_core.tools import StructuredTool

__all__ = ["Asked", "api_of", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """
    What of a config goes into the request.

    Attributes:
        settings: Temperature, top_p, seed and penalties, by the names that all providers share.
        effort: How hard the model is to think; None says nothing about it.
        takes: What the model takes.
    """

    settings: dict[str, Any]
    effort: str | None
    takes: Capabilities


def check(thread: ChatThread) -> Asked:
    """
    What is to be asked for, when the model can do it.

    Raises:
        Unsupported: It cannot; the message names the field and the remedy.
    """
    asked = _of_version(thread.llm_config) if thread.llm_config.is_cold else _of(thread.llm_config)
    if not thread.history and thread.new_message is None and not thread.new_images:
        raise Unsupported("new_message", "nothing has been said that could be answered", "set it")
    _check_format(thread)
    _check_tools(thread)
    return asked


def _of(config: LLMConfig) -> Asked:
    settings.check_settings(config.__dict__)
    if config.model is None:
        raise Unsupported("model", "none is given", "name one")
    takes = settings.takes(config.__dict__)
    others = {name: getattr(config, name) for name in ("seed", "frequency_penalty", "presence_penalty")}
    return Asked(
        settings=settings.sampling_asked(config.__dict__, takes)
        | {name: value for name, value in others.items() if value is not None},
        effort=settings.effort_asked(config.__dict__),
        takes=takes,
    )


@lru_cache(maxsize=256)
def _of_version(config: LLMConfig) -> Asked:
    """The same of a version, which never changes."""
    return _of(config)


def api_of(thread: ChatThread) -> Api:
    """
    Which of OpenAI's APIs a thread is asked in.

    Chat Completions, if it can be: some models are not there, newer ones take no tools with reasoning
    there, and what a model of the other has thought can only be sent back there.
    """
    config = thread.llm_config
    takes = settings.takes(config.__dict__)
    if config.api is not None or len(takes.apis) == 1:
        return config.api or takes.apis[0]
    effort = settings.effort_asked(config.__dict__)
    if thread.offered_tools and not takes.tools_with_effort and effort != "none":
        return "responses"
    carried = (message.carried for message in thread.history if message.carried is not None)
    began = any((one.wire, one.model) == ("responses", config.model) for one in carried)
    return "responses" if began else "chat"


def _check_format(thread: ChatThread) -> None:
    output = thread.forced_output
    match thread.llm_config.response_format:
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
        if tool.name in names:
            raise Unsupported("tools", f"two tools are called {tool.name}", "rename one")
        names.add(tool.name)
    in_workflow = thread.llm_config.response_format == ResponseFormat.workflow
    for tool in thread.tools if in_workflow else thread.offered_tools:  # before a first step is paid
        _check_schema(tool, "forced_output" if tool is thread.forced_output else "tools")


def _check_schema(tool: Tool, field_name: str) -> None:
    schema = arguments_schema(tool)
    if not schema:
        raise Unsupported(field_name, f"the schema of {tool.name} is empty", "say what its arguments are")
    if schema.get("type", "object") != "object":
        problem = f"the schema of {tool.name} is of type {schema['type']}, and arguments are an object"
        raise Unsupported(field_name, problem, "make it a property of an object")
