"""Bulk fork: branches of conversations that were held, as a partition of their own, and side by side."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from minference_core.errors import ConfigError
from minference_core.lineage import fork_specs
from minference_core.store import connect
from tests.conftest import DAY, Pipeline, Row, specs, write_specs

Pipelines = Callable[..., Pipeline]
CURRENT = "select id from thread_current where partition_key = '2026-11-16' order by thread_key"


@pytest.fixture
def held(pipeline: Pipelines, simulator: Callable[..., str]) -> Pipeline:
    """Four conversations of two turns, in the store."""
    rows: list[Row] = [
        {"thread_key": f"t{n}", "user_turns": [f"Is {n} even?", "And why?"], "system_prompt": "Be brief."}
        for n in range(4)
    ]
    made = pipeline(rows, url=simulator())
    return stored(made)


def stored(made: Pipeline) -> Pipeline:
    report = made.run()
    assert report.complete == report.threads
    made.versions()
    made.store.fold()
    return made


def forked(held: Pipeline, key: str, select: str = CURRENT, **how: Any) -> Pipeline:
    """A fork of it, as partition `key` of the same dataset."""
    fork = replace(held, day=key)
    report = fork_specs(held.store.published, select, fork.specs / "fork.parquet", **how)
    assert not report.refused
    return fork


def ask(made: Pipeline, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connect(made.store.published) as con:
        return con.execute(sql, list(values)).fetchall()


def test_another_model_answers_the_last_question_again_and_the_past_is_shared(held: Pipeline) -> None:
    said = ask(held, "select count(*) from message_version")[0][0]
    fork = stored(forked(held, "2026-11-17", changes={"model": "gpt-4.1"}))

    rows = ask(
        held,
        "select origin.thread_key, fork.n_messages, origin.message_ids[1:3] = fork.message_ids[1:3],"
        " origin.message_ids[4] = fork.message_ids[4]"
        " from thread_current fork"
        " join thread_version first on first.lineage_id = fork.lineage_id and first.version_no = 1"
        " join thread_version origin on origin.id = first.parent_id"
        " where fork.partition_key = '2026-11-17' order by 1",
    )
    assert rows == [(f"t{n}", 4, True, False) for n in range(4)]
    assert ask(held, "select count(*) from message_version")[0][0] == said + 4
    assert {row["model"] for row in fork.exchange_rows()} == {"gpt-4.1"}
    assert {row["turn"] for row in fork.exchange_rows()} == {1}


def test_what_a_fork_was_makes_the_same_versions_again(held: Pipeline) -> None:
    fork = stored(forked(held, "2026-11-17", changes={"model": "gpt-4.1", "samples": 2}))
    before = ask(held, "select id, keep_n, n_messages, message_ids from thread_version order by all")

    assert fork.run().sent == 0
    fork.versions()
    fork.store.fold()

    assert ask(held, "select id, keep_n, n_messages, message_ids from thread_version order by all") == before


@pytest.mark.parametrize(
    ("how", "questions"),
    [
        ({}, ["Is 1 even?", "And why?"]),
        ({"changes": {"prompt": "Prove it."}}, ["Is 1 even?", "Prove it."]),
        ({"changes": {"prompt": "Prove it."}, "then": True}, ["Is 1 even?", "And why?", "Prove it."]),
    ],
)
def test_it_goes_on_where_one_says(held: Pipeline, how: dict[str, Any], questions: list[str]) -> None:
    select = "select id from thread_current where thread_key = 't1'"
    stored(forked(held, "2026-11-17", select, **how))

    rows = ask(
        held,
        "select m.content from thread_current t join thread_message p on p.thread_id = t.id"
        " join message_version m on m.id = p.message_id"
        " where t.partition_key = '2026-11-17' and m.role = 'user' order by p.pos",
    )
    assert [content for (content,) in rows] == questions


def test_the_query_says_columns_of_its_own(held: Pipeline) -> None:
    select = (
        "select id, 'fork-' || thread_key as thread_key, 'Say it to ' || thread_key as prompt,"
        " case when thread_key = 't0' then 'gpt-4.1' end as model, sample as meta_sample from thread_current"
    )
    fork = stored(forked(held, "2026-11-17", select, changes={"system_prompt": "Be long."}))

    rows = {row["thread_key"]: row for row in pl.read_parquet(fork.specs / "fork.parquet").to_dicts()}
    assert rows["fork-t0"]["model"] == "gpt-4.1"
    assert rows["fork-t1"]["model"] == "gpt-4.1-mini"
    assert rows["fork-t2"]["prompt"] == "Say it to t2"
    assert {row["system_prompt"] for row in rows.values()} == {"Be long."}
    assert rows["fork-t3"]["meta_sample"] == 0


def test_branches_stand_side_by_side(held: Pipeline) -> None:
    stored(forked(held, "2026-11-17", changes={"model": "gpt-4.1"}))
    stored(forked(held, "2026-11-18", changes={"samples": 2}))
    stored(forked(held, "2026-11-19", changes={"samples": 3}))

    days = (DAY, "2026-11-17", "2026-11-18", "2026-11-19")
    origin, fork, twice, thrice = (f"chat/{key}" for key in days)
    rows = ask(
        held,
        "select thread_key, a_model, b_model, a_reply is not null and b_reply is not null,"
        " a_cost_usd > 0 and b_cost_usd > 0 from compare($1, $2)",
        origin,
        fork,
    )
    pairs = ask(
        held,
        "select thread_key, count(*), count(a_reply), count(b_reply) from compare($1, $2)"
        " group by 1 order by 1",
        origin,
        twice,
    )
    siblings = ask(
        held,
        "select count(*), count(a_reply), count(b_reply), count(distinct origin) from compare($1, $2)",
        fork,
        twice,
    )
    uneven = ask(
        held,
        "select thread_key, count(*), count(a_reply), count(b_reply) from compare($1, $2)"
        " group by thread_key, origin order by 1",
        twice,
        thrice,
    )

    assert rows == [(f"t{n}", "gpt-4.1-mini", "gpt-4.1", True, True) for n in range(4)]
    assert pairs == [(f"t{n}", 2, 2, 2) for n in range(4)]
    assert siblings == [(8, 8, 8, 4)]
    assert [counts for _, *counts in uneven] == [[3, 2, 3]] * 4


def test_the_datasets_defaults_are_not_for_forks(held: Pipeline) -> None:
    fork = forked(held, "2026-11-17", changes={"model": "o3"})
    fork.defaults = fork.defaults.model_copy(update={"samples": 3, "temperature": 0.5, "system_prompt": "?"})

    plan = fork.plan()

    assert (plan.new, plan.invalid) == (4, 0)
    assert all("Be brief." in row["body"] for row in fork.request_rows())


def test_generations_stand_side_by_side(held: Pipeline) -> None:
    stored(replace(held, generation=1))

    rows = ask(
        held,
        "select thread_key, a_reply = b_reply, same from compare($1, $2)",
        f"chat/{DAY}@0",
        f"chat/{DAY}@1",
    )

    assert len(rows) == 4
    assert all(alike == same for _, alike, same in rows)
    assert not all(same for *_, same in rows)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"temperature": "hot"}, "temperature cannot be 'hot'"),
        ({"samples": 2.5}, r"samples cannot be 2\.5"),
        ({"max_tokens": 10**30}, "max_tokens cannot be"),
        ({"stop": "END"}, "stop cannot be 'END': give a list"),
        ({"system_prompt": ["Be brief."]}, "system_prompt cannot be"),
    ],
)
def test_a_value_that_its_column_does_not_take_is_named(
    held: Pipeline, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        fork_specs(held.store.published, CURRENT, tmp_path / "fork.parquet", changes=changes)


def test_what_is_json_in_a_spec_may_be_given_as_it_is_or_as_text(held: Pipeline, tmp_path: Path) -> None:
    for n, extra in enumerate([{"top_k": 3}, '{"top_k":3}']):
        target = tmp_path / f"{n}.parquet"
        fork_specs(held.store.published, CURRENT, target, changes={"extra_body": extra})

        assert [json.loads(text) for text in pl.read_parquet(target)["extra_body"]] == [{"top_k": 3}] * 4


def test_a_fork_that_was_edited_is_a_bad_row(held: Pipeline) -> None:
    fork = forked(held, "2026-11-17")
    rows = pl.read_parquet(fork.specs / "fork.parquet").to_dicts()
    rows[0]["past"] = rows[0]["past"].replace("Is 0 even?", "Is 0 odd?")
    write_specs(fork.specs, rows, "fork.parquet")

    plan = fork.plan()

    assert (plan.new, plan.invalid) == (3, 1)
    assert "it was edited" in next(iter(plan.reasons))


def test_what_cannot_be_forked_is_counted_with_its_reason(held: Pipeline, tmp_path: Path) -> None:
    select = "select id from entity_version where kind = 'ChatMessage' limit 3"
    report = fork_specs(held.store.published, select, tmp_path / "fork.parquet")
    unsaid = fork_specs(held.store.published, CURRENT, tmp_path / "fork.parquet", then=True)

    assert report.refused == {"it is the id of no version of a thread in the store": 3}
    assert unsaid.refused == {"nothing is said after the last reply: give it a prompt": 4}
    assert not (tmp_path / "fork.parquet").exists()


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("select 1 as one", "no column id"),
        ("select id, 1 as colour from thread_current", "colour is no column of a fork"),
        ("select nothing from nowhere", "cannot be run"),
        ("select 'me' as id", "'me', which is no id"),
        ("set threads = 1", "no column id"),
    ],
)
def test_a_query_that_selects_no_versions_is_refused(
    held: Pipeline, tmp_path: Path, select: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        fork_specs(held.store.published, select, tmp_path / "fork.parquet")


def test_settings_that_another_model_does_not_take_are_left_out(
    pipeline: Pipelines, simulator: Callable[..., str]
) -> None:
    held = stored(pipeline(specs(2, temperature=0.5), url=simulator()))
    fork = forked(held, "2026-11-17", changes={"model": "o3"})

    assert fork.plan().new == 2
    assert pl.read_parquet(fork.specs / "fork.parquet")["temperature"].to_list() == [None, None]
