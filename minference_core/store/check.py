"""
`check`: whether the store's tables agree with its segments and with each other.

Asked of the published file in a few passes over whole columns, so that millions of rows take seconds, and
without a lock. What an id denotes is checked by making its entity again: `lineage/deep_check.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

import duckdb
from filelock import FileLock, Timeout

from minference_core.errors import StoreError
from minference_core.store.database import Database, quoted
from minference_core.store.place import Place
from minference_core.store.publish import published_state
from minference_core.store.read import connect
from minference_core.store.segments import read_segment, rejected, waiting
from minference_core.store.tables import KEYS, OF_THE_STORE, SCHEMAS

__all__ = ["LISTED", "Findings", "Problem", "check_inbox", "check_published", "check_tables", "problems_in"]

# More of one kind are counted, not listed.
LISTED = 20

_AGAIN = "run its partition again, or `minference store rebuild`"
_REBUILD = "`minference store rebuild` makes it again from specs and exchanges"
_VERSIONS = tuple(name for name in SCHEMAS if name.endswith("_version"))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that should not be."""

    table: str
    id: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.table} {self.id}: {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Findings:
    """Problems, and what is worth knowing and none."""

    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(self.problems + other.problems, self.notes + other.notes)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A column of one table that holds ids of another's rows."""

    table: str
    column: str
    target: str
    is_list: bool = False
    condition: str = ""
    name: str = "id"  # the column that names the row


# What was sent with specs that were changed before its versions were made has none: an exchange, or the run
# of a tool, whose version is not there is no problem by itself.
_HAS_VERSIONS = "where out_thread_id is not null"
_THREAD_IS_HERE = "where in_thread_id in (select id from thread_version)"
_OF_A_DATASET = "where mat_id not in (select mat_id from materialization where asset_key = 'library')"
_REFERENCES = (
    *(_Reference(table, "parent_id", table) for table in _VERSIONS),
    _Reference("thread_version", "system_prompt_id", "system_prompt_version"),
    _Reference("thread_version", "llm_config_id", "llm_config_version"),
    _Reference("thread_version", "forced_output_id", "tool_version"),
    _Reference("thread_version", "tool_ids", "tool_version", is_list=True),
    _Reference("thread_version", "new_message_ids", "message_version", is_list=True),
    # A program's message may name a tool that it never saved.
    _Reference("message_version", "tool_id", "tool_version", condition=_OF_A_DATASET),
    _Reference("thread_head", "thread_id", "thread_version", name="thread_id"),
    _Reference("exchange", "in_thread_id", "thread_version", condition=_HAS_VERSIONS),
    _Reference("exchange", "out_thread_id", "thread_version"),
    _Reference("exchange", "out_message_id", "message_version"),
    _Reference("exchange", "reused_from", "exchange"),
    _Reference("tool_run", "tool_id", "tool_version", condition=_THREAD_IS_HERE),
)


def check_tables(place: Place) -> Findings:
    """
    Everything that the published file can say of itself.

    Raises:
        StoreError: It is missing, cannot be read, or is of an earlier schema.
    """
    with connect(place.published) as connection:
        spill = place.data / ".store" / "check.spill"  # by default, the working directory
        connection.execute(f"set temp_directory = {quoted(str(spill))}")
        there = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
        if missing := set(SCHEMAS) - there:
            raise StoreError(
                f"{place.published} is of an earlier schema, without {', '.join(sorted(missing))}: "
                f"the next run brings it up to date"
            )
        return Findings(tuple(problems_in(connection)), tuple(_notes(connection)))


def problems_in(connection: duckdb.DuckDBPyConnection) -> Iterator[Problem]:
    """What is wrong in the tables of the current database."""
    brought = [name for name in SCHEMAS if name not in OF_THE_STORE]
    for name in brought:
        if name != "materialization":
            yield from _asked(connection, name, _REBUILD, "rows_without_segment", table=name)
    each = "select mat_id, count(*) as n_rows from {} group by 1"
    counts = " union all ".join(each.format(name) for name in brought)
    yield from _asked(connection, "materialization", _REBUILD, "too_many_rows", counts=counts)
    yield from _asked(connection, "materialization", _AGAIN, "lost_heads")
    for name in SCHEMAS:
        first, keys = KEYS[name][0], ", ".join(KEYS[name])
        yield from _asked(connection, name, _REBUILD, "duplicates", table=name, first=first, keys=keys)
    for reference in _REFERENCES:
        yield from _broken(connection, reference)
    yield from _asked(connection, "thread_version", _REBUILD, "history")
    yield from _asked(connection, "thread_head", _REBUILD, "head_lineage")


def check_inbox(place: Place) -> Findings:
    """What waits to be taken in, and what was moved aside because it is damaged."""
    with connect(place.published) as connection:
        taken = {name for (name,) in connection.execute("select segment_id from segment").fetchall()}
    problems, notes = [], []
    for folder in waiting(place.inbox):
        try:
            read_segment(folder).close()
        except StoreError as error:
            if folder.exists():  # else somebody has just taken it in
                problems.append(Problem("segment", folder.name, str(error), _lost(folder.name)))
        else:
            notes.append(f"segment {folder.name} waits in the inbox for the next fold")
    for folder, name in rejected(place.inbox):
        if name in taken:
            notes.append(f"{folder} is damaged, and in the store all the same: delete it")
        else:
            problems.append(Problem("segment", name, f"is damaged and was moved to {folder}", _lost(name)))
    return Findings(tuple(problems), tuple(notes))


def check_published(place: Place, *, whole_rows: bool) -> Findings:
    """
    Whether users' file holds what the private one does; needs the fold lock, and leaves it to who has it.

    Args:
        whole_rows: Compare all of each row, and not only its keys.
    """
    if not place.private.exists():
        problem = Problem("segment", place.private.name, "the private file is missing", _REBUILD)
        return Findings((problem,))
    lock = FileLock(place.lock, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return Findings(notes=("another process is folding: the published file was not compared",))
    with lock, connect(place.published) as connection:
        try:
            connection.execute(f"attach {quoted(str(place.private))} as private (read_only)")
        except duckdb.Error as error:
            return Findings((Problem("segment", place.private.name, f"cannot be read: {error}", _REBUILD),))
        differ = [name for name in SCHEMAS if not _alike(connection, name, whole_rows=whole_rows)]
        unpublished = published_state(place) != Database(connection, catalog="private").state()
    if differ and unpublished:
        return Findings(notes=("the last fold was ended before it published: the next one does",))
    what = "the published file has other rows than the private one"
    remedy = f"delete {place.published}, and the next run publishes it again"
    return Findings(tuple(Problem(name, "", what, remedy) for name in differ))


def _alike(connection: duckdb.DuckDBPyConnection, table: str, *, whole_rows: bool) -> bool:
    named = ", ".join(SCHEMAS[table].names if whole_rows else KEYS[table])
    one, other = (
        connection.execute(f"select count(*), bit_xor(hash({named})) from {catalog}.{table}").fetchone()  # noqa: S608
        for catalog in ("minference", "private")
    )
    return one == other


def _lost(segment: str) -> str:
    if segment.startswith("library-"):
        return "there is no other copy: repair it and give it its name back"
    return "run its partition again, then delete the folder"


def _broken(connection: duckdb.DuckDBPyConnection, reference: _Reference) -> Iterator[Problem]:
    # A version of a user's own kind, one made of ours too, is in the table of all other kinds.
    other = reference.target in _VERSIONS and reference.target != "other_version"
    yield from _asked(
        connection,
        reference.table,
        _AGAIN,
        "reference",
        table=reference.table,
        column=reference.column,
        target=reference.target,
        name=reference.name,
        reference=f"unnest({reference.column})" if reference.is_list else reference.column,
        condition=reference.condition,
        or_other="anti join other_version as other on other.id = refers.reference" if other else "",
    )


def _asked(
    connection: duckdb.DuckDBPyConnection, place: str, remedy: str, question: str, /, **names: str
) -> Iterator[Problem]:
    """The problems that the question `sql/checks/<question>.sql` finds; names in it are ours."""
    listed = f"select id::varchar, what, count(*) over () from ({{}}) limit {LISTED}"  # noqa: S608 (ours)
    rows = connection.execute(listed.format(_text(question).format(**names))).fetchall()
    for version, what, _ in rows:
        yield Problem(place, version, what, remedy)
    if rows and rows[0][2] > len(rows):
        yield Problem(place, "…", f"{rows[0][2] - len(rows)} more like the last", remedy)


@cache
def _text(question: str) -> str:
    return resources.files(__package__).joinpath(f"sql/checks/{question}.sql").read_text(encoding="utf-8")


def _notes(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    unfinished = connection.execute(
        "select distinct mat_id from segment where mat_id not in (select mat_id from materialization)"
    ).fetchall()
    for (mat_id,) in unfinished:
        yield f"materialization {mat_id} ended before its last segment: run its partition again"
    for what, count in connection.execute(_OTHER_SPECS).fetchall():
        if count:
            yield f"{count} {what} went out from versions that were never made: the specs changed before"


_OTHER_SPECS = """
    select 'exchanges', count(*) from exchange
    where out_thread_id is null and in_thread_id not in (select id from thread_version)
    union all
    select 'runs of tools', count(*) from tool_run where in_thread_id not in (select id from thread_version)
"""
