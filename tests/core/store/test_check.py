"""`check` finds what is wrong in the tables, and nothing where nothing is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from minference_core.errors import StoreError
from minference_core.store import Store
from minference_core.store.check import Findings, check_inbox, check_published, check_tables
from minference_core.store.place import Place
from tests.core.lineage.small_store import IDS, make

from .rows import put
from .schema_1 import make_store

Damage = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("checked") / "data"
    make(data)
    return data


@pytest.fixture
def place(small: Path, data: Path) -> Place:
    shutil.copytree(small, data)
    return Place(data)


@pytest.fixture
def damage(place: Place) -> Damage:
    """What is found after a statement that nobody should run; ids by name."""

    def run(statement: str) -> list[str]:
        for name, identity in IDS.items():
            statement = statement.replace(f"{{{name}}}", f"'{identity}'")
        with duckdb.connect(place.published) as connection:
            connection.execute(statement)
        return named(check_tables(place))

    return run


def named(found: Findings) -> list[str]:
    """The problems without their remedies, ids by name."""
    lines = [f"{problem.table} {problem.id}: {problem.what}" for problem in found.problems]
    for name, identity in IDS.items():
        lines = [line.replace(str(identity), name) for line in lines]
    return lines


def test_nothing_is_wrong_in_a_store_as_it_is_made(place: Place) -> None:
    assert check_tables(place) + check_inbox(place) + check_published(place, whole_rows=True) == Findings()


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        pytest.param(
            "delete from message_version where id = {r2}",
            "thread_version a2: new_message_ids r2 is not in message_version",
            id="a message is gone",
        ),
        pytest.param(
            "delete from thread_version where id = {a0}",
            "thread_version a1: parent_id a0 is not in thread_version",
            id="a parent is gone",
        ),
        pytest.param(
            "delete from llm_config_version where id = {g2}",
            "thread_version a1x: llm_config_id g2 is not in llm_config_version",
            id="a config is gone",
        ),
        pytest.param(
            "delete from system_prompt_version",
            "thread_version a0: system_prompt_id p1 is not in system_prompt_version",
            id="a prompt is gone",
        ),
        pytest.param(
            "delete from tool_version",
            "thread_version d0: tool_ids t1 is not in tool_version",
            id="a tool is gone",
        ),
        pytest.param(
            "delete from thread_version where id = {a2}",
            "exchange e-a2: out_thread_id a2 is not in thread_version",
            id="what an answer made is gone",
        ),
        pytest.param(
            "update exchange set reused_from = {h1} where id = {e-a2}",
            "exchange e-a2: reused_from h1 is not in exchange",
            id="the answer that was taken over is gone",
        ),
        pytest.param(
            "insert into message_version from message_version where id = {u1}",
            "message_version u1: 2 rows have this key",
            id="a row is there twice",
        ),
        pytest.param(
            "update thread_version set keep_n = 5, new_message_ids = [] where id = {a2}",
            "thread_version a2: keeps 5 messages of a parent that has 2",
            id="it keeps more than there was",
        ),
        pytest.param(
            "update thread_version set n_messages = 9 where id = {a2}",
            "thread_version a2: keeps 2 messages and adds 2, but counts 9",
            id="it miscounts",
        ),
        pytest.param(
            "update thread_version set message_ids = [{r1}, {u1}, {u2}, {r2}] where id = {a2}",
            "thread_version a2: lists other messages than its parent has",
            id="its list is another",
        ),
        pytest.param(
            "update thread_head set thread_id = {b0} where thread_id = {a1x}",
            "thread_head b0: is the current version of a conversation that is not its own",
            id="a head is on another conversation",
        ),
        pytest.param(
            "delete from segment where mat_id = {m2}",
            "message_version m2: its rows are here, but no segment of it is recorded",
            id="a segment is not recorded",
        ),
        pytest.param(
            "update segment set n_rows = 3 where mat_id = {m2}",
            "materialization m2: its segments brought 3 rows",
            id="there are more rows than came",
        ),
        pytest.param(
            "update materialization set n_threads = 70 where mat_id = {m1}",
            "materialization m1: it covered 70 conversations",
            id="conversations are missing",
        ),
    ],
)
def test_what_is_wrong_is_named(damage: Damage, statement: str, complaint: str) -> None:
    assert any(line.startswith(complaint) for line in damage(statement))


def test_a_problem_says_what_to_do(place: Place) -> None:
    with duckdb.connect(place.published) as connection:
        connection.execute("delete from tool_version")

    line = str(check_tables(place).problems[0])

    assert line.endswith("; run its partition again, or `minference store rebuild`")


def test_many_problems_of_one_kind_are_counted(place: Place) -> None:
    with duckdb.connect(place.published) as connection:
        connection.execute("delete from message_version where id > $1", [IDS["x1"]])

    missing = [p for p in check_tables(place).problems if "new_message_ids" in p.what or p.id == "…"]

    assert len(missing) == 21
    assert missing[-1].what.endswith("more like the last")


def test_a_parent_may_be_of_another_lineage(damage: Damage) -> None:
    """As that of a branch which began a conversation of its own."""
    assert damage("update thread_version set parent_id = {a2} where id = {b0}") == []


def test_what_waits_is_a_note_and_what_was_rejected_a_problem(place: Place, inbox: Path) -> None:
    put(inbox, "good", 1)
    put(inbox, "library-x", 2).rename(inbox / ".rejected-library-x")
    put(inbox, "first-m1", 3).rename(inbox / ".rejected-first-m1-again-0123abcd")
    (put(inbox, "torn", 4) / "segment.json").write_text("{")

    found = check_inbox(place)

    assert [(problem.id, problem.remedy) for problem in found.problems] == [
        ("torn", "run its partition again, then delete the folder"),
        ("library-x", "there is no other copy: repair it and give it its name back"),
    ]
    assert [note.split()[1:3] for note in found.notes] == [["good", "waits"], ["is", "damaged,"]]


def test_a_published_file_with_other_rows_is_found(place: Place) -> None:
    with duckdb.connect(place.published) as connection:
        connection.execute("update message_version set content = 'other' where role = 'user'")
        connection.execute("create table scratch as select 1 as a")  # a user's own is none of ours

    assert check_published(place, whole_rows=False) == Findings()
    (problem,) = check_published(place, whole_rows=True).problems
    assert (problem.table, problem.what) == (
        "message_version",
        "the published file has other rows than the private one",
    )


def test_while_another_process_folds_the_files_are_not_compared(place: Place) -> None:
    with FileLock(place.lock):
        assert check_published(place, whole_rows=False).notes == (
            "another process is folding: the published file was not compared",
        )


def test_a_private_file_that_is_gone_is_a_problem(place: Place) -> None:
    place.private.unlink()

    (problem,) = check_published(place, whole_rows=False).problems
    assert problem.what == "the private file is missing"


def test_a_fold_that_was_ended_before_it_published_is_a_note(place: Place, inbox: Path, data: Path) -> None:
    before = place.published.read_bytes(), place.mark.read_text()
    put(inbox, "one", 1)
    Store(data, ()).fold()
    place.published.write_bytes(before[0])
    place.mark.write_text(before[1])

    assert check_published(place, whole_rows=False) == Findings(
        notes=("the last fold was ended before it published: the next one does",)
    )


def test_an_older_file_is_said_to_be_older(data: Path) -> None:
    make_store(data, {})

    with pytest.raises(StoreError, match="earlier schema, without other_version, redaction"):
        check_tables(Place(data))


def test_without_a_store_there_is_nothing_to_check(data: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        check_tables(Place(data))
