"""Asking again what failed: by class, with another model, and what stays of the answers from before."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from minference_core.engine import retry
from minference_core.errors import ErrorClass, JournalError
from minference_core.export import write_transcripts
from minference_core.specs import Amendments, SpecDefaults
from minference_core.store.read import connect
from tests.conftest import Pipeline, Row, specs, write_specs
from tests.core.hostile import http, server
from tests.core.scripted import Asked, model

Make = Callable[..., Pipeline]
Start = Callable[..., str]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that fail are given up at once."""
    policy = {**retry.POLICY, ErrorClass.SERVER: retry.Policy(1, 0.01, 0.01)}
    monkeypatch.setattr(retry, "POLICY", policy)


def ended(made: Pipeline) -> dict[str, str | None]:
    """How each conversation stands, by its transcript."""
    report = write_transcripts(made.source, exchanges=made.exchanges, target_folder=made.data / "out")
    lines = [orjson.loads(line) for line in report.files[1].read_bytes().splitlines()]
    return {line["thread_key"]: line["error_class"] for line in lines}


def query(made: Pipeline, sql: str) -> list[Any]:
    made.versions()
    made.store.fold()
    with connect(made.store.published) as con:
        return con.execute(sql).fetchall()


def by_model(made: Pipeline) -> list[tuple[str, str | None]]:
    return sorted((row["model"], row["error_class"]) for row in made.exchange_rows())


def mixed(count: int = 2) -> list[Row]:
    """Rows that are answered, are cut off, and have a model that nobody knows."""
    return [
        *specs(count),
        *({**row, "thread_key": f"cut-{row['thread_key']}", "max_tokens": 1} for row in specs(count)),
        {"thread_key": "gone", "prompt": "x", "model": "no-such-model", "max_tokens": 10},
    ]


def test_only_the_chosen_class_is_asked_again_and_the_rest_stays_as_it_is(
    pipeline: Make, simulator: Start
) -> None:
    rows = [{"max_tokens": 400, "model": "gpt-4.1-mini", **row} for row in mixed()]
    made = pipeline(rows, url=simulator())
    made.run()

    chosen, report = made.retry("truncated", max_tokens=500)

    assert (chosen.ends, chosen.chosen) == ({"truncated": 2, "not_found": 1}, 2)
    assert (report.sent, report.complete, report.failures) == (2, 4, {"not_found": 1})
    assert set(ended(made).values()) == {None, "not_found"}


def test_a_failure_that_may_be_mended_is_asked_again_by_a_retry_of_its_class_alone(
    pipeline: Make, simulator: Start, quick: None
) -> None:
    made = pipeline(specs(3), url=simulator(faults={"500": 1.0}))
    assert made.run().failures == {"server": 3}
    made.url = simulator()

    chosen, other = made.retry("timeout", "rate_limit")
    assert (chosen.chosen, other.sent, other.failures) == (0, 0, {"server": 3})
    chosen, report = made.retry("server")

    assert (chosen.chosen, report.sent, report.complete) == (3, 3, 3)
    assert Amendments.read(made.journal).by_name == {}
    assert {row["generation"] for row in made.exchange_rows()} == {0}


def test_a_settled_failure_is_sent_again_though_nothing_else_would(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(3), url=simulator(faults={"garbage": 1.0}))
    made.run()
    made.url = simulator()
    assert made.run().sent == 0

    _, report = made.retry("undecodable")

    assert (report.sent, report.complete, report.failures) == (3, 3, {})
    assert [(row["error_class"], row["generation"]) for row in made.exchange_rows()] == [
        *[("undecodable", 0)] * 3,
        *[(None, 1)] * 3,
    ]
    assert (made.plan().answered, made.run().sent) == (3, 0)


