"""Outcomes read back from the files that runs leave: journals, and the original library's results."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from minference_core.engine.journal_files import journal_files, read_journal
from minference_core.requests import ProcessedOutput, RawOutput, raw_result
from minference_core.threads import LLMClient

__all__ = ["parse_results_file"]


def parse_results_file(filepath: str | Path, client: LLMClient | str | None = None) -> list[ProcessedOutput]:
    """
    The outcomes in a file, in its order: one for each attempt.

    In a journal's, `chat_thread_live_id` is the thread's lineage: a warm object does not outlive its process.

    Args:
        filepath: A journal of an orchestrator (in a folder of `journal_folder`), that folder with all its
            journals, or a results file of the original library: lines of `[metadata, request, response]`.
        client: Who answered, where the file does not say.

    Raises:
        ValueError: A line is neither; it names file and line. A last line that was cut off is left out.
    """
    path = Path(filepath)
    files = journal_files(path) if path.is_dir() else [path]
    asked = _Asked(files[:1])
    return [raw.create_processed_output() for file in files for raw in _raw_outputs(file, client, asked)]


class _Asked:
    """The intents whose outcomes are still to come; one may be in an earlier file than its outcome."""

    def __init__(self, first: list[Path]) -> None:
        self._first = first
        self._open: dict[tuple[Any, ...], dict[str, Any]] = {}

    def note(self, intent: dict[str, Any]) -> None:
        self._open[_name(intent)] = intent

    def of(self, outcome: dict[str, Any]) -> dict[str, Any]:
        name = _name(outcome)
        if outcome["kind"] == "outcome" and name not in self._open:
            self._read_earlier()
        return self._open.pop(name, outcome)

    def _read_earlier(self) -> None:
        """What the files before the first one say, once."""
        for path in self._first:
            for earlier in journal_files(path.parent):
                if earlier.name < path.name:
                    for _, _, record in read_journal(earlier):
                        if record["kind"] == "intent":
                            self.note(record)
        self._first = []


def _name(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["lineage_id"], record["request_key"], record["attempt"]


def _raw_outputs(path: Path, client: LLMClient | str | None, asked: _Asked) -> Iterator[RawOutput]:
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


def _read(line: Any, client: LLMClient | str | None, asked: _Asked) -> RawOutput | None:
    if isinstance(line, list):
        metadata, request, response = line
        return _raw(metadata, request, response, client)
    if line["kind"] == "tool":
        return None
    if line["kind"] == "intent":
        asked.note(line)
        return None
    intent = asked.of(line)
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
