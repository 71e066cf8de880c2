"""
Which versions an export has, and why the others are left out: decided in SQL, in one temporary table.

`candidate` has a row for each conversation that was asked for, numbered in the order of the export, with the
reason why it is left out, if it is; `mention` has the messages of those that are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from minference_core.errors import ConfigError, ExportError
from minference_core.export.conversation import INVALID
from minference_core.export.splits import Splits

__all__ = ["Selection", "choose", "choose_again", "left_out", "statement"]

_COLUMNS = (
    "lineage_id, dataset, partition_key, thread_key, sample, generation, meta, system_prompt_id, "
    "llm_config_id, tool_ids, forced_output_id, workflow_step, new_message, message_ids is null as is_long"
)
_ORDER = "dataset nulls first, partition_key, thread_key, sample, thread_id"

# Of versions that are asked for by id: how the conversation had ended with that version, as was found last.
_BY_ID = """
    select thread.* rename (id as thread_id), head.error_class
    from asked
    inner join thread_version as thread on thread.id = asked.thread_id
    left join (
        select thread_id, unnest(arg_max({'error_class': error_class}, (sequence, moved_at, mat_id)))
        from thread_head
        where thread_id in (select thread_id from asked)
        group by thread_id
    ) as head on head.thread_id = asked.thread_id
"""
_MEANT = """
    ($dataset::varchar is null or dataset = $dataset)
    and ($partitions::varchar[] is null or list_contains($partitions, partition_key))
"""
_CURRENT = "select * rename (id as thread_id) from thread_current"
_AGAIN = """
    select thread.* rename (id as thread_id), asked.error_class
    from asked
    inner join thread_version as thread on thread.id = asked.thread_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """
    What an export is to have.

    Attributes:
        dataset: Whose conversations; with `sql`, None takes all that it selects.
        partitions: Which of its partitions; none are all.
        finished: Only conversations that came to their end.
        valid: Only those in which no reply was invalid, cut off or refused.
        where: A condition over the columns of the view `transcripts`.
        sql: A query whose first column is ids of thread versions: they are meant, not the current ones.
    """

    dataset: str | None = None
    partitions: tuple[str, ...] = ()
    finished: bool = True
    valid: bool = False
    where: str | None = None
    sql: str | None = None


def choose(connection: duckdb.DuckDBPyConnection, selection: Selection, splits: Splits) -> None:
    """
    Make `candidate` and `mention` for what is selected.

    Raises:
        ConfigError: There is no such dataset or partition, or the SQL cannot be run.
    """
    if selection.dataset is None and selection.sql is None:
        raise ConfigError("name a dataset, or give sql that selects ids of thread versions")
    if selection.dataset is not None:
        _check_there_is(connection, selection.dataset, selection.partitions)
    source = _CURRENT
    if selection.sql is not None:
        _ask(connection, selection.sql)
        source = _BY_ID
    _make_candidates(connection, source, selection, splits)
    if selection.sql is not None:
        connection.execute(f"insert into candidate by name {_UNKNOWN}")
    if selection.where is not None:
        _leave_out_where_not(connection, selection.where, selection.dataset)
    if selection.finished:
        connection.execute(
            "update candidate set reason = error_class where reason is null and error_class is not null"
        )
    _list_messages(connection)
    if selection.finished:
        connection.execute(statement("unfinished"))
    connection.execute(
        """
        update candidate set reason = 'empty'
        where reason is null and place not in (select place from mention)
        """
    )
    if selection.valid:
        connection.execute(statement("invalid"), {"invalid": sorted(INVALID)})


def choose_again(connection: duckdb.DuckDBPyConnection, versions: Path, splits: Splits) -> None:
    """
    Make `candidate` and `mention` for exactly the versions that an earlier export had.

    Args:
        versions: Its list of them.

    Raises:
        ExportError: The store does not have one of them.
    """
    connection.execute(
        "create temp table asked as select thread_id::uuid as thread_id, error_class from read_parquet($1)",
        [str(versions)],
    )
    if missing := len(connection.execute(_UNKNOWN).fetchall()):
        raise ExportError(f"{missing} versions of {versions} are not in this store: was it another one?")
    _make_candidates(connection, _AGAIN, Selection(), splits)
    _list_messages(connection)


