"""
Rows of the store back to entities: a version with all that is nested in it, in a few queries.

What is rebuilt must have the id it was asked for by. That is what tells a damaged row, or a class that
has changed since, from the content that the id denotes.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

import duckdb
from pydantic import TypeAdapter, ValidationError

from minference_core.entities import Entity, kind_named, under_id
from minference_core.errors import StoreError
from minference_core.lineage.references import filled_in, targets
from minference_core.lineage.shapes import OTHER, TABLES, Shape, stored_as
from minference_core.threads import ChatMessage, Usage

__all__ = ["Reader"]

_BOOKKEEPING = ("lineage_id", "parent_id", "version_no")
# What goes wrong in a row that somebody has changed.
_DAMAGE = (ValueError, TypeError, LookupError)


class Reader:
    """Versions out of one published file, as it was when it was opened."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, known: MutableMapping[UUID, Entity]) -> None:
        """
        Args:
            known: Versions that need not be read, by id; those that are read are added.
        """
        # One thread: these are small questions, and handing them out costs more than asking them.
        self._connection = connection.execute("set threads = 1")
        self._known = known
        there = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
        self._tables = [table for table in TABLES if table in there]  # an older file may lack one
        self._likely = self._tables[0]
        self._has_usages = OTHER.table in there  # a file of the first schema has no column for them, either
        redacted = "select id from redaction" if "redaction" in there else "select null where false"
        self._redacted = frozenset(one for (one,) in self._connection.execute(redacted).fetchall())

    def close(self) -> None:
        self._connection.close()

    def lineage(self, lineage_id: UUID) -> list[UUID]:
        """The versions of a lineage, oldest first."""
        return self._ids("lineage_id = $1", lineage_id)

    def of_kinds(self, kinds: list[str]) -> list[UUID]:
        """All versions of these kinds, oldest first."""
        return self._ids("list_contains($1, kind)", kinds)

    def versions(self, version_ids: Sequence[UUID]) -> dict[UUID, Entity]:
        """
        Those of the versions that are in the file, each with all that is nested in it.

        Raises:
            StoreError: What is in the file does not make one of them.
        """
        made: dict[UUID, Entity] = {}
        rows: dict[UUID, _Row] = {}
        wanted = dict.fromkeys(version_ids, self._likely)
        while wanted:
            made |= {one: known for one in wanted if (known := self._known.get(one)) is not None}
            read = self._read({one: table for one, table in wanted.items() if one not in made})
            rows |= read
            parts = {part: table for row in read.values() for part, table in row.parts.items()}
            wanted = {part: table for part, table in parts.items() if part not in rows and part not in made}
        missing = [one for one in version_ids if one not in rows and one not in made]
        made |= self._usages(missing)
        found = [version_id for version_id in version_ids if version_id in rows or version_id in made]
        versions = {version_id: _built(version_id, rows, made) for version_id in found}
        self._known.update({version_id: made[version_id] for version_id in rows if version_id in made})
        return versions

    def _usages(self, version_ids: list[UUID]) -> dict[UUID, Entity]:
        """Those of the versions that are usages and stand in their messages' rows."""
        if not version_ids or not self._has_usages:
            return {}
        lowest, highest = _of_its_time(min(version_ids)), _of_its_time(max(version_ids))
        asked = [[str(one) for one in version_ids], lowest[0], highest[1]]
        holders = self.versions([row["id"] for row in self._select(_WITH_USAGE, *asked)])
        usages = (message.usage for message in holders.values() if isinstance(message, ChatMessage))
        return {usage.id: usage for usage in usages if usage is not None}

    def _ids(self, condition: str, asked: Any) -> list[UUID]:
        order = "created_at, version_no, id"
        statement = f"select id from entity_version where {condition} order by {order}"  # noqa: S608 (ours)
        return [version_id for (version_id,) in self._connection.execute(statement, [asked]).fetchall()]

    def _read(self, wanted: Mapping[UUID, str]) -> "dict[UUID, _Row]":
        """The rows of those versions that are in the file, looked for first where they are likely to be."""
        rows = self._fetch(wanted)
        missing = [version_id for version_id in wanted if version_id not in rows]
        if not missing:
            return rows
        located = self._located(missing)
        self._likely = next(iter(located.values()), self._likely)  # who asks for one asks for more of them
        return rows | self._fetch(located)

    def _fetch(self, places: Mapping[UUID, str]) -> "dict[UUID, _Row]":
        by_table: defaultdict[str, list[UUID]] = defaultdict(list)
        for version_id, table in places.items():
            by_table[table].append(version_id)
        rows = {
            row["id"]: _Row(*stored_as(table, row.get("kind")), row, row["id"] in self._redacted)
            for table, version_ids in by_table.items()
            if table in self._tables
            for row in self._select(f"select * from {table} where {_ASKED_FOR}", *_asking(version_ids))  # noqa: S608
        }
        self._list_messages([row.columns for row in rows.values() if row.shape.table == "thread_version"])
        return rows

    def _list_messages(self, threads: list[dict[str, Any]]) -> None:
        """Give long threads the list of their messages, which is not stored with them."""
        long = [row for row in threads if row["message_ids"] is None]
        if not long:
            return
        steps = {
            row["id"]: row for row in self._select(_HISTORY, *_asking([row["lineage_id"] for row in long]))
        }
        listed: dict[UUID, list[UUID]] = {}
        for row in long:
            row["message_ids"] = _messages(row["id"], steps, listed)

    def _located(self, version_ids: list[UUID]) -> dict[UUID, str]:
        """The table that each of them is in."""
        selects = (
            f"select '{table}' as place, id from {table} where {_ASKED_FOR}"  # noqa: S608 (ours)
            for table in self._tables
        )
        return {
            row["id"]: row["place"]
            for row in self._select(" union all ".join(selects), *_asking(version_ids))
        }

    def _select(self, statement: str, *asked: Any) -> list[dict[str, Any]]:
        result = self._connection.execute(statement, list(asked))
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


