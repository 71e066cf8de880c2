"""
Bulk fork: versions that a query selects become thread specs of a partition of its own.

Each row holds the messages that its conversation keeps as the very versions they are, so that the branches
share their past, and the version it was forked from, which is its first version's parent. All else is a spec
like any other: it is planned, priced, asked, retried and stored in the same way.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import duckdb
import pyarrow as pa

from minference_core import ids
from minference_core.errors import ConfigError, DiskError, Unsupported
from minference_core.lineage.reading import Reader
from minference_core.parquet import write_rows
from minference_core.specs import CONFIG_COLUMNS, fitted, past_of
from minference_core.store import connect
from minference_core.threads import ChatMessage, ChatThread, MessageRole
from minference_core.tools import StructuredTool

__all__ = ["ForkReport", "fork_specs"]

FORKS = pa.schema(
    [
        ("thread_key", pa.string()),
        ("past", pa.string()),
        ("prompt", pa.string()),
        ("system_prompt", pa.string()),
        ("client", pa.string()),
        ("model", pa.string()),
        ("max_tokens", pa.int64()),
        ("temperature", pa.float64()),
        ("top_p", pa.float64()),
        ("seed", pa.int64()),
        ("stop", pa.list_(pa.string())),
        ("reasoning_effort", pa.string()),
        ("response_format", pa.string()),
        ("tools", pa.list_(pa.string())),
        ("forced_output", pa.string()),
        ("output_schema", pa.string()),
        ("samples", pa.int32()),
        ("max_steps", pa.int32()),
        ("max_repairs", pa.int32()),
        ("use_cache", pa.bool_()),
        ("api", pa.string()),
        ("extra_body", pa.string()),
    ]
)
_AT_A_TIME = 256
_META = "meta_"
_JSON = frozenset({"output_schema", "extra_body"})


@dataclass(frozen=True, slots=True)
class ForkReport:
    """
    What was forked.

    Attributes:
        refused: Why others of the versions cannot be, with their number.
    """

    forked: int
    refused: Mapping[str, int]


def fork_specs(
    store: Path,
    select: str,
    target: Path,
    *,
    then: bool = False,
    changes: Mapping[str, Any] | None = None,
) -> ForkReport:
    """
    Write the specs of forks.

    Args:
        store: The published file.
        select: SQL whose column `id` names versions of threads; further columns are spec columns of the row,
            as `thread_key` (the version's id when left out), `prompt`, `model`, `meta_…`.
        target: The Parquet file of specs; it must not be there yet.
        then: Whether `prompt` is said after the last reply. Otherwise it takes the place of the last thing
            that the user said; without a `prompt` that is asked again.
        changes: Spec columns that are others than the forked threads', for all rows.

    Raises:
        ConfigError: The query cannot be run, has no column `id`, or one that no spec has; a value is none of
            its column's; or the target is there already.
        StoreError: The store cannot be read.
        DiskError: The target cannot be written.
    """
    if target.exists():
        raise ConfigError(f"{target} is there already: fork into another partition, or remove it")
    with connect(store) as connection:
        selected = _selected(connection, select)
        others = [name for name in selected.column_names if name != "id"]
        metas = [
            pa.field(name, selected.schema.field(name).type) for name in others if name.startswith(_META)
        ]
        if unknown := sorted({*others, *(changes or {})} - {*FORKS.names, *(field.name for field in metas)}):
            raise ConfigError(
                f"{', '.join(unknown)} is no column of a fork: there are {', '.join(FORKS.names)} and meta_…"
            )
        rows = _Rows(Reader(connection, WeakValueDictionary()), changes or {}, then)
        try:
            forked = write_rows(target, pa.schema([*FORKS, *metas]), rows.of(selected))
        except OSError as exc:
            raise DiskError(target, exc, "Nothing else was to be written") from exc
        if not forked:
            target.unlink()
    return ForkReport(forked, dict(rows.refused))


def _selected(connection: duckdb.DuckDBPyConnection, select: str) -> pa.Table:
    try:
        found: duckdb.DuckDBPyRelation | None = connection.sql(select)  # None of what is no query
        if found is None or "id" not in found.columns:
            raise ConfigError(
                "the query has no column id: select the ids of thread versions, as `select id …`"
            )
        return found.to_arrow_table()
    except duckdb.Error as exc:
        raise ConfigError(f"the query cannot be run: {exc}") from exc


class _Refused(Exception):
    """A version that cannot be forked that way."""


@dataclass(slots=True)
class _Rows:
    """Makes a spec of each version."""

    reader: Reader
    changes: Mapping[str, Any]
    then: bool
    refused: Counter[str] = field(default_factory=Counter)

    def of(self, selected: pa.Table) -> Iterator[dict[str, Any]]:
        for batch in selected.to_batches(max_chunksize=_AT_A_TIME):
            some = [{**row, "id": _as_id(row["id"])} for row in batch.to_pylist()]
            versions = self.reader.versions([row["id"] for row in some])
            for row in some:
                try:
                    yield self._spec(versions.get(row["id"]), row)
                except _Refused as exc:
                    self.refused[str(exc)] += 1

    def _spec(self, thread: object, row: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(thread, ChatThread):
            raise _Refused("it is the id of no version of a thread in the store")
        said = {name: value for name, value in row.items() if name != "id" and value is not None}
        given = {"thread_key": str(row["id"]), **self.changes, **said}
        given = {name: _as_column(name, value) for name, value in given.items()}
        kept, prompt = self._kept(thread, given.get("prompt"))
        return {**_asked_with(thread, given), **given, "past": past_of(thread, kept), "prompt": prompt}

    def _kept(self, thread: ChatThread, words: str | None) -> tuple[int, str | None]:
        """How many of its messages stay, and what is said next; None to have the last of them answered."""
        if self.then:
            if words is None:
                raise _Refused("nothing is said after the last reply: give it a prompt")
            if not thread.history or not _is_reply(thread.history[-1]):
                raise _Refused("it does not end with a reply, so nothing can be said after it")
            return len(thread.history), words
        if thread.new_images:
            raise _Refused("images are to be shown that were never sent: hold it to its end first")
        if thread.new_message is not None:
            return len(thread.history), words or thread.new_message
        asked = [place for place, message in enumerate(thread.history) if _is_question(message)]
        if not asked:
            raise _Refused("the user has said nothing in it")
        return (asked[-1] + 1, None) if words is None else (asked[-1], words)


def _is_reply(message: ChatMessage) -> bool:
    return message.role == MessageRole.assistant and not message.calls


def _is_question(message: ChatMessage) -> bool:
    return message.role == MessageRole.user and not message.is_error


def _as_id(value: object) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError as exc:
        raise ConfigError(f"the query's column id holds {value!r}, which is no id") from exc


def _as_column(name: str, value: Any) -> Any:
    """A value as its column has it."""
    if name.startswith(_META):
        return value
    kind = FORKS.field(name).type
    if name in _JSON and not isinstance(value, str):
        return _json(value)
    if isinstance(value, str) and pa.types.is_list(kind):  # Arrow would take it for a list of letters
        raise ConfigError(f"{name} cannot be {value!r}: give a list")
    try:
        return pa.scalar(value).cast(kind).as_py()
    except (pa.ArrowException, OverflowError) as exc:
        raise ConfigError(f"{name} cannot be {value!r}: its column is of type {kind}") from exc


def _asked_with(thread: ChatThread, changes: Mapping[str, Any]) -> dict[str, Any]:
    """How the thread is asked, as columns of a spec, without what another model does not take."""
    config = thread.llm_config
    own = set(config.entity_record) - set(CONFIG_COLUMNS)
    if own:
        raise _Refused(f"its config has {', '.join(sorted(own))}, for which specs have no column")
    before = {name: getattr(config, name) for name in CONFIG_COLUMNS}
    try:
        columns = before | fitted(before, {name: changes[name] for name in CONFIG_COLUMNS if name in changes})
    except Unsupported as exc:
        raise _Refused(str(exc)) from exc
    return {
        **columns,
        "stop": list(columns["stop"]) if columns["stop"] else None,
        "extra_body": _json(columns["extra_body"]),
        "system_prompt": thread.system_prompt.content if thread.system_prompt else None,
        "tools": [tool.name for tool in thread.tools] or None,
        **_output(thread),
        "max_steps": thread.max_steps,
        "max_repairs": thread.max_repairs,
    }


def _output(thread: ChatThread) -> dict[str, str | None]:
    output = thread.forced_output
    if isinstance(output, StructuredTool):
        return {"output_schema": _json(output.json_schema)}
    return {"forced_output": None if output is None else output.name}


def _json(value: Any) -> str | None:
    return None if value is None else ids.json_text(value)