def left_out(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many conversations were left out for which reason, the most frequent first."""
    found = connection.execute(
        """
        select reason, count(*) as n from candidate
        where reason is not null group by reason order by n desc, reason
        """
    ).fetchall()
    return dict(found)


def statement(name: str) -> str:
    """One of this package's own statements."""
    return resources.files(__package__).joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")


_UNKNOWN = """
    select thread_id, 'unknown' as reason from asked
    where thread_id not in (select id from thread_version)
"""


def _make_candidates(
    connection: duckdb.DuckDBPyConnection, source: str, selection: Selection, splits: Splits
) -> None:
    # All of it is ours: what users give are parameters.
    connection.execute(
        f"""
        create temp table candidate as
        with given as ({source}),
        meant as (
            select thread_id, {_COLUMNS}, error_class, {splits.sql("lineage_id")} as split
            from given
            where {_MEANT}
        )
        select
            row_number() over (order by split nulls last, {_ORDER}) as place,
            *,
            case when split is null then 'no_split' end as reason
        from meant
        """,  # noqa: S608
        {"dataset": selection.dataset, "partitions": [*selection.partitions] or None},
    )


def _list_messages(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(statement("mention"))
    # Apart, since a recursion takes longer than all the rest, though it may find nothing to do.
    if connection.execute("select 1 from candidate where reason is null and is_long limit 1").fetchall():
        connection.execute(statement("long"))


def _ask(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """What the user's query selects, each version once."""
    query = f"""
        create temp table asked as
        select distinct thread_id::uuid as thread_id from (\n{sql}\n) as given(thread_id)
    """  # noqa: S608
    _run_users(connection, query, {}, "sql")


def _leave_out_where_not(connection: duckdb.DuckDBPyConnection, where: str, dataset: str | None) -> None:
    # Apart from `candidate`, whose columns the condition is not to see.
    of_dataset = "dataset = $dataset and" if dataset is not None else ""
    query = f"""
        create temp table wanted as
        select thread_id from transcripts where {of_dataset} (\n{where}\n)
    """  # noqa: S608
    _run_users(connection, query, {} if dataset is None else {"dataset": dataset}, "where")
    connection.execute(
        """
        update candidate set reason = 'where'
        where reason is null and thread_id not in (select thread_id from wanted)
        """
    )


def _run_users(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any], field: str
) -> None:
    """
    Raises:
        ConfigError: DuckDB refuses the query, or the user's part of it is more than a part.
    """
    try:
        if len(connection.extract_statements(query)) != 1:
            raise ConfigError(f"{field} is more than one statement: give one, without a semicolon")
        connection.execute(query, dict(parameters))
    except duckdb.Error as error:
        raise ConfigError(f"{field} cannot be run: {_first_words(error)}") from error


def _first_words(error: duckdb.Error) -> str:
    """Without the picture of the whole statement, most of which is ours."""
    return " ".join(str(error).split("\n\nLINE ")[0].split())


def _check_there_is(connection: duckdb.DuckDBPyConnection, dataset: str, partitions: tuple[str, ...]) -> None:
    # A partition that was made and has no conversation, since all its rows are invalid, is there too.
    found = connection.execute(
        """
        select partition_key from thread_version where dataset = $1
        union
        select partition_key from materialization where dataset = $1
        order by all
        """,
        [dataset],
    ).fetchall()
    if not found:
        there = connection.execute(
            "select distinct dataset from thread_version where dataset is not null order by all"
        ).fetchall()
        names = ", ".join(name for (name,) in there) or "none"
        raise ConfigError(f"the store has no conversation of a dataset {dataset}: there are {names}")
    known = [key for (key,) in found]
    if unknown := [key for key in partitions if key not in known]:
        raise ConfigError(
            f"the store has no conversation of {dataset} {', '.join(unknown)}: "
            f"there are {known[0]} to {known[-1]}"
        )
