"""How the providers want a tool said, and what they take for its name."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, JsonValue

from minference_core.errors import ToolError

__all__ = ["JsonSchema", "ToolName", "anthropic_tool", "check_name", "openai_tool"]

# OpenAI's rule for a function's name, within Anthropic's (its limit is 128).
# Source: https://platform.openai.com/docs/api-reference/chat/create (tools.function.name)
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def check_name(name: str) -> str:
    """
    Raises:
        ToolError: No provider takes that name.
    """
    if _NAME.fullmatch(name) is None:
        raise ToolError(
            f"'{name:.80}' cannot be a tool's name: providers take 1 to 64 letters a to z, digits, _ and -"
        )
    return name


# Checked to be JSON when it is given; read without asking at each step what kind of JSON it is.
if TYPE_CHECKING:
    JsonSchema = dict[str, Any]
else:
    JsonSchema = dict[str, JsonValue]

ToolName = Annotated[str, AfterValidator(check_name)]


def openai_tool(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """A tool in OpenAI's chat format; None without a schema."""
    if not schema:
        return None
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


def anthropic_tool(
    name: str, description: str, schema: Mapping[str, Any], *, use_cache: bool
) -> dict[str, Any] | None:
    """A tool in Anthropic's format, marked for its prompt cache or not; None without a schema."""
    if not schema:
        return None
    tool: dict[str, Any] = {"name": name, "description": description, "input_schema": schema}
    return {**tool, "cache_control": {"type": "ephemeral"}} if use_cache else tool
