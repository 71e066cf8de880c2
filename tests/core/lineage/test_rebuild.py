"""The store made again is the store that was."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from minference_core.errors import StoreError
from minference_core.lineage import EntityStore, Made, RebuildReport, rebuild
from minference_core.specs import Generations
from minference_core.store.anew import Anew
from minference_core.store.check import check_inbox, check_published, check_tables
from minference_core.store.place import Place
from tests.conftest import Pipeline, write_specs

from .saved import attached, contents, converse, query

Make = Callable[..., Pipeline]
Start = Callable[..., str]

ROWS = [{"thread_key": f"t{n}", "user_turns": ["One", "Two"], "meta_n": n, "samples": 2} for n in range(4)]


@pytest.fixture
def filled(pipeline: Make, simulator: Start) -> Pipeline:
    """A partition that was run, then with a row edited and one gone, and conversations of a program."""
    made = pipeline(ROWS, url=simulator())
    made.run()
    made.versions()
    made.store.fold()
    edited = {**ROWS[0], "user_turns": ["One", "Other"], "meta_n": 99}
    write_specs(
        made.specs, [edited, *ROWS[1:3], {"thread_key": "bad", "prompt": "x", "model": "no-such-model"}]
    )
    made.run(run_id="run-2")
    made.versions()
    with attached(made.data):
        converse(3)
    EntityStore(made.data).fold()
    return made


def again(made: Pipeline, **more: Any) -> RebuildReport:
    return rebuild(made.data, [Made(made.source, made.exchanges, made.journal)], code_version="1", **more)


def test_every_table_is_as_it_was(filled: Pipeline) -> None:
    before = contents(filled.data)

    report = again(filled)

    assert contents(filled.data) == before
    assert report.partitions == 1
    assert report.made["thread_version"] > 0
    assert report.taken_over["thread_version"] > 0  # the program's, and those of the specs that were
    place = Place(filled.data)
    assert not (check_tables(place) + check_inbox(place) + check_published(place, whole_rows=True)).problems
    assert sorted(path.name for path in place.private.parent.iterdir()) == [
        "fold.lock",
        "published",
        "store.duckdb",
    ]


def test_what_was_lost_of_a_dataset_is_there_again(filled: Pipeline) -> None:
    before = contents(filled.data)
    with duckdb.connect(Place(filled.data).private) as connection:
        connection.execute("delete from message_version where role = 'assistant' and beside is null")
        connection.execute("update message_version set content = 'damaged' where content = 'Other'")

    again(filled)

    after = contents(filled.data)
    texts = query(filled.data, "select count(*) from message_version where content = 'damaged'")
    # All but the replies to what the specs no longer say.
    assert len(before["message_version"]) - len(after["message_version"]) == 6
    assert texts == [(0,)]


def test_without_any_earlier_file_it_is_made_of_specs_and_exchanges(filled: Pipeline) -> None:
    place = Place(filled.data)
    threads = query(filled.data, "select id from thread_current where dataset = 'chat' order by id")
    place.private.unlink()
    place.published.unlink()

    report = again(filled)

    assert set(report.taken_over.values()) == {0}
    assert query(filled.data, "select id from thread_current order by id") == [
        row for row in threads if row in query(filled.data, "select id from thread_version")
    ]
    assert not check_tables(place).problems


def test_a_private_file_that_is_damaged_is_replaced_by_way_of_the_published_one(filled: Pipeline) -> None:
    before = contents(filled.data)
    private = Place(filled.data).private
    private.write_bytes(b"\x00" * 4096 + private.read_bytes()[4096:])

    again(filled)

    assert contents(filled.data) == before


def test_if_neither_file_can_be_read_nothing_is_lost_unasked(filled: Pipeline) -> None:
    place = Place(filled.data)
    for file in (place.private, place.published):
        file.write_bytes(b"\x00" * 8192)

    with pytest.raises(StoreError, match="To do without it, move"):
        again(filled)

    assert place.private.read_bytes() == b"\x00" * 8192


def test_what_would_be_wrong_then_and_is_not_now_keeps_the_store_as_it_is(
    filled: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(filled.data)
    take_over = Anew.take_over

    def forgetful(self: Anew, table: str) -> int:
        return 0 if table == "llm_config_version" else take_over(self, table)

    monkeypatch.setattr(Anew, "take_over", forgetful)

    with pytest.raises(StoreError, match=r"left as it is: made anew, thread_version .* is not in llm_config"):
        again(filled)

    assert contents(filled.data) == before


def test_specs_that_changed_since_the_last_plan_are_left_to_the_next_run(filled: Pipeline) -> None:
    before = contents(filled.data)
    write_specs(filled.specs, [{"thread_key": "t0", "prompt": "quite another"}])

    report = again(filled)

    assert report.left_out == ("chat 2026-11-16: its specs have changed since it was last planned",)
    assert contents(filled.data) == before


def test_a_partition_whose_specs_are_gone_is_taken_over(filled: Pipeline) -> None:
    before = contents(filled.data)
    for file in filled.specs.iterdir():
        file.unlink()

    report = again(filled)

    assert report.partitions == 0
    assert "holds no .parquet file" in report.left_out[0]
    assert contents(filled.data) == before


def test_a_fresh_generation_is_found_again_whoever_is_configured(pipeline: Make, simulator: Start) -> None:
    """Which answers counted is read from the plan, not from the environment of whoever rebuilds."""
    made = pipeline(ROWS[:2], url=simulator())
    for asked in ("simulator", "providers"):
        number = Generations(made.journal).begin(asked)
        made.generation = number
        made.run()
        made.versions()
    made.store.fold()
    before = contents(made.data)

    made.generation = 0
    report = again(made)

    assert contents(made.data) == before
    assert report.left_out == ()


def test_a_rebuild_says_where_it_is(filled: Pipeline) -> None:
    lines: list[str] = []

    again(filled, progress=lines.append)

    assert lines[0] == "1 of 1: chat 2026-11-16"
    assert lines[-1] == "checking"