def test_another_model_answers_on_another_branch_and_the_attempts_from_before_stay(
    pipeline: Make, simulator: Start, quick: None
) -> None:
    made = pipeline(specs(1), url=simulator(faults={"500": 1.0}))
    made.run()
    made.url = simulator()

    made.retry("server", client="anthropic", model="claude-haiku-5-5")

    assert by_model(made) == [("claude-haiku-5-5", None), ("gpt-4.1-mini", "server")]
    heads = """
        select config.model, n_messages, error_class
        from thread_current join llm_config_version as config on config.id = llm_config_id"""
    assert query(made, heads) == [("claude-haiku-5-5", 2, None)]
    versions = "select count(distinct lineage_id), count(*) from thread_version"
    assert query(made, versions) == [(1, 5)]  # given and sent; then given, sent and answered
    assert query(made, "select count(*) from failures") == [(0,)]


def test_turns_that_were_answered_are_not_paid_for_again(pipeline: Make) -> None:
    said: list[str] = []

    def answer(asked: Asked) -> str:
        said.append(asked.said)
        return "fine"

    answers = model(answer)

    def picky(raw: bytes) -> bytes:
        two = json.loads(raw)["messages"][-1]["content"] == "Two"
        return http('{"what": "?"}') if two and "One" in said and said.count("Two!") == 0 else answers(raw)

    rows = [{"thread_key": "t", "user_turns": ["One", "Two", "Three"]}]
    with server(picky) as (url, _):
        made = pipeline(rows, url=url)
        assert made.run().failures == {"undecodable": 1}
        said.append("Two!")

        _, report = made.retry("undecodable")

    assert (report.complete, report.sent) == (1, 2)
    assert said == ["One", "Two!", "Two", "Three"]
    tree = "select generation, n_messages from thread_version order by version_no, generation"
    assert query(made, tree) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 6)]


def test_what_was_found_in_an_answer_that_counts_no_more_is_still_said_of_it(
    pipeline: Make, simulator: Start
) -> None:
    made = pipeline(specs(2, max_tokens=1), url=simulator())
    made.run()
    made.retry("truncated", max_tokens=400)
    again = made.exchanges.read_bytes()
    made.exchanges.unlink()

    made.run()

    assert made.exchanges.read_bytes() == again
    assert [row["error_class"] for row in made.exchange_rows()] == ["truncated", "truncated", None, None]


def test_a_retry_can_be_repeated_and_each_try_is_a_branch_of_its_own(
    pipeline: Make, simulator: Start
) -> None:
    made = pipeline(specs(1), url=simulator(faults={"refusal": 1.0}))
    made.run()
    made.retry("refusal")
    made.url = simulator()

    _, report = made.retry("refusal")

    assert report.complete == 1
    assert [row["generation"] for row in made.exchange_rows()] == [0, 1, 2]
    replies = "select generation from thread_version where version_no = 3 order by 1"
    assert query(made, replies) == [(0,), (1,), (2,)]
    assert query(made, "select error_class from thread_current") == [(None,)]


def test_a_fresh_generation_has_no_amendment_and_keeps_their_branches(
    pipeline: Make, simulator: Start
) -> None:
    made = pipeline(specs(1, max_tokens=1), url=simulator())
    made.run()
    made.retry("truncated", model="gpt-4.1", max_tokens=300)
    made.generation = 2

    assert made.run().failures == {"truncated": 1}

    assert by_model(made) == [("gpt-4.1", None), ("gpt-4.1-mini", "truncated"), ("gpt-4.1-mini", "truncated")]
    replies = "select generation from thread_version where n_messages = 2 order by 1"
    assert query(made, replies) == [(0,), (1,), (2,)]


def test_the_store_made_again_has_the_same_branches(pipeline: Make, simulator: Start, tmp_path: Path) -> None:
    made = pipeline(specs(3, max_tokens=1, samples=2), url=simulator())
    made.run()
    made.retry("truncated")
    made.retry("truncated", model="gpt-4.1", max_tokens=300)
    versions = "select id, generation from thread_version order by 1"
    before = query(made, versions)

    for left in ("minference.duckdb", ".store"):
        (made.data / left).rename(tmp_path / left)

    assert query(made, versions) == before


