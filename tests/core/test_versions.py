"""Exchanges to entity versions, and back out of the store by SQL."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from minference_core.errors import NotMadeYet
from minference_core.export import write_transcripts
from minference_core.store.read import connect
from tests.conftest import Pipeline, specs, write_specs

Make = Callable[..., Pipeline]
Start = Callable[..., str]

TWO_TURNS = [
    {"thread_key": f"t{n}", "user_turns": ["One", "Two"], "meta_n": n, "samples": 2} for n in range(5)
]


def query(made: Pipeline, sql: str, *parameters: object) -> list[Any]:
    with connect(made.store.published) as con:
        return con.execute(sql, list(parameters)).fetchall()


@pytest.fixture
def answered(pipeline: Make, simulator: Start) -> Pipeline:
    """Five specs of two turns, two samples each, all the way into the store."""
    made = pipeline(TWO_TURNS, url=simulator())
    assert made.run().complete == 10
    made.versions()
    made.store.fold()
    return made


def test_every_version_of_every_thread_is_there_once(answered: Pipeline) -> None:
    counts = dict(query(answered, "select kind, count(*) from entity_version group by 1"))

    # A thread: as given, then sent and replied for each of two turns. A user's turn is shared by samples.
    assert counts == {"ChatThread": 10 * 5, "ChatMessage": 5 * 2 + 10 * 2, "LLMConfig": 1}
    assert query(answered, "select count(*), count(distinct id) from exchange") == [(20, 20)]


def test_making_a_partition_again_adds_nothing(answered: Pipeline) -> None:
    answered.run()
    report = answered.versions()
    fold = answered.store.fold()

    assert report.thread_versions == 50
    assert (fold.segments, fold.already, dict(fold.added), fold.published) == (0, 1, {}, False)


def test_a_partition_of_nothing_but_bad_rows_has_no_versions_and_is_no_failure(
    pipeline: Make, simulator: Start
) -> None:
    made = pipeline([{"thread_key": "t0", "prompt": "Hi", "max_tokens": 0}], url=simulator())
    made.run()

    report = made.versions()
    made.store.fold()

    assert (report.threads, report.exchanges) == (0, 0)
    assert query(made, "select partition_key, n_threads from materialization") == [(made.day, 0)]


def test_an_unanswered_thread_has_the_version_it_was_given_as(pipeline: Make, simulator: Start) -> None:
    made = pipeline(
        [*specs(2), {"thread_key": "gone", "prompt": "x", "model": "no-such-model"}], url=simulator()
    )
    made.run()
    made.versions()
    made.store.fold()

    ((versions, head),) = query(
        made,
        "select count(*), max(version_no) from thread_version where thread_key = 'gone'",
    )
    assert (versions, head) == (2, 2)  # as given, and as sent
    assert query(made, "select thread_key, error_class, status_code from failures") == [
        ("gone", "not_found", 404)
    ]


def test_a_transcript_reads_like_the_conversation(answered: Pipeline) -> None:
    ((thread, lineage),) = query(
        answered, "select id, lineage_id from thread_current where thread_key = 't3' and sample = 1"
    )

    said = query(answered, "select role, content from transcript(?) order by pos", thread)
    kinds = query(answered, "select version_no from lineage(?) order by version_no", lineage)

    assert [role for role, _ in said] == ["user", "assistant", "user", "assistant"]
    assert (said[0][1], said[2][1]) == ("One", "Two")
    assert kinds == [(n,) for n in range(1, 6)]


def test_a_reply_says_which_request_attempt_run_and_partition_it_came_from(answered: Pipeline) -> None:
    ((message, key, thread),) = query(
        answered, "select out_message_id, request_key, out_thread_id from exchange where turn = 2 limit 1"
    )

    sql = "select request_key, attempt, run_id, dataset, partition_key, status_code from provenance(?)"
    for version in (message, thread):
        assert query(answered, sql, version) == [(key, 1, "run-1", "chat", "2026-11-16", 200)]


def test_tokens_and_dollars_add_up_to_the_exchanges(answered: Pipeline) -> None:
    ((tokens, dollars),) = query(answered, "select sum(prompt_tokens), sum(cost_usd) from usage_daily")

    rows = answered.exchange_rows()
    assert tokens == sum(row["prompt_tokens"] for row in rows)
    assert dollars == sum(row["cost_usd"] for row in rows) > 0


def test_an_edited_row_is_another_root_of_the_same_lineage_and_loses_no_paid_answer(
    answered: Pipeline,
) -> None:
    rows = [
        {**row, "user_turns": ["One", "Other"]} if row["thread_key"] == "t0" else row for row in TWO_TURNS
    ]
    write_specs(answered.specs, rows[:4])
    answered.run()
    answered.versions()
    answered.store.fold()

    assert query(answered, "select count(*) from exchange") == [(22,)]
    assert query(answered, "select count(distinct lineage_id) from thread_version") == [(10,)]
    ((current,),) = query(answered, "select id from thread_current where thread_key = 't0' and sample = 0")
    assert query(answered, "select content from transcript(?) where pos = 3", current) == [("Other",)]


def test_two_partitions_made_at_once_meet_in_one_store(pipeline: Make, simulator: Start) -> None:
    one, two = (pipeline(specs(3), url=simulator(), dataset=name) for name in ("one", "two"))
    for made in (one, two):
        made.run()
        made.versions()
    one.store.fold()

    assert query(two, "select dataset, count(*) from transcripts group by 1 order by 1") == [
        ("one", 3),
        ("two", 3),
    ]


def test_the_published_file_can_be_written_to_by_somebody_while_we_publish(answered: Pipeline) -> None:
    mine = duckdb.connect(str(answered.store.published))
    mine.execute("create table my_notes as select 1 as n")
    write_specs(
        answered.specs, [*TWO_TURNS, {"thread_key": "new", "user_turns": ["x"], "meta_n": 9, "samples": 1}]
    )
    answered.run()
    answered.versions()

    assert answered.store.fold().published
    assert mine.execute("select count(*) from my_notes").fetchall() == [(1,)]
    mine.close()
    assert query(answered, "select count(*) from thread_current") == [(11,)]


def test_transcripts_are_exported_with_what_became_of_each(
    pipeline: Make, simulator: Start, tmp_path: Path
) -> None:
    made = pipeline(
        [*specs(2, meta_x="y"), {"thread_key": "gone", "prompt": "x", "model": "no-such-model"}],
        url=simulator(),
    )
    made.run()

    report = write_transcripts(made.source, exchanges=made.exchanges, target_folder=tmp_path / "out")

    assert (report.threads, report.complete) == (3, 2)
    exported = pl.read_parquet(report.files[0]).sort("thread_key")
    columns = exported.select("thread_key", "complete", "error_class", pl.col("messages").list.len(), "meta")
    assert columns.rows() == [
        ("gone", False, "not_found", 1, None),
        ("t0000", True, None, 2, '{"meta_x":"y"}'),
        ("t0001", True, None, 2, '{"meta_x":"y"}'),
    ]


def test_a_new_generation_is_a_branch_and_the_store_can_be_made_again_with_both(
    answered: Pipeline, tmp_path: Path
) -> None:
    answered.generation = 1
    assert answered.run().sent == 20
    answered.versions()
    answered.store.fold()

    tree = """
        select count(*), count(distinct parent_id), count(distinct generation)
        from thread_version where lineage_id = (select lineage_id from thread_version limit 1)"""
    assert query(answered, tree) == [(8, 6, 2)]  # given, sent; then replied, sent, replied in each generation
    assert query(answered, "select distinct generation from thread_current") == [(1,)]

    versions = "select id from entity_version order by 1"
    before = query(answered, versions)
    for left in ("minference.duckdb", ".store"):
        (answered.data / left).rename(tmp_path / left)
    answered.versions()
    answered.store.fold()
    assert query(answered, versions) == before


def test_a_step_without_the_one_before_it_says_which(pipeline: Make, tmp_path: Path) -> None:
    made = pipeline(specs(1))

    with pytest.raises(NotMadeYet, match="materialize requests first"):
        asyncio.run(made.answer())
    with pytest.raises(NotMadeYet, match="materialize responses first"):
        made.versions()
    with pytest.raises(NotMadeYet, match="materialize responses first"):
        write_transcripts(made.source, exchanges=made.exchanges, target_folder=tmp_path)


def test_the_simulators_dollars_are_told_apart_wherever_it_is_asked(answered: Pipeline) -> None:
    assert query(answered, "select distinct simulated from usage_daily") == [(True,)]


def test_what_is_current_follows_the_last_materialization_there_and_back(answered: Pipeline) -> None:
    """Back to earlier specs, with nothing new to ask, what was current then is current again."""
    short = [{**row, "user_turns": ["One"]} for row in TWO_TURNS]
    seen = []
    for rows in (short, TWO_TURNS, short):
        write_specs(answered.specs, rows)
        answered.run()
        answered.versions()
        answered.store.fold()
        seen.append(query(answered, "select distinct n_messages from thread_current"))

    assert seen == [[(2,)], [(4,)], [(2,)]]


def test_failures_are_those_of_what_is_current(pipeline: Make, simulator: Start) -> None:
    broken = pipeline(specs(4), url=simulator(faults={"404": 1.0}))
    broken.run()
    broken.versions()
    broken.store.fold()
    assert query(broken, "select count(*) from failures") == [(4,)]

    broken.url, broken.generation = simulator(), 1
    broken.run()
    broken.versions()
    broken.store.fold()
    assert query(broken, "select count(*) from failures") == [(0,)]
    assert query(broken, "select distinct generation from thread_current") == [(1,)]
