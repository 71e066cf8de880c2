"""
The views and macros that are installed in the store itself, so that any DuckDB client can ask.

One statement a file in `sql/`, with its contract on top; the contract becomes the comment that
`duckdb_views()` and `duckdb_functions()` show. Running them is the store's (`store/fold.py`).
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["Contract", "contracts", "definitions"]

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
    "content_of",
    "version_diff",
    "thread_as_of",
    "threads_as_of",
    "provenance",
    "mermaid",
    "threads_using",
    "compare",
)
_KIND = re.compile(r"^create or replace (view|macro) (\w+)(.*?\bas table$)?", re.MULTILINE)


_PART = re.compile(r"^(in|out|e\.g\.):? +", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Contract:
    """
    What a view or macro promises, in the words of its file.

    Attributes:
        kind: `view`, `macro` (gives a value) or `macro table`.
        about: What it is.
        takes: Its parameters; empty for a view.
        gives: Its columns, or its value.
        example: A query that shows it; it means something in any store that has such rows.
    """

    name: str
    kind: str
    about: str
    takes: str
    gives: str
    example: str


@cache
def definitions() -> tuple[str, ...]:
    """`create or replace` statements, and a comment on each thing they create, in the order to run them."""
    return tuple(statement for name in _ORDER for statement in _statements(name))


@cache
def contracts() -> tuple[Contract, ...]:
    """Of every view and macro."""
    return tuple(_contract(name) for name in _ORDER)


def _contract(name: str) -> Contract:
    text = _text(name)
    about, *rest = _PART.split(_comment(text))
    parts = dict(zip(rest[::2], rest[1::2], strict=True))
    example = parts["e.g."].replace("\n     ", "\n").strip()
    takes, gives = (" ".join(parts.get(part, "").split()) for part in ("in", "out"))
    return Contract(name, _kind(name, text), " ".join(about.split()), takes, gives, example)


def _statements(name: str) -> tuple[str, str]:
    text = _text(name)
    comment = _comment(text).replace("'", "''")
    return text, f"comment on {_kind(name, text)} {name} is '{comment}'"


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(f"sql/{name}.sql").read_text(encoding="utf-8")


def _kind(name: str, text: str) -> str:
    found = _KIND.search(text)
    if found is None or found[2] != name:
        raise ValueError(f"sql/{name}.sql does not create a view or macro of that name")
    return "macro table" if found[3] else found[1]


def _comment(text: str) -> str:
    contract, _, _ = text.partition("\n\n")
    return "\n".join(line.removeprefix("--").removeprefix(" ") for line in contract.splitlines())
