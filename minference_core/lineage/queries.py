"""
The questions that programs ask most, as typed rows. For everything else, ask in SQL.

Each takes a connection from `store.connect`; the answers come from the macros installed in the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb

__all__ = [
    "Line",
    "Origin",
    "TreeNode",
    "UsageDay",
    "VersionRef",
    "ancestors",
    "lineage_tree",
    "provenance",
    "transcript",
    "usage_daily",
]


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a conversation; the system prompt is number 0."""

    pos: int
    role: str
    content: str | None
    message_id: UUID


@dataclass(frozen=True, slots=True)
class VersionRef:
    """Where a version sits in its lineage, without its content; depth 0 is the version asked about."""

    depth: int
    kind: str
    id: UUID
    parent_id: UUID | None
    version_no: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A version under the one it came from; `node` is its short id, indented by its depth."""

    depth: int
    node: str
    kind: str
    id: UUID
    parent_id: UUID | None
    version_no: int


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a version; the fields of the request are None for what a thread spec gave."""

    kind: str
    id: UUID
    dataset: str | None
    partition_key: str | None
    generation: int | None
    thread_key: str | None
    request_key: UUID | None
    attempt: int | None
    model: str | None
    status_code: int | None
    price_id: str | None
    cost_usd: Decimal | None
    run_id: str | None
    recorded_by_run_id: str | None


@dataclass(frozen=True, slots=True)
class UsageDay:
    """A day's attempts with one model, in UTC; `cost_usd` is None if no price was known."""

    day: date
    client: str
    model: str
    simulated: bool
    requests: int
    attempts: int
    failed_attempts: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None
    unknown_price: int


def transcript(connection: duckdb.DuckDBPyConnection, version_id: UUID | str) -> list[Line]:
    """What was said in a version of a conversation, in order; [] if there is no such version."""
    return [Line(**row) for row in _rows(connection, Line, "transcript($id)", version_id)]


def ancestors(connection: duckdb.DuckDBPyConnection, version_id: UUID | str) -> list[VersionRef]:
    """A version and everything it came from, nearest first; [] if there is no such version."""
    return [VersionRef(**row) for row in _rows(connection, VersionRef, "ancestors($id)", version_id)]


def lineage_tree(connection: duckdb.DuckDBPyConnection, lineage_id: UUID | str) -> list[TreeNode]:
    """The versions of one thing, each after the one it came from; [] if there is no such lineage."""
    return [TreeNode(**row) for row in _rows(connection, TreeNode, "lineage_tree($id)", lineage_id)]


def provenance(connection: duckdb.DuckDBPyConnection, version_id: UUID | str) -> list[Origin]:
    """Where a version came from; more than one row if several exchanges gave the very same answer."""
    return [Origin(**row) for row in _rows(connection, Origin, "provenance($id)", version_id)]


def usage_daily(connection: duckdb.DuckDBPyConnection) -> list[UsageDay]:
    """Tokens and dollars by day, client and model, oldest day first."""
    rows = [UsageDay(**row) for row in _rows(connection, UsageDay, "usage_daily", None)]
    return sorted(rows, key=lambda row: (row.day, row.client, row.model))


def _rows(
    connection: duckdb.DuckDBPyConnection, shape: Any, source: str, asked: UUID | str | None
) -> list[Mapping[str, Any]]:
    names = list(shape.__dataclass_fields__)
    statement = f"select {', '.join(names)} from {source}"  # noqa: S608  (both are ours: see the callers)
    found = connection.execute(statement, {} if asked is None else {"id": asked}).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]
