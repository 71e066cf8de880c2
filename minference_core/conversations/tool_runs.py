"""Tools in a run: what a reply calls is run once, and what came of it is on disk before it is used."""

from collections.abc import Mapping
from typing import Any

from minference_core import ids
from minference_core.conversations.calls import ToolRun, run_calls
from minference_core.engine import Engine, Journal, tool_run
from minference_core.requests import Answer
from minference_core.threads import ToolResult

__all__ = ["Tools"]


class Tools:
    """Runs what replies call, and writes down what came of it before anyone uses it."""

    def __init__(self, engine: Engine, journal: Journal, run_id: str, timeout_s: float | None) -> None:
        self._engine = engine
        self._journal = journal
        self._run_id = run_id
        self._timeout_s = timeout_s

    async def run(self, answer: Answer, known: Mapping[str, ToolResult]) -> list[ToolResult]:
        """
        The results of an answer's calls, in order.

        Args:
            known: Those that are on record already.
        """
        reply, verdict = answer.meaning.reply, answer.verdict
        if reply is None or verdict is None or not reply.tool_calls:
            return []

        async def note(run: ToolRun) -> None:
            record = tool_run(answer.request, answer.attempt.number, _said(run), self._run_id)
            await self._journal.write(record)

        with self._engine.uninterrupted():
            return await run_calls(
                answer.request.thread, reply, verdict, timeout_s=self._timeout_s, known=known, note=note
            )


def _said(run: ToolRun) -> dict[str, Any]:
    """An execution as the journal has it."""
    call, result = run.result.call, run.result
    return {
        "tool_call_id": call.call_id,
        "tool_id": str(run.tool.id),
        "tool_name": call.name,
        "arguments": ids.json_text(call.arguments),
        "result": result.content,
        "error_message": ids.parse_json(result.content)["error"] if result.is_error else None,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat(),
    }
