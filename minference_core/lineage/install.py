"""
The views and macros that are installed in the store itself, so that any DuckDB client can ask.

One statement a file in `sql/`, with its contract on top; the contract becomes the comment that
`duckdb_views()` and `duckdb_functions()` show. Running them is the store's (`store/fold.py`).
"""

import re
from functools import cache
from importlib import resources

__all__ = ["definitions"]

# Each stands after those it is made of.
_ORDER = (
    "short_id",
    "first_id",
    "last_id",
    "mermaid_text",
    "entity_version",
    "born_with",
    "lineage_of",
    "thread_latest",
    "thread_current",
    "thread_message",
    "transcripts",
    "usage",
    "usage_by",
    "usage_daily",
    "usage_by_materialization",
    "failures",
    "failures_by_class",
    "invalid_outputs",
    "duplicates",
    "lineage",
    "ancestors",
    "descendants",
    "forks",
    "old_ids",
    "lineage_tree",
    "thread_messages",
    "transcript",
    "thread_diff",
    "version_diff",
    "thread_as_of",
    "threads_as_of",
    "provenance",
    "mermaid",
    "threads_using",
)
_KIND = re.compile(r"^create or replace (view|macro) (\w+)(.*?\bas table$)?", re.MULTILINE)


@cache
def definitions() -> tuple[str, ...]:
    """`create or replace` statements, and a comment on each thing they create, in the order to run them."""
    return tuple(statement for name in _ORDER for statement in _statements(name))


def _statements(name: str) -> tuple[str, str]:
    text = resources.files(__package__).joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")
    found = _KIND.search(text)
    if found is None or found[2] != name:
        raise ValueError(f"sql/{name}.sql does not create a view or macro of that name")
    kind = "macro table" if found[3] else found[1]
    contract, _, _ = text.partition("\n\n")
    words = "\n".join(line.removeprefix("--").removeprefix(" ") for line in contract.splitlines())
    return text, "comment on {} {} is '{}'".format(kind, name, words.replace("'", "''"))
