"""Nothing in the store ever changes: no code does it, and whatever is run, every row stays as it was."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import minference_assets
import minference_core
from minference_core.lineage import Made, rebuild, redact
from minference_core.specs import Generations
from minference_core.store import SCHEMAS
from minference_core.store.tombstones import REDACTABLE
from tests.conftest import Pipeline, specs
from tests.core.lineage.saved import attached, contents, converse, query

Make = Callable[..., Pipeline]
Start = Callable[..., str]

_TABLES = "|".join(SCHEMAS)
_CHANGES = re.compile(
    rf"\b(update\s+({_TABLES}|{{)|delete\s+from\s+(?!store_info)|truncate\s+table|drop\s+table|merge\s+into"
    rf"|insert\s+or\s+replace|alter\s+table\s+({_TABLES})\s+(rename|drop))",
    re.IGNORECASE,
)


def test_no_statement_changes_or_removes_a_row_of_the_store() -> None:
    """All that is ever deleted are the store's own notes on itself."""
    found = [
        f"{file.name}: {match[0]}"
        for package in (minference_core, minference_assets)
        for file in Path(package.__path__[0]).rglob("*")
        if file.suffix in (".py", ".sql")
        for match in _CHANGES.finditer(file.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_search_finds_what_it_looks_for() -> None:
    assert _CHANGES.search("DELETE FROM message_version")
    assert _CHANGES.search("update\n thread_version set")
    assert _CHANGES.search('f"update {table} set"')
    assert not _CHANGES.search("delete from store_info")
    assert not _CHANGES.search("alter table message_version add column extra json")


@pytest.fixture
def changing(pipeline: Make, simulator: Start) -> tuple[Pipeline, Callable[[], None]]:
    """A partition, and what makes everything again: asked afresh, of a model that says something else."""
    made = pipeline(specs(3, samples=2, user_turns=["One", "Two"], prompt=None), url=simulator(seed=1))

    def again() -> None:
        made.generation = Generations(made.journal).begin("providers", fresh=True)
        made.run()
        made.versions()
        with attached(made.data):
            converse(2)
        made.store.fold()

    return made, again


def test_whatever_is_run_again_every_row_stays_as_it_was(
    changing: tuple[Pipeline, Callable[[], None]], simulator: Start
) -> None:
    made, again = changing
    again()
    seen = contents(made.data)

    made.url = simulator(seed=2)
    again()
    made.versions()  # and once more, with nothing new
    made.store.fold()
    rebuild(made.data, [Made(made.source, made.exchanges, made.journal)], code_version="2")
    now = contents(made.data)

    for name in SCHEMAS:
        assert set(seen[name]) <= set(now[name]), name
    assert len(now["thread_version"]) > len(seen["thread_version"])
    assert len(now["exchange"]) == 2 * len(seen["exchange"])


def test_a_redaction_is_the_one_change_and_is_recorded(changing: tuple[Pipeline, Callable[[], None]]) -> None:
    made, again = changing
    again()
    seen = contents(made.data)
    ((reply,),) = query(made.data, "select out_message_id from exchange order by id limit 1")

    redact(made.data, reply, reason="asked to", by="ada")

    now = contents(made.data)
    changed = {name: len(set(seen[name]) - set(now[name])) for name in SCHEMAS}
    recorded = dict(query(made.data, "select in_table, count(*) from redaction group by 1"))
    assert {name: count for name, count in changed.items() if count} == recorded
    assert set(recorded) <= set(REDACTABLE)
    assert {name: len(rows) for name, rows in now.items() if name != "redaction"} == {
        name: len(rows) for name, rows in seen.items() if name != "redaction"
    }
