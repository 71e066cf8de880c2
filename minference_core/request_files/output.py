"""
The lines of an output file, and the file itself.

    [metadata, request, response]                                     for [metadata, request]
    [metadata, request, {"error": …, "error_class": …, "attempts": …, "first_sent_at": …, …}]
    {"id": …, "custom_id": …, "response": {…}, "error": null}         for a batch line
    {"id": …, "custom_id": …, "response": …, "error": {"code": …, "message": …, "attempts": …, …}}

A line is a pure function of the input line and of what is on record of it, so it can be written again.
"""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from minference_core import ids
from minference_core.errors import MinferenceError
from minference_core.request_files.lines import BadLine
from minference_core.request_files.request import FileRequest, answer_in
from minference_core.requests import Attempt, Meaning

__all__ = ["Output", "OutputError", "bad_line", "is_answer", "result_line"]

_BATCH_ID = "batch_req_"


class OutputError(MinferenceError):
    """The output file cannot be written; every answer so far is in the journal."""


class Output:
    """The output file, open at its end; every line goes out in one piece."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        """
        Raises:
            OutputError: It cannot be opened.
        """
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as exc:
            raise OutputError(f"{self._path} cannot be written: {exc.strerror}") from exc
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        os.close(self._file)

    def write(self, line: bytes) -> None:
        """
        Add one line.

        Raises:
            OutputError: It does not fit; nothing of it is left in the file.
        """
        before = os.fstat(self._file).st_size
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as exc:
            os.ftruncate(self._file, before)
            raise OutputError(
                f"{self._path} cannot be written: {exc.strerror}. Every answer so far is in its journal: "
                f"make room and run the same command again"
            ) from exc


def result_line(request: FileRequest, attempt: Attempt, meaning: Meaning, attempts: int) -> bytes:
    """
    What became of a request: its answer, or why there is none.

    Args:
        attempts: How often it was sent, in all runs.
    """
    line = request.line
    tried = {} if meaning.reply is not None else _tried(attempt, attempts)
    if line.custom_id is None:
        response = {**_failure(attempt, meaning), **tried} if tried else _answer(attempt)
        return _written([_timed(line.metadata, attempt), line.request, response])
    error = {"code": meaning.error, "message": meaning.message, **tried} if tried else None
    return _batch(request.key.hex, line.custom_id, _response(attempt), error)


def bad_line(line: BadLine, file: str) -> bytes:
    """What is wrong with a line that cannot be asked."""
    message = f"{file} line {line.number}: {line.problem}"
    if not line.batch:
        error = {"error": message, "error_class": line.code, "attempts": 0}
        return _written([line.metadata, line.request, error])
    name = ids.hash_uuid("bad line", file, line.number).hex
    return _batch(name, line.custom_id, None, {"code": line.code, "message": message, "attempts": 0})


def is_answer(written: bytes) -> bool | None:
    """Whether a line of an output file is an answer, not an error; None if it is not a line of ours."""
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return None
    match value:
        case [_, _, {"error": str(), "error_class": str()}]:
            return False
        case [_, _, _]:
            return True
        case {"id": str(name), "custom_id": _, "response": _, "error": error} if name.startswith(_BATCH_ID):
            return error is None
    return None


def _batch(name: str, custom_id: str | None, response: Any, error: Any) -> bytes:
    return _written(
        {"id": f"{_BATCH_ID}{name}", "custom_id": custom_id, "response": response, "error": error}
    )


def _response(attempt: Attempt) -> dict[str, Any] | None:
    if attempt.status is None:
        return None
    return {
        "status_code": attempt.status,
        "request_id": attempt.provider_request_id,
        "body": _answer(attempt),
    }


def _failure(attempt: Attempt, meaning: Meaning) -> dict[str, Any]:
    said = {} if attempt.status is None else {"status_code": attempt.status, "body": _answer(attempt)}
    return {"error": meaning.message or meaning.error, "error_class": meaning.error, **said}


def _tried(attempt: Attempt, attempts: int) -> dict[str, Any]:
    """How often, and from when to when (UTC) unless the last thing known is that it was not sent."""
    if attempt.number == 0:
        return {"attempts": attempts}
    return {
        "attempts": attempts,
        "first_sent_at": attempt.first_sent_at.isoformat(),
        "finished_at": attempt.finished_at.isoformat(),
    }


def _answer(attempt: Attempt) -> Any:
    return answer_in(attempt.body or "")


def _timed(metadata: Any, attempt: Attempt) -> Any:
    """The metadata and when it was asked, in seconds since 1970; a start time of its own is kept."""
    if not isinstance(metadata, dict):
        return metadata
    ended = attempt.finished_at.timestamp()
    own = metadata.get("start_time")
    started = own if isinstance(own, int | float) else attempt.first_sent_at.timestamp()
    return {**metadata, "start_time": started, "end_time": ended, "total_time": ended - started}


def _written(value: Any) -> bytes:
    try:
        return ids.json_text(value).encode() + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair in an answer: UTF-8 cannot say it, JSON's escapes can
        return json.dumps(value, allow_nan=False).encode() + b"\n"
