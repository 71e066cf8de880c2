"""One recorded sending of a request, and what it means: shared by the live run and every replay."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

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
        provider_cost_usd: What the provider says beside the body that it cost.
    """

    number: int
    status: int | None
    body: str | None
    error: ErrorClass | None
    error_message: str | None
    provider_request_id: str | None
    first_sent_at: datetime
    finished_at: datetime
    provider_cost_usd: Decimal | None = None


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
        return Meaning(_with_cost(reader(client, answer).decode(answer), attempt))
    except Undecodable as exc:
        return Meaning(None, ErrorClass.UNDECODABLE, str(exc))
    except (ValueError, RecursionError) as exc:
        return Meaning(None, ErrorClass.UNDECODABLE, f"the body is not JSON: {exc}")


def _with_cost(reply: Reply, attempt: Attempt) -> Reply:
    if attempt.provider_cost_usd is None or reply.usage.provider_cost_usd is not None:
        return reply
    return replace(reply, usage=replace(reply.usage, provider_cost_usd=attempt.provider_cost_usd))
