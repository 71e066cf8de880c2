"""Carrying out what a reply asks for: all its calls at once, their results in its order."""

import asyncio
import logging

from minference_core import ids
from minference_core.threads import ChatThread, Reply, ToolCall, ToolResult, check_call
from minference_core.tools import CallableTool

__all__ = ["run_calls"]

log = logging.getLogger(__name__)

_VALIDATED = ids.json_text({"status": "validated", "message": "Schema validation successful"})


async def run_calls(thread: ChatThread, reply: Reply) -> list[ToolResult]:
    """
    Run the calls of a reply, side by side.

    A call of an unknown tool, with arguments that do not fit, or of a tool that raises is a result, too:
    the model sees it.

    Args:
        thread: The version that the reply answers.
    """
    return list(await asyncio.gather(*(_run(thread, call) for call in reply.tool_calls)))


async def _run(thread: ChatThread, call: ToolCall) -> ToolResult:
    problem = check_call(thread, call)
    tool = thread.get_tool_by_name(call.name)
    if problem is None and isinstance(tool, CallableTool):
        try:
            return ToolResult(call=call, content=ids.json_text(await tool.aexecute(call.arguments)))
        except Exception as exc:  # whatever a user's function raises is its result
            log.info("tool %s failed", call.name, exc_info=True)
            problem = str(exc)
    if problem is None:
        return ToolResult(call=call, content=_VALIDATED)
    return ToolResult(call=call, content=ids.json_text({"error": problem}), is_error=True)
