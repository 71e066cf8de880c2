"""Outcomes read back from the files that runs leave: journals, and the original library's results."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from minference_core.requests import ProcessedOutput, RawOutput, raw_result
from minference_core.threads import LLMClient

__all__ = ["parse_results_file"]


def parse_results_file(filepath: str | Path, client: LLMClient | str | None = None) -> list[ProcessedOutput]:
    """
    The outcomes in a file, in its order: one for each attempt.

    In a journal's, `chat_thread_live_id` is the thread's lineage: a warm object does not outlive its process.

    Args:
        filepath: A journal of an orchestrator (`journal_folder`), or a results file of the original
            library: lines of `[metadata, request, response]`.
        client: Who answered, where the file does not say.

    Raises:
        ValueError: A line is neither; it names file and line. A last line that was cut off is left out.
    """
    path = Path(filepath)
    asked: dict[tuple[Any, ...], dict[str, Any]] = {}
    return [raw.create_processed_output() for raw in _raw_outputs(path, client, asked)]


def _raw_outputs(
    path: Path, client: LLMClient | str | None, asked: dict[tuple[Any, ...], Any]
) -> Iterator[RawOutput]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith("\n"):
                return
            try:
                found = _read(json.loads(line), client, asked)
            except (ValueError, KeyError, TypeError) as exc:
                raise ValueError(f"{path} line {number} is not a result: {exc}") from exc
            if found is not None:
                yield found


def _read(line: Any, client: LLMClient | str | None, asked: dict[tuple[Any, ...], Any]) -> RawOutput | None:
    if isinstance(line, list):
        metadata, request, response = line
        return _raw(metadata, request, response, client)
    name = (line["lineage_id"], line["request_key"], line["attempt"])
    if line["kind"] == "intent":
        asked[name] = line
        return None
    intent = asked.get(name, line)
    return RawOutput.cold(
        raw_result=raw_result(line["body"], line["error_message"] or line["error"]),
        completion_kwargs={},
        start_time=datetime.fromisoformat(intent["sent_at"]).timestamp(),
        end_time=datetime.fromisoformat(line["finished_at"]).timestamp(),
        chat_thread_id=UUID(intent["in_thread_id"]),
        chat_thread_live_id=UUID(intent["lineage_id"]),
        client=intent["client"],
    )


def _raw(metadata: dict[str, Any], request: Any, response: Any, client: LLMClient | str | None) -> RawOutput:
    start = metadata["start_time"]
    return RawOutput.cold(
        raw_result=response if isinstance(response, dict) else {"body": response},
        completion_kwargs=request,
        start_time=start,
        end_time=metadata["end_time"] or start,
        chat_thread_id=metadata["chat_thread_id"],
        chat_thread_live_id=metadata["chat_thread_live_id"],
        client=client,
    )
