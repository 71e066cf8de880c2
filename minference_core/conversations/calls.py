"""Carrying out what a reply asks for: all its calls at once, their results in its order."""

import asyncio
import logging
from copy import deepcopy

from minference_core import ids
from minference_core.threads import ChatThread, Reply, ToolCall, ToolResult, Verdict, check_call, is_cut_off
from minference_core.tools import CallableTool

__all__ = ["run_calls"]

log = logging.getLogger(__name__)

_VALIDATED = ids.json_text({"status": "validated", "message": "Schema validation successful"})


async def run_calls(
    thread: ChatThread, reply: Reply, verdict: Verdict, *, timeout_s: float | None = None
) -> list[ToolResult]:
    """
    Run the calls of a reply, side by side.

    A call of an unknown tool, with arguments that do not fit, or of a tool that raises is a result, too:
    the model sees it. The calls of a reply that was refused or cut off are not run.

    Args:
        thread: The version that the reply answers.
        verdict: What `judge` says of the reply.
        timeout_s: Seconds that a tool may take.
    """
    if is_cut_off(verdict):
        why = f"not run: {verdict.message}"
        return [_failed(call, why) for call in reply.tool_calls]
    return list(await asyncio.gather(*(_run(thread, call, timeout_s) for call in reply.tool_calls)))


async def _run(thread: ChatThread, call: ToolCall, timeout_s: float | None) -> ToolResult:
    problem = check_call(thread, call)
    if problem is not None:
        return _failed(call, problem)
    tool = thread.offered_tool(call.name)
    if not isinstance(tool, CallableTool):
        return ToolResult(call=call, content=_VALIDATED)
    try:
        # A copy, as what the model said must stay what it said whatever the function does to it.
        result = await tool.aexecute(deepcopy(call.arguments), timeout_s=timeout_s)
        return ToolResult(call=call, content=ids.json_text(result))
    except asyncio.CancelledError:
        if _is_being_cancelled():
            raise
        return _failed(call, f"Error executing {call.name}: it was cancelled from within")
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # whatever a user's function raises is its result
        log.info("tool %s failed", call.name, exc_info=True)
        return _failed(call, str(exc) or type(exc).__name__)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _failed(call: ToolCall, why: str) -> ToolResult:
    # What could not be stored or sent again has no place in what the model is told.
    text = why.encode("utf-8", "replace").decode()
    return ToolResult(call=call, content=ids.json_text({"error": text}), is_error=True)