def test_a_decision_that_no_request_followed_is_not_made_twice(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(2, max_tokens=1), url=simulator())
    made.run()
    made.amend("truncated", max_tokens=400)  # and then the process died

    chosen, report = made.retry("truncated", max_tokens=400)

    assert (chosen.ends, chosen.chosen) == ({"truncated": 2}, 2)
    assert (report.sent, report.complete) == (2, 2)
    assert {len(some) for some in Amendments.read(made.journal).by_name.values()} == {1}


def test_what_was_never_asked_is_left_to_a_plain_run(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(2, max_tokens=1), url=simulator())
    made.run()
    write_specs(made.specs, [{"thread_key": "late", "prompt": "x"}], "part-1.parquet")

    _, report = made.retry("truncated", max_tokens=400)

    states = {row["thread_key"]: row["state"] for row in made.request_rows()}
    assert states == {"t0000": "new", "t0001": "new", "late": "left"}
    assert (report.threads, report.sent) == (2, 2)
    assert made.run().sent == 1


def test_a_setting_that_the_other_model_does_not_take_is_left_out(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(1, temperature=0.7, max_tokens=1), url=simulator())
    made.run()

    _, report = made.retry("truncated", model="gpt-5.4-mini", max_tokens=2000)

    assert report.complete == 1
    (row,) = made.request_rows()
    assert "temperature" not in json.loads(row["body"])


def test_a_conversation_that_the_other_model_cannot_have_stays_as_it_is(
    pipeline: Make, simulator: Start
) -> None:
    rows = specs(2, max_tokens=1, response_format="json_object")
    made = pipeline(rows, url=simulator())
    made.run()

    chosen, report = made.retry("truncated", client="anthropic", model="claude-haiku-5-5")

    assert (chosen.chosen, report.sent, report.failures) == (0, 0, {"truncated": 2})
    assert list(chosen.refused.values()) == [2]
    assert all("anthropic has no json_object" in why for why in chosen.refused)


def test_an_amendment_that_was_torn_is_none_and_one_that_is_damaged_is_told(
    pipeline: Make, simulator: Start
) -> None:
    made = pipeline(specs(1, max_tokens=1), url=simulator())
    made.run()
    file = made.journal / "amendments.ndjson"
    file.write_bytes(b'{"thread_key": "t00')

    made.retry("truncated", max_tokens=400)
    assert len(Amendments.read(made.journal).by_name) == 1

    file.write_bytes(b"{}\n" + file.read_bytes())
    with pytest.raises(JournalError, match="line 1 is damaged"):
        made.run()


def test_a_decision_that_cannot_be_written_is_none(pipeline: Make, simulator: Start) -> None:
    made = pipeline(specs(1, max_tokens=1), url=simulator())
    made.run()
    (made.journal / "amendments.ndjson").mkdir()

    with pytest.raises(JournalError, match="cannot be written"):
        Amendments.add(made.journal, [])


def test_a_loop_that_did_not_end_begins_its_turn_again(pipeline: Make) -> None:
    tries: list[int] = []

    def looping(asked: Asked) -> Any:
        tries.append(len(asked.results))
        return "done" if len(tries) > 2 else [("add", {"x": 1, "y": 2})]

    tools = SpecDefaults(client="openai", model="gpt-4.1-mini", tools_module="tests.core.shop_tools")
    row = {"thread_key": "t", "prompt": "x", "response_format": "auto_tools", "max_steps": 2}
    with server(model(looping)) as (url, _):
        made = pipeline([{**row, "tools": ["add"]}], url=url, defaults=tools)
        assert made.run().failures == {"max_steps": 1}

        _, report = made.retry("max_steps")

    assert report.complete == 1
    assert tries == [0, 1, 0]


def test_a_plan_of_failures_is_not_taken_for_a_plan_of_everything(pipeline: Make, simulator: Start) -> None:
    made = pipeline([*specs(2), *specs(1, thread_key="cut", max_tokens=1)], url=simulator())

    made.plan(only=frozenset({ErrorClass.TRUNCATED}))
    report = asyncio.run(made.answer())

    assert (report.threads, report.sent, made.exchange_rows()) == (0, 0, [])
    assert made.run().sent == 3
