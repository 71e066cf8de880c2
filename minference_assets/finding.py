"""What a person meant who typed an id, a part of one, or the names of a conversation."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from uuid import UUID

import duckdb

from minference_core.errors import ConfigError
from minference_core.store import connect

__all__ = ["Found", "NotFound", "find"]

_SHORTEST = 4  # characters of an id that are looked for
_SHOWN = 5


class NotFound(ConfigError):
    """There is no such thing in the store, or more than one."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an id turned out to be."""

    kind: str
    version: UUID
    lineage: UUID


def find(store: Path, words: tuple[str, ...]) -> Found:
    """
    A version by its id; the current version of a lineage by the lineage's, or of a conversation by its names.

    Args:
        store: The published file.
        words: An id, its beginning or its end; or dataset, partition and thread_key, and perhaps the sample.

    Raises:
        NotFound: With what is there instead, where that helps.
        StoreError: Nothing is published yet.
    """
    if len(words) == 1:
        digits = _digits(words[0])
        with connect(store) as connection:
            return _by_id(connection, words[0], digits)
    if len(words) not in (3, 4) or not all(word.isdecimal() for word in words[3:]):
        raise NotFound("say an id, a part of one, or DATASET PARTITION THREAD_KEY and perhaps the SAMPLE")
    with connect(store) as connection:
        return _by_names(connection, *words[:3], sample=int(words[3]) if words[3:] else 0)


def _digits(word: str) -> str:
    """Those of an id or a part of one."""
    digits = word.lower().replace("-", "")
    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST},32}}", digits):
        raise NotFound(
            f"{word} is not a valid UUID, nor a part of one of at least {_SHORTEST} digits. "
            f"A conversation is found by DATASET PARTITION THREAD_KEY, too"
        )
    return digits


def _by_id(connection: duckdb.DuckDBPyConnection, word: str, digits: str) -> Found:
    there = [UUID(digits)] if len(digits) == 32 else _partly(connection, digits)
    if not there:
        raise NotFound(f"no id in the store begins or ends with {word}")
    if len(there) > 1:
        several = ", ".join(map(str, there[:_SHOWN])) + (" and more" if len(there) > _SHOWN else "")
        raise NotFound(f"several ids begin or end with {word} (their ends differ): {several}")
    rows = connection.execute(_EXACTLY, {"id": there[0]}).fetchall()
    if not rows:
        raise NotFound(f"{word} is not in the store")
    return Found(*rows[0][:3])


def _partly(connection: duckdb.DuckDBPyConnection, digits: str) -> list[UUID]:
    """The ids of versions and lineages that begin or end so."""
    bounds = {"low": UUID(digits.ljust(32, "0")), "high": UUID(digits.ljust(32, "f")), "end": digits}
    rows = connection.execute(_PARTLY, {**bounds, "most": _SHOWN + 1}).fetchall()
    return [one for (one,) in rows]


def _by_names(
    connection: duckdb.DuckDBPyConnection, dataset: str, partition: str, thread_key: str, *, sample: int
) -> Found:
    names = {"dataset": dataset, "partition": partition}
    rows = connection.execute(_BY_NAMES, {**names, "key": thread_key, "sample": sample}).fetchall()
    if rows:
        return Found(*rows[0])
    for name, value, there in (
        ("dataset", dataset, _values(connection, "dataset", {})),
        ("partition", partition, _values(connection, "partition_key", {"dataset": dataset})),
        ("thread_key", thread_key, _values(connection, "thread_key", names)),
    ):
        if value not in there:
            near = get_close_matches(value, there, n=3) or there[:_SHOWN]
            instead = f": there is {', '.join(near)}" if near else ""
            raise NotFound(f"the store has no {name} {value}{instead}")
    raise NotFound(f"thread {thread_key} has no sample {sample}")


def _values(connection: duckdb.DuckDBPyConnection, column: str, names: dict[str, str]) -> list[str]:
    where = {"dataset": "dataset = $dataset", "partition": "partition_key = $partition"}
    conditions = " and ".join(["true", *(where[name] for name in names)])
    sql = f"select distinct {column} from thread_version where {conditions}"  # noqa: S608 (all of it ours)
    return sorted(value for (value,) in connection.execute(sql, names).fetchall() if value is not None)


_EXACTLY = """
select kind, id, lineage_id, 0 as place, version_no, created_at from born_with($id) where id = $id
union all
select 'ChatThread', id, lineage_id, 1, version_no, created_at from thread_current where lineage_id = $id
union all
select kind, id, lineage_id, 2, version_no, created_at from born_with($id) where lineage_id = $id
order by place, version_no desc, created_at desc, id
limit 1
"""

_PARTLY = """
with named as (
    select id from entity_version
    union
    select lineage_id from entity_version
)

select id
from named
where id between $low and $high or suffix(replace(cast(id as varchar), '-', ''), $end)
order by id
limit $most
"""

_BY_NAMES = """
select 'ChatThread', id, lineage_id
from thread_current
where dataset = $dataset and partition_key = $partition and thread_key = $key and sample = $sample
"""
