"""One recorded sending of a request, and what it means: shared by the live run and every replay."""

import json
from dataclasses import dataclass
from datetime import datetime

from minference_core.errors import ErrorClass, Undecodable
from minference_core.providers import classify, error_in_answer, reader
from minference_core.threads import Reply

_BOM = "\ufeff"

__all__ = ["Attempt", "Meaning", "interpret"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    How one sending ended.

    Attributes:
        status: HTTP status; None when no answer came or nothing was sent.
        body: The raw answer as text, before any parsing.
        error: Why there is no answer, when there is none.
        first_sent_at: When the first attempt of the same request was sent, UTC.
    """

    number: int
    status: int | None
    body: str | None
    error: ErrorClass | None
    error_message: str | None
    provider_request_id: str | None
    first_sent_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Meaning:
    """A reply, or why there is none."""

    reply: Reply | None
    error: ErrorClass | None = None
    message: str | None = None


def interpret(client: str, attempt: Attempt) -> Meaning:
    """Read an attempt's raw answer; nothing it may hold raises."""
    if attempt.error is not None or attempt.status is None:
        return Meaning(None, attempt.error or ErrorClass.CONNECTION, attempt.error_message)
    body = attempt.body or ""
    if not 200 <= attempt.status < 300:
        return Meaning(None, *classify(attempt.status, body))
    try:
        answer = json.loads(body.lstrip(_BOM))
        if (status := error_in_answer(answer)) is not None:
            return Meaning(None, *classify(status, body))
        return Meaning(reader(client, answer).decode(answer))
    except Undecodable as exc:
        return Meaning(None, ErrorClass.UNDECODABLE, str(exc))
    except (ValueError, RecursionError) as exc:
        return Meaning(None, ErrorClass.UNDECODABLE, f"the body is not JSON: {exc}")
