"""
Journals to one Parquet file: every attempt of a partition, and every execution of a tool, one row each.

A function of the journals, and of what the conversations made of their answers: written anew it is the
same file. What was found in the answers of other generations than the present one is known from the table
itself, and only while that is there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from minference_core.engine.history import attempt_from
from minference_core.engine.journal_files import journal_files, read_journal
from minference_core.engine.records import exchange_id
from minference_core.errors import DiskError, ErrorClass, JournalError
from minference_core.parquet import write_rows
from minference_core.requests import NO_PRICES, interpret, price
from minference_core.threads import OwnPrice, TokenUsage

__all__ = ["EXCHANGES", "Findings", "write_exchanges"]

_UTC = pa.timestamp("us", tz="UTC")
EXCHANGES = pa.schema(
    [
        ("request_key", pa.string()),
        ("thread_key", pa.string()),
        ("sample", pa.int32()),
        ("generation", pa.int32()),
        ("lineage_id", pa.string()),
        ("in_thread_id", pa.string()),
        ("turn", pa.int32()),
        ("step", pa.int32()),
        ("attempt", pa.int32()),
        ("client", pa.string()),
        ("model", pa.string()),
        ("resolved_model", pa.string()),
        ("provider_request_id", pa.string()),
        ("url", pa.string()),
        ("status_code", pa.int32()),
        ("response_body", pa.string()),
        ("error_class", pa.string()),
        ("error_message", pa.string()),
        ("finish_reason", pa.string()),
        ("sent_at", _UTC),
        ("finished_at", _UTC),
        ("prompt_tokens", pa.int64()),
        ("completion_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
        ("cache_creation_tokens", pa.int64()),
        ("reasoning_tokens", pa.int64()),
        ("accepted_prediction_tokens", pa.int64()),
        ("rejected_prediction_tokens", pa.int64()),
        ("audio_tokens", pa.int64()),
        ("prompt_audio_tokens", pa.int64()),
        ("service_tier", pa.string()),
        ("cost_usd", pa.decimal128(18, 9)),
        ("price_id", pa.string()),
        ("provider_cost_usd", pa.decimal128(18, 9)),
        ("tool_call_id", pa.string()),
        ("tool_id", pa.string()),
        ("tool_name", pa.string()),
        ("arguments", pa.string()),
        ("result", pa.string()),
        ("simulated", pa.bool_()),
        ("uncertain", pa.bool_()),
        ("run_id", pa.string()),
        ("reused_from", pa.string()),
    ]
)

_NAMES = (
    "request_key", "thread_key", "sample", "generation", "lineage_id", "in_thread_id", "turn", "step",
    "attempt", "client", "model", "run_id",
)  # fmt: skip

_USAGE = (
    "cached_tokens", "cache_creation_tokens", "reasoning_tokens", "accepted_prediction_tokens",
    "rejected_prediction_tokens", "audio_tokens", "prompt_audio_tokens",
)  # fmt: skip

_FOUND_BY_READING = [
    ErrorClass.REFUSAL, ErrorClass.CONTENT_FILTER, ErrorClass.TRUNCATED, ErrorClass.INVALID_OUTPUT,
    ErrorClass.MAX_STEPS, ErrorClass.BAD_REQUEST,
]  # fmt: skip

# What was found wrong with an answer once its conversation had read it (cut off, not in the schema):
# by (lineage, request key), the class and the words.
Findings = Mapping[tuple[UUID, UUID], tuple[ErrorClass, str | None]]


def write_exchanges(
    journal: Path,
    target: Path,
    findings: Findings,
    *,
    generation: int,
    prices: Mapping[str, OwnPrice] = NO_PRICES,
) -> tuple[int, int, int]:
    """
    Write the partition's exchanges.

    Args:
        findings: Of the answers of one generation; those of others are taken over from the table as it is.
        generation: Which one.
        prices: The user's own, by model.

    Returns:
        How many attempts there are, how many executions of tools, and how many of these failed.

    Raises:
        JournalError: A journal is damaged before its last line.
        DiskError: The target cannot be written; an older file there stays as it is.
    """
    attempts = failed = 0
    known = [found for found in (findings, _earlier_findings(target, generation)) if found]

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal attempts, failed
        for row in _rows(journal_files(journal), known, prices):
            is_tool = row.get("tool_name") is not None
            attempts += not is_tool
            failed += is_tool and row["error_message"] is not None
            yield row

    try:
        written = write_rows(target, EXCHANGES, rows())
    except OSError as exc:
        raise DiskError(target, exc, "Every answer is in the journal") from exc
    return attempts, written - attempts, failed


def _earlier_findings(table: Path, generation: int) -> Findings:
    """What a table says of the answers of other generations; nothing if it cannot be read."""
    columns = ["lineage_id", "request_key", "generation", "status_code", "error_class", "error_message"]
    judged = pc.is_in(pc.field("error_class"), pa.array(_FOUND_BY_READING))
    answered = (pc.field("status_code") >= 200) & (pc.field("status_code") < 300)
    others = pc.field("generation") != generation
    try:
        rows = pq.read_table(table, columns=columns, filters=judged & answered & others).to_pylist()
    except (OSError, pa.ArrowInvalid):  # there is none yet, or a damaged one, which is about to be replaced
        return {}
    return {
        (UUID(row["lineage_id"]), UUID(row["request_key"])): (
            ErrorClass(row["error_class"]),
            row["error_message"],
        )
        for row in rows
    }


def _rows(
    files: Iterable[Path], known: Sequence[Findings], prices: Mapping[str, OwnPrice]
) -> Iterator[dict[str, Any]]:
    """The attempts in the order they ended, then those that never did; an end may be in a later file."""
    open_intents: dict[tuple[str, str, int], dict[str, Any]] = {}
    for path in files:
        for _, _, record in read_journal(path):
            name = (record["lineage_id"], record["request_key"], record["attempt"])
            match record["kind"]:
                case "intent":
                    open_intents[name] = record
                case "outcome":
                    if name not in open_intents:
                        raise JournalError(
                            f"{path} has an outcome without its intent ({name}): it was edited"
                        )
                    yield _row(open_intents.pop(name), record, known, prices)
                case "refused":
                    yield _row(record, record, known, prices)
                case "reused":
                    yield _row(record, record, known, prices) | _paid_by_another(record)
                case "tool":
                    yield _tool_row(record)
    yield from map(_uncertain, open_intents.values())


def _row(
    intent: dict[str, Any], outcome: dict[str, Any], known: Sequence[Findings], prices: Mapping[str, OwnPrice]
) -> dict[str, Any]:
    attempt = attempt_from(outcome, first_sent_at=_time(intent["sent_at"]))
    meaning = interpret(intent["client"], attempt)
    usage, finish, resolved = TokenUsage(), None, None
    error, message = meaning.error, meaning.message
    if meaning.reply is not None:
        usage, finish, resolved = meaning.reply.usage, meaning.reply.finish_reason, meaning.reply.model
        error, message = _found(intent, known)
    cost = price(intent["client"], intent["model"], usage, prices)
    return {
        **_common(intent),
        "resolved_model": resolved,
        "provider_request_id": attempt.provider_request_id,
        "status_code": attempt.status,
        "response_body": attempt.body,
        "error_class": error,
        "error_message": message,
        "finish_reason": finish,
        "finished_at": attempt.finished_at,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "cache_creation_tokens": usage.cache_creation_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "accepted_prediction_tokens": usage.accepted_prediction_tokens,
        "rejected_prediction_tokens": usage.rejected_prediction_tokens,
        "audio_tokens": usage.audio_tokens,
        "prompt_audio_tokens": usage.prompt_audio_tokens,
        "service_tier": usage.service_tier,
        "cost_usd": cost.usd,
        "price_id": cost.price_id,
        "provider_cost_usd": usage.provider_cost_usd,
        "simulated": intent["simulated"] or outcome["simulated"],
        "uncertain": False,
    }


def _found(intent: dict[str, Any], known: Sequence[Findings]) -> tuple[ErrorClass | None, str | None]:
    """What was found wrong with an answer: nothing, of nearly all."""
    if not known:
        return None, None
    name = (UUID(intent["lineage_id"]), UUID(intent["request_key"]))
    return next((findings[name] for findings in known if name in findings), (None, None))


def _paid_by_another(record: dict[str, Any]) -> dict[str, Any]:
    """What an answer that was taken over says otherwise: it used and cost nothing more."""
    origin = record["from"]
    name = exchange_id(UUID(origin["lineage_id"]), UUID(record["request_key"]), origin["attempt"])
    used = dict.fromkeys((*_USAGE, "price_id", "provider_cost_usd"))
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": Decimal(0)}
    return {**used, **nothing, "reused_from": str(name)}


def _tool_row(record: dict[str, Any]) -> dict[str, Any]:
    own: Iterable[str] = ("tool_call_id", "tool_id", "tool_name", "arguments", "result", "error_message")
    return {
        **{name: record[name] for name in (*_NAMES, *own)},
        "url": "",
        "simulated": False,
        "uncertain": False,
        "sent_at": _time(record["started_at"]),
        "finished_at": _time(record["finished_at"]),
    }


def _uncertain(intent: dict[str, Any]) -> dict[str, Any]:
    """The process died between intent and outcome: it may have been sent, answered and billed."""
    return {
        **_common(intent),
        "error_class": ErrorClass.UNCERTAIN,
        "error_message": "the run ended before the answer was on disk; the provider may have answered",
        "uncertain": True,
    }


def _common(intent: dict[str, Any]) -> dict[str, Any]:
    names = (*_NAMES, "url", "simulated")
    return {**{name: intent[name] for name in names}, "sent_at": _time(intent["sent_at"])}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