# The range keeps the join from reading texts of another time: two to three times as fast.
_ASKED_FOR = "id in (select unnest($1::uuid[])) and id between $2 and $3"
# A usage's id begins with the same instant as its message's, which keeps this from reading all messages.
_WITH_USAGE = """
    select id from message_version
    where beside ->> '$.usage.id' in (select unnest($1::text[])) and id between $2 and $3
"""
_HISTORY = """
    select id, parent_id, keep_n, new_message_ids
    from thread_version
    where lineage_id in (select unnest($1::uuid[])) and lineage_id between $2 and $3
"""


def _of_its_time(version_id: UUID) -> tuple[UUID, UUID]:
    """The lowest and the highest id that begin with the same instant."""
    rest = (1 << 80) - 1
    return UUID(int=version_id.int & ~rest), UUID(int=version_id.int | rest)


def _asking(version_ids: list[UUID]) -> tuple[list[UUID], UUID, UUID]:
    return version_ids, min(version_ids), max(version_ids)


@dataclass(frozen=True, slots=True)
class _Row:
    """A version's row, its kind (None: not one of ours), how it is stored, whether its content is gone."""

    kind: type[Entity] | None
    shape: Shape
    columns: dict[str, Any]
    is_redacted: bool

    @property
    def parts(self) -> dict[UUID, str]:
        """The versions that are nested in it, and the tables where they are if they are of our own kinds."""
        if self.shape.table != "thread_version":
            return dict.fromkeys(targets(self._loose(), self._pointers()), OTHER.table)
        row = self.columns
        parts = {
            **dict.fromkeys(row["message_ids"], "message_version"),
            **dict.fromkeys((*row["tool_ids"], row["forced_output_id"]), "tool_version"),
            row["llm_config_id"]: "llm_config_version",
            row["system_prompt_id"]: "system_prompt_version",
        }
        parts.pop(None, None)
        return parts

    def fields(self, versions: dict[UUID, Entity]) -> dict[str, Any]:
        """What to make the entity of, the versions that are nested in it among it."""
        row = self.columns
        fields = {
            **{name: row[name] for name in _BOOKKEEPING},
            "created_at": row["created_at"].replace(tzinfo=UTC),
            **{
                name: _parsed(row[column]) if name in self.shape.as_json else row[column]
                for name, column in self.shape.columns.items()
            },
            **filled_in(self._loose(), self._pointers(), versions),
        }
        if isinstance(usage := fields.get("usage"), dict) and self.shape.table == "message_version":
            fields["usage"] = Usage.cold(**{name: usage[name] for name in usage if name != "id"})
        if self.shape.table == "thread_version":
            fields |= {
                "llm_config": versions[row["llm_config_id"]],
                "system_prompt": versions.get(row["system_prompt_id"]),
                "forced_output": versions.get(row["forced_output_id"]),
                "tools": [versions[tool] for tool in row["tool_ids"]],
                "history": [versions[message] for message in row["message_ids"]],
            }
        return fields

    def _loose(self) -> dict[str, Any]:
        """The fields without a column of their own; an older file has no such columns."""
        row = self.columns
        return {**_parsed(row.get(self.shape.rest), {}), **_parsed(row.get("beside"), {})}

    def _pointers(self) -> list[str]:
        return _parsed(self.columns.get("refs"), [])  # type: ignore[no-any-return]


