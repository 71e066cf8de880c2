"""docs/sql.md: every view and macro, from its own contract, with its example answered by the small store."""

from collections.abc import Iterator

import duckdb

from minference_core.lineage.install import Contract, contracts

SECTIONS = {
    "Conversations": (
        "thread_current",
        "thread_latest",
        "transcripts",
        "transcript",
        "thread_messages",
        "thread_message",
        "thread_as_of",
        "threads_as_of",
    ),
    "Where things come from": (
        "provenance",
        "lineage",
        "lineage_tree",
        "ancestors",
        "descendants",
        "forks",
        "old_ids",
        "mermaid",
        "threads_using",
    ),
    "What differs, and what does not": ("compare", "version_diff", "thread_diff", "duplicates"),
    "Tokens and dollars": ("usage", "usage_by", "usage_daily", "usage_by_materialization"),
    "What went wrong": ("failures", "failures_by_class", "invalid_outputs"),
    "What the others are made of": (
        "entity_version",
        "content_of",
        "born_with",
        "lineage_of",
        "first_id",
        "last_id",
        "short_id",
        "mermaid_text",
    ),
}

_TOP = """# Views and macros

<!-- Made by `python -m scripts.make_sql_docs` from minference_core/lineage/sql; a test holds it to that. -->

They are in `data/minference.duckdb` itself and work in any DuckDB client: Python, a notebook, or
`duckdb -readonly data/minference.duckdb`. Each carries what is said here as a comment:
`select view_name, comment from duckdb_views() where not internal`, and likewise `function_name` from
`duckdb_functions()`. Where the file is attached under another name, `use` it first.

The answers below are those of a small store that the tests make: four conversations of a first day, one of
which was asked again as generation 2; a refund by a tool, asked again too and forked into German; two hellos.
Ids begin with the time of birth, so `short_id` shows the end of one. A parameter may be a query in
parentheses, and ids may be text.

In Python the same questions give Polars data frames ([library.md](library.md)):

```python
from minference_core.lineage import Questions

with Questions("data") as store:
    print(store.usage_by("model", "day"))
    print(store.ask("select error_class, count(*) as threads from failures group by all"))
```
"""


def page(connection: duckdb.DuckDBPyConnection) -> str:
    """
    The whole page.

    Args:
        connection: To the small store.
    """
    known = {contract.name: contract for contract in contracts()}
    parts = [_TOP]
    for section, names in SECTIONS.items():
        parts.append(f"\n## {section}\n")
        parts += ["\n".join(_entry(known[name], connection)) for name in names]
    return "\n".join(parts)


def _entry(contract: Contract, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    signature = contract.name
    if contract.kind != "view":
        signature += f"({', '.join(_parameters(contract))})"
    yield f"### {signature}\n"
    yield f"{contract.about}\n"
    if contract.takes:
        yield f"- takes {contract.takes}"
    yield f"- gives {contract.gives}\n"
    yield f"```sql\n{contract.example};\n```\n"
    yield f"```text\n{_answer(contract.example, connection)}\n```\n"


def _parameters(contract: Contract) -> list[str]:
    """Their names: what stands outside the parentheses of `takes`."""
    outside, depth = "", 0
    for character in contract.takes:
        depth += (character == "(") - (character == ")")
        outside += character if not depth and character != ")" else ""
    return [name.strip() for name in outside.split(",") if name.strip()]


def _answer(query: str, connection: duckdb.DuckDBPyConnection) -> str:
    relation = connection.sql(query)
    rows = [[_text(value) for value in row] for row in relation.fetchall()]
    if len(rows) == len(relation.columns) == 1:
        return rows[0][0]
    lines = [[*relation.columns], *([cell.replace("\n", "↵") for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _text(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_text(one)}' for key, one in value.items())}}}"
    return "NULL" if value is None else str(value)
