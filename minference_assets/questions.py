"""Questions to the published store that the command line asks and shows, as anyone could ask them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from minference_core.store import connect

__all__ = [
    "Answer",
    "Standing",
    "ask",
    "examples",
    "lineage_of",
    "partitions_in_store",
    "transcript_of",
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A statement as one would type it, with its rows."""

    title: str
    sql: str
    names: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store holds of a partition; what the simulator "cost" is no money."""

    threads: int = 0
    failed: int = 0
    paid_usd: Decimal | None = None
    simulated_usd: Decimal | None = None


def ask(store: Path, title: str, sql: str) -> Answer:
    """
    Raises:
        StoreError: Nothing is published yet.
    """
    with connect(store) as connection:
        return _answer(connection, title, sql)


def examples(store: Path, dataset: str, partition: str) -> list[Answer]:
    """Usage, one transcript, one lineage: with statements to try oneself."""
    with connect(store) as connection:
        usage = _answer(connection, "Tokens and dollars by day and model", _USAGE)
        thread = connection.execute(_LONGEST, [dataset, partition]).fetchall()
        if not thread:
            return [usage]
        version, lineage = thread[0]
        return [
            usage,
            _answer(connection, "A transcript", _TRANSCRIPT.format(version)),
            _answer(connection, "Its lineage", _LINEAGE.format(lineage)),
        ]


def transcript_of(store: Path, version: UUID) -> Answer:
    """What was said, and which tools were called with what."""
    return ask(store, "Transcript", _SAID.format(version))


def lineage_of(store: Path, lineage: UUID) -> Answer:
    return ask(store, "Lineage", _LINEAGE.format(lineage))


def partitions_in_store(store: Path) -> dict[tuple[str, str], Standing]:
    """For each dataset and partition, what the store holds of it."""
    if not store.exists():
        return {}
    rows: Sequence[Any] = ask(store, "", _PARTITIONS).rows
    return {(dataset, key): Standing(*numbers) for dataset, key, *numbers in rows}


def _answer(connection: duckdb.DuckDBPyConnection, title: str, sql: str) -> Answer:
    relation = connection.sql(sql)
    return Answer(title, sql, tuple(relation.columns), tuple(relation.fetchall()))


_USAGE = (
    "select day, client, model, simulated, requests, total_tokens, cost_usd from usage_daily order by all"
)

_TRANSCRIPT = "select role, content, tool_name, tool_call from transcript('{}') order by pos"

_SAID = """
select
    said.role,
    concat_ws(
        chr(10),
        nullif(said.content, ''),
        case when said.role = 'assistant' then message.tool_name || ' ' || message.tool_call end,
        case when message.extra is not null then array_to_string(
            list_transform(
                json_extract(message.extra, '$.more_tool_calls[*]'),
                lambda call: (call ->> '$.name') || ' ' || (call ->> '$.arguments')
            ),
            chr(10)
        ) end
    ) as content
from transcript('{}') as said
left join message_version as message on message.id = said.message_id
order by said.pos
"""

_LINEAGE = "select node, kind, version_no, created_at, id from lineage_tree('{}')"

_LONGEST = """
select id, lineage_id
from thread_current
where dataset = ? and partition_key = ? and n_messages <= 6
order by n_messages desc, id
limit 1
"""

_PARTITIONS = """
with thread as (
    select dataset, partition_key, count(*) as threads
    from thread_current
    where dataset is not null
    group by all
),

failed as (
    select dataset, partition_key, count(*) as failed
    from failures
    group by all
),

spent as (
    select
        dataset,
        partition_key,
        sum(cost_usd) filter (where not simulated) as paid,
        sum(cost_usd) filter (where simulated) as simulated
    from exchange
    group by all
)

select dataset, partition_key, threads, coalesce(failed, 0), paid, simulated
from thread
left join failed using (dataset, partition_key)
left join spent using (dataset, partition_key)
"""