def _messages(
    version_id: UUID, steps: Mapping[UUID, dict[str, Any]], listed: dict[UUID, list[UUID]]
) -> list[UUID]:
    """
    The messages of a thread version: those it keeps of its parent's, then its own.

    Args:
        steps: What each version of its lineage changed.
        listed: The messages of versions, added to.
    """
    chain = []
    at = version_id
    while at not in listed:
        if at not in steps:
            raise StoreError(f"thread {version_id} goes on from {at}, which is not in the store")
        chain.append(steps[at])
        if steps[at]["keep_n"] == 0:
            break
        at = steps[at]["parent_id"]
    for step in reversed(chain):
        before = listed[step["parent_id"]][: step["keep_n"]] if step["keep_n"] else []
        listed[step["id"]] = before + step["new_message_ids"]
    return listed[version_id]


def _built(version_id: UUID, rows: dict[UUID, _Row], made: dict[UUID, Entity]) -> Entity:
    """Make a version, and before it those that are nested in it, and add them to `made`."""
    if version_id in made:
        return made[version_id]
    row = rows[version_id]
    for part in row.parts:
        if part not in rows and part not in made:
            raise StoreError(f"version {version_id} is made of {part}, which is not in the store")
        _built(part, rows, made)
    made[version_id] = _checked(version_id, row, made)
    return made[version_id]


def _checked(version_id: UUID, row: _Row, made: dict[UUID, Entity]) -> Entity:
    if row.is_redacted and row.shape is OTHER:
        raise StoreError(f"version {version_id} was redacted: nothing is left to make it of")
    kind = row.kind or kind_named(row.columns["kind"], row.columns.get("module"))
    if kind is None:
        raise StoreError(
            f"version {version_id} is a {row.columns['kind']}, and no module that defines it has been "
            f"imported: import {row.columns['module']} first"
        )
    try:
        version = _made(kind, row.fields(made))
        if row.is_redacted:
            return under_id(version, version_id)
        found: object = version.id
    except _DAMAGE as error:
        raise StoreError(f"{_complaint(kind, version_id)}: {error}") from error
    if found != version_id:
        raise StoreError(f"{_complaint(kind, version_id)}: what it says now is {found}")
    return version


def _made(kind: type[Entity], fields: dict[str, Any]) -> Entity:
    try:
        return kind.cold(**fields)
    except ValidationError:
        # A strict class takes no text for a time: JSON has fewer types than Python.
        types: dict[str, Any] = {name: field.annotation for name, field in kind.model_fields.items()}
        typed = {
            name: TypeAdapter(types[name]).validate_python(value, strict=False) if name in types else value
            for name, value in fields.items()
        }
        return kind.cold(**typed)


def _complaint(kind: type[Entity], version_id: UUID) -> str:
    return (
        f"the store's row of {kind.entity_kind} {version_id} does not make that version: "
        f"it is damaged, or the class has changed since it was saved"
    )


def _parsed(text: str | None, missing: Any = None) -> Any:
    return missing if text is None else json.loads(text)
