"""Carrying out what a reply asks for: all its calls at once, their results in its order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime

from minference_core import ids
from minference_core.errors import ToolFailed
from minference_core.threads import (
    ChatThread,
    Reply,
    ToolCall,
    ToolResult,
    Verdict,
    failed_call,
    results_without_running,
)
from minference_core.tools import CallableTool

__all__ = ["ToolRun", "run_calls"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """One execution of a tool, UTC."""

    tool: CallableTool
    result: ToolResult
    started_at: datetime
    finished_at: datetime


Noted = Callable[[ToolRun], Awaitable[None]]


async def run_calls(
    thread: ChatThread,
    reply: Reply,
    verdict: Verdict,
    *,
    timeout_s: float | None = None,
    known: Mapping[str, ToolResult] | None = None,
    note: Noted | None = None,
) -> list[ToolResult]:
    """
    Run the calls of a reply, side by side.

    A call that cannot be carried out, or of a tool that raises, is a result, too: the model sees it.

    Args:
        thread: The version that the reply answers.
        verdict: What `judge` says of the reply.
        timeout_s: Seconds that a tool may take.
        known: Results that are on record from an earlier run, by the calls' ids; these are not run again.
        note: Told of every execution when it has ended, before its result is used.
    """
    known = known or {}
    settled = results_without_running(thread, reply, verdict)
    return list(
        await asyncio.gather(
            *(
                _result(thread, call, result or known.get(call.call_id), timeout_s, note)
                for call, result in zip(reply.tool_calls, settled, strict=True)
            )
        )
    )


async def _result(
    thread: ChatThread, call: ToolCall, known: ToolResult | None, timeout_s: float | None, note: Noted | None
) -> ToolResult:
    tool = thread.offered_tool(call.name)
    if known is not None or not isinstance(tool, CallableTool):
        return known or failed_call(call, f"{call.name} cannot be run")
    started_at = datetime.now(UTC)
    result = await _run(tool, call, timeout_s)
    if note is not None:
        await note(ToolRun(tool=tool, result=result, started_at=started_at, finished_at=datetime.now(UTC)))
    return result


async def _run(tool: CallableTool, call: ToolCall, timeout_s: float | None) -> ToolResult:
    try:
        # A copy, as what the model said must stay what it said whatever the function does to it.
        result = await tool.aexecute(deepcopy(call.arguments), timeout_s=timeout_s)
        return ToolResult(call=call, content=ids.json_text(result))
    except asyncio.CancelledError:
        if _is_being_cancelled():
            raise
        return failed_call(call, f"Error executing {call.name}: it was cancelled from within")
    except KeyboardInterrupt:
        raise
    except ToolFailed as exc:
        log.info("tool %s failed", call.name, exc_info=True)
        return failed_call(call, f"Error executing {call.name}: {exc.reason}")
    except BaseException as exc:  # whatever a user's function raises is its result
        log.info("tool %s failed", call.name, exc_info=True)
        return failed_call(call, str(exc) or type(exc).__name__)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
