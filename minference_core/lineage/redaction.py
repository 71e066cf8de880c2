"""
Redaction: the content of a message, a prompt or a whole conversation is taken out of the store for good.

Ids, lineage, tokens and dollars stay. Copies that the store itself made go with it: the raw answer that
brought a reply, answers that were taken over from it, the calls and results of tools, the version that was
about to say it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from minference_core import ids
from minference_core.errors import StoreError
from minference_core.lineage.install import definitions
from minference_core.lineage.rows import naive_utc
from minference_core.store import SCHEMAS, Store, connect
from minference_core.store.tombstones import REDACTABLE

__all__ = ["Redaction", "redact"]

Place = tuple[str, UUID]
"""A row: its table and its id."""

# A shorter text is in so many others that looking for it says nothing.
_TELLING = 8
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Redaction:
    """
    What was redacted.

    Attributes:
        rows: Whose content is gone, by table and id.
        still_said: Other rows of the store that hold one of the texts all the same; the first ones.
        partitions: Dataset and partition of the conversations that had it: their files may hold it, too.
        of_programs: Whether programs' own conversations had it, whose journals then may.
    """

    rows: tuple[Place, ...]
    still_said: tuple[Place, ...]
    partitions: tuple[tuple[str, str], ...]
    of_programs: bool


def redact(data: Path, version: UUID, *, reason: str, by: str, wait_s: float = 60.0) -> Redaction:
    """
    Put a tombstone in the place of what a version says, and of the copies of it.

    Args:
        data: The folder of `minference.duckdb`.
        version: A message, a system prompt, another thing that a program saved, or a version of a thread,
            which means all that is said in it. Its prompt and its tools are others' too, and stay.
        reason: Why; kept with the redaction, so it must not say what it is to hide.
        by: Whose decision it is.
        wait_s: How long to wait for a fold of another process.

    Raises:
        StoreError: There is no such version, it says nothing that can be redacted, or the store cannot be
            written.
    """
    store = Store(data, definitions())
    store.catch_up(wait_s)
    with store.replaced(wait_s) as made:
        # Asked of the published file, which holds the same and has all macros in its current database.
        with connect(store.published) as connection:
            finder = _Finder(connection)
            places = finder.places(version)
            texts = finder.texts(places)
            partitions, of_programs = finder.partitions(places)
        made.take_over("redaction")
        at = naive_utc(datetime.now(UTC))
        made.redact([(row, table, version, at, by, reason) for table, row in places])
        for table in SCHEMAS:
            if table != "redaction":
                made.take_over(table)
    with connect(store.published) as connection:
        still_said = _Finder(connection).saying(texts)
    return Redaction(tuple(places), tuple(still_said), partitions, of_programs)


class _Finder:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def places(self, version: UUID) -> list[Place]:
        """The rows that say what a version says and are not redacted yet."""
        kind = self._ask("select kind from entity_version where id = $1", version)
        if not kind:
            raise StoreError(f"there is no version {version} in the store")
        match kind[0][0]:
            case "ChatMessage":
                found = self._of_messages([version])
            case "SystemPrompt":
                found = [("system_prompt_version", version)]
            case "ChatThread":
                messages = self._ask("select message_id from thread_messages($1::uuid)", version)
                found = [*self._of_messages([one for (one,) in messages]), *self._ask(_ABOUT_TO_SAY, version)]
            case "LLMConfig" | "CallableTool" | "StructuredTool" | "Usage" as other:
                raise StoreError(f"{version} is a {other}: it says nothing that can be redacted")
            case _:
                found = [("other_version", version)]
        known = {(table, row) for table, row in self._ask("select in_table, id from redaction")}
        if not (new := [place for place in dict.fromkeys(found) if place not in known]):
            raise StoreError(f"{version} was redacted already")
        return new

    def texts(self, places: Iterable[Place]) -> list[str]:
        """What the messages and prompts among these say, as far as it can be told from what others say."""
        found = []
        for table in ("message_version", "system_prompt_version"):
            asked = [row for named, row in places if named == table]
            found += self._ask(f"select content from {table} where id in (select unnest($1::uuid[]))", asked)  # noqa: S608
        return sorted({text for (text,) in found if text is not None and len(text.strip()) >= _TELLING})

    def partitions(self, places: Sequence[Place]) -> tuple[tuple[tuple[str, str], ...], bool]:
        """Whose conversations these rows are of, and whether any is of no dataset."""
        rows = self._ask(_PARTITIONS, [row for _, row in places])
        named = sorted((dataset, key) for dataset, key in rows if dataset is not None)
        return tuple(named), len(named) < len(rows)

    def saying(self, texts: Sequence[str]) -> list[Place]:
        """Rows that hold one of the texts, plainly or as JSON spells it."""
        spelt = {form for text in texts for form in (text, ids.json_text(text)[1:-1], _ascii(text))}
        if not spelt:
            return []
        found: list[Place] = []
        for table in REDACTABLE:
            said = [f"contains({column}::varchar, spelt.text)" for column in _SAYING[table]]
            statement = f"""
                select distinct id from {table}, (select unnest($1::varchar[]) as text) as spelt
                where {" or ".join(said)} order by id limit {_LISTED}
            """  # noqa: S608 (ours)
            found += [(table, row) for (row,) in self._ask(statement, sorted(spelt))]
        return found[:_LISTED]

    def _of_messages(self, messages: list[UUID]) -> list[Place]:
        return [(table, row) for table, row in self._ask(_COPIES, messages)]

    def _ask(self, statement: str, *asked: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, list(asked)).fetchall()


_ABOUT_TO_SAY = "select 'thread_version', id from thread_version where id = $1 and new_message is not null"
_SAYING = {
    "message_version": ("content", "reasoning", "tool_call", "extra"),
    "system_prompt_version": ("content",),
    "thread_version": ("new_message", "extra", "meta"),
    "other_version": ("record", "beside"),
    "exchange": ("response_body", "json_object", "error_message"),
    "tool_run": ("arguments", "result", "error"),
}


def _ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(f"redaction_sql/{name}.sql").read_text(encoding="utf-8")


_COPIES, _PARTITIONS = _text("copies"), _text("partitions")
