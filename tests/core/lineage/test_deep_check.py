"""`check --deep` makes every version again, and its id and hash with it."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from minference_core.entities import EntityRegistry
from minference_core.lineage import EntityStore, check_versions
from minference_core.lineage.deep_check import Progress

from .kinds import Leaf, Twig
from .saved import converse, in_a_new_process

Damage = Callable[[str], list[str]]

CHECK = """
import sys
from pathlib import Path
from minference_core.lineage import check_versions
found = check_versions(Path(sys.argv[1]))
print(len(found.problems), *found.notes, sep="\\n")
"""


@pytest.fixture
def published(data: Path, registry: EntityRegistry) -> Path:
    """A long conversation, with more messages than are listed beside a version, and a user's own kinds."""
    converse(40)
    Twig(leaf=Leaf(text="one"))
    registry.flush()
    EntityStore(data).fold()
    return data / "minference.duckdb"


@pytest.fixture
def damage(published: Path) -> Damage:
    def run(statement: str) -> list[str]:
        with duckdb.connect(published) as connection:
            connection.execute(statement)
        return [f"{problem.table}: {problem.what}" for problem in check_versions(published).problems]

    return run


def test_nothing_is_wrong_in_what_was_saved(published: Path) -> None:
    done: list[tuple[int, int]] = []
    progress: Progress = lambda *count: done.append(count)  # noqa: E731

    found = check_versions(published, progress)

    assert (found.problems, found.notes) == ((), ())
    assert done[-1][0] == done[-1][1] > 200


def test_another_text_is_found_and_so_are_the_threads_that_it_is_in(damage: Damage) -> None:
    found = damage("update message_version set content = 'forged' where content = 'answer 38'")

    assert sum(line.startswith("message_version") for line in found) == 1
    assert sum(line.startswith("thread_version") for line in found) == 4
    assert all("does not make that version" in line for line in found)


def test_another_hash_is_found(damage: Damage) -> None:
    wrong = "update message_version set content_hash = lineage_id where content = 'answer 3'"

    assert damage(wrong) == ["message_version: its content_hash is not that of its content"]


def test_kinds_that_nobody_imported_are_counted(published: Path) -> None:
    lines = in_a_new_process(CHECK, published).splitlines()

    assert sorted(line.split(" were")[0] for line in lines) == [
        "0",
        "1 versions of tests.core.lineage.kinds.StoredLeaf",
        "1 versions of tests.core.lineage.kinds.StoredTwig",
    ]


def test_a_version_of_a_kind_with_a_missing_part_is_found(damage: Damage) -> None:
    (found,) = damage("delete from other_version where kind = 'StoredLeaf'")

    assert "is made of" in found
