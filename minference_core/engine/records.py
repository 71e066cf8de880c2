"""
The journal's records: what is written down of a request, its sending and its answer.

    {"kind": "intent",  "lineage_id", "request_key", "attempt", … what is sent, and where}
    {"kind": "outcome", "lineage_id", "request_key", "attempt", "status", "body", "error", …}
    {"kind": "refused", … an intent and an outcome in one: it was never sent}
    {"kind": "reused",  … an intent and an outcome in one: another's answer, "from" says whose; never sent}
    {"kind": "tool",    "lineage_id", "request_key", "attempt", "tool_call_id", … what a tool gave that the
                        request's answer called}

No key is ever in one.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from minference_core import ids
from minference_core.engine.asked import Sendable
from minference_core.engine.glimpse import spelt
from minference_core.engine.ledger import Takings
from minference_core.engine.limits import Lane
from minference_core.engine.transport import HttpReply
from minference_core.errors import ErrorClass, TimedOut, TransportError, Unreadable
from minference_core.providers import SIMULATOR, endpoint

__all__ = [
    "body_text",
    "exchange_id",
    "in_budgets",
    "intent",
    "outcome",
    "refusal",
    "reused",
    "shown",
    "tool_run",
    "with_spent",
]

Record = dict[str, Any]

_NOTHING = Takings()

# The provider's own, then what LiteLLM's proxy passes on, and its own.
_REQUEST_IDS = ("x-request-id", "request-id", "llm_provider-x-request-id", "x-litellm-call-id")
_SERVERS = ("server", "llm_provider-server")
_COST_HEADER = "x-litellm-response-cost"
# Shorter "keys" are placeholders such as EMPTY, which an answer may hold as a word.
_SHORTEST_SECRET = 12


def intent(
    request: Sendable, lane: Lane, attempt: int, at: datetime, run_id: str, *, reserved: Takings = _NOTHING
) -> Record:
    """
    What is about to be sent, and where.

    Args:
        attempt: From 1; 0 is never sent.
        reserved: What budgets have set aside for it.
    """
    return {
        **_name(request, attempt),
        "kind": "intent",
        **request.journal_fields,
        "client": request.client,
        "model": request.model,
        "url": shown(endpoint(lane.base_url, request.wire.path)),
        "simulated": lane.simulated,
        "run_id": run_id,
        "sent_at": at.isoformat(),
        **_in_budgets("reserved", reserved),
    }


def with_spent(record: Record, spent: Takings) -> Record:
    """An outcome with what budgets have charged for it."""
    return record | _in_budgets("spent", spent)


def in_budgets(record: Mapping[str, Any], which: str) -> Takings:
    """What budgets have set aside for an intent (`reserved`), or charged for an outcome (`spent`)."""
    return Takings(record.get(f"{which}_nanodollars", 0), record.get(f"{which}_tokens", 0))


def _in_budgets(which: str, amount: Takings) -> Record:
    if amount == _NOTHING:
        return {}
    return {f"{which}_nanodollars": amount.nanodollars, f"{which}_tokens": amount.tokens}


def outcome(request: Sendable, lane: Lane, attempt: int, answer: HttpReply | TransportError) -> Record:
    """What came back, raw, or why nothing did."""
    name = {**_name(request, attempt), "kind": "outcome"}
    if isinstance(answer, TransportError):
        return name | _result(datetime.now(UTC), error=_class_of(answer), error_message=str(answer))
    return name | _result(
        datetime.now(UTC),
        status=answer.status,
        body=_without_key(body_text(answer.body), answer.status, lane),
        provider_request_id=next(filter(None, map(answer.headers.get, _REQUEST_IDS)), None),
        simulated=SIMULATOR in (answer.headers.get(name) for name in _SERVERS),
        cost=answer.headers.get(_COST_HEADER),
    )


def refusal(
    request: Sendable, lane: Lane, error: ErrorClass, message: str, at: datetime, run_id: str
) -> Record:
    """A request that was not sent, and why."""
    written = intent(request, lane, 0, at, run_id)
    return {**written, "kind": "refused", **_result(at, error=error, error_message=message)}


def reused(
    request: Sendable, lane: Lane, attempt: int, found: Mapping[str, Any], at: datetime, run_id: str
) -> Record:
    """
    An answer that another request of the same key was given.

    Args:
        found: Its `status`, `body`, `provider_request_id`, `simulated`, and `from`: the `partition`,
            `run_id`, `lineage_id` and `attempt` that asked for it.
    """
    return {
        **intent(request, lane, attempt, at, run_id),
        "kind": "reused",
        "from": found["from"],
        **_result(
            at,
            status=found["status"],
            body=found["body"],
            provider_request_id=found["provider_request_id"],
            simulated=found["simulated"],
        ),
    }


def exchange_id(lineage: UUID, request_key: UUID, attempt: int) -> UUID:
    """The name of an attempt that was made, for ever."""
    return ids.prefixed_uuid(lineage, "exchange", request_key, attempt)


def tool_run(request: Sendable, attempt: int, run: Mapping[str, Any], run_id: str) -> Record:
    """
    One execution of a tool.

    Args:
        attempt: Of the request, the one whose answer called it.
        run: `tool_call_id`, `tool_id`, `tool_name`, `arguments` and `result` as JSON text, `error_message`,
            `started_at`, `finished_at`.
    """
    asked_of = {"client": request.client, "model": request.model, "run_id": run_id}
    return {**_name(request, attempt), "kind": "tool", **request.journal_fields, **asked_of, **run}


def body_text(body: bytes) -> str:
    """A raw body as text that loses nothing: a data URI when it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"data:application/octet-stream;base64,{base64.b64encode(body).decode()}"


def _name(request: Sendable, attempt: int) -> Record:
    lineage, key = spelt(*request.name)
    return {"lineage_id": lineage, "request_key": key, "attempt": attempt}


def _result(
    finished_at: datetime,
    *,
    status: int | None = None,
    body: str | None = None,
    provider_request_id: str | None = None,
    error: ErrorClass | None = None,
    error_message: str | None = None,
    simulated: bool = False,
    cost: str | None = None,
) -> Record:
    said = {} if cost is None else {"provider_cost": cost}
    return said | {
        "status": status,
        "body": body,
        "provider_request_id": provider_request_id,
        "error": error,
        "error_message": error_message,
        "simulated": simulated,
        "finished_at": finished_at.isoformat(),
    }


def _class_of(error: TransportError) -> ErrorClass:
    match error:
        case TimedOut():
            return ErrorClass.TIMEOUT
        case Unreadable():
            return ErrorClass.UNDECODABLE
        case _:
            return ErrorClass.CONNECTION


def _without_key(body: str, status: int, lane: Lane) -> str:
    """Some servers quote the key that they refuse."""
    secret = lane.api_key.get_secret_value() if lane.api_key is not None else ""
    return body.replace(secret, "[key]") if status >= 400 and len(secret) >= _SHORTEST_SECRET else body


@lru_cache(maxsize=256)
def shown(url: str) -> str:
    """A URL without its user and query parts, either of which may hold a secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
