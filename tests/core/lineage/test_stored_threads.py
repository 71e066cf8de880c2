"""Threads that programs hold through the library, and those of datasets' runs, in one store."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minference_core.entities import EntityRegistry
from minference_core.lineage import EntityStore
from minference_core.lineage.reading import Reader
from minference_core.threads import ChatThread, Usage
from tests.conftest import Pipeline
from tests.core.lineage.saved import assert_same, attached, converse, query

Make = Callable[..., Pipeline]
Start = Callable[..., str]


def test_a_turn_is_five_rows_however_long_the_thread_and_however_often_it_is_saved(
    registry: EntityRegistry, data: Path
) -> None:
    converse(40, flush=registry.flush)
    registry.detach()
    EntityStore(data).fold()

    tables = [name for (name,) in query(data, "select table_name from duckdb_tables()")]
    counts = {name: query(data, f"select count(*) from {name}")[0][0] for name in tables}  # noqa: S608
    session = {"store_info": 3, "materialization": 1, "llm_config_version": 1, "system_prompt_version": 1}
    # The segments are the store's own log of what it took in: one for each time that something was saved.
    del counts["segment"]
    assert {name: count for name, count in counts.items() if count} == {
        **session,
        "thread_version": 1 + 3 * 40,
        "message_version": 2 * 40,  # what a reply cost is in its own row
    }
    written = "select sum(len(new_message_ids)), max(len(message_ids)) from thread_version"
    assert query(data, written) == [(80, 64)]


def test_a_usage_is_found_by_its_own_id_its_lineage_and_its_kind(
    registry: EntityRegistry, data: Path
) -> None:
    replies = [message for message in converse(3)[-1].history if message.usage]
    usages = [message.usage for message in replies if message.usage]
    registry.detach()

    with EntityRegistry().active() as other:
        other.attach(EntityStore(data))
        assert [other.get_cold_snapshot(usage.id) for usage in usages] == usages
        assert other.get_lineage_ids(usages[1].lineage_id) == [usages[1].id]
        assert {usage.id for usage in other.list_by_type(Usage)} == {usage.id for usage in usages}
        assert other.get_cold_snapshot(replies[0].id).usage == usages[0]  # type: ignore[union-attr]
        other.detach()


def test_a_long_thread_is_a_few_queries(
    registry: EntityRegistry, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = converse(200)
    registry.flush()
    store = EntityStore(data)
    store.fold()
    asked: list[str] = []
    select = Reader._select

    def counted(self: Reader, statement: str, *more: Any) -> Any:
        asked.append(statement)
        return select(self, statement, *more)

    monkeypatch.setattr(Reader, "_select", counted)

    found = store.load(versions[-1].id)

    assert_same(found, versions[-1])
    assert len(asked) <= 6

    del asked[:]
    kept = [store.load(version_id) for version_id in store.ids_of(ChatThread)]

    assert len(kept) == 601
    assert len(asked) <= 30


def test_sql_answers_for_what_the_library_saved(registry: EntityRegistry, data: Path) -> None:
    versions = converse(2)
    older = ChatThread.get(versions[3].id)
    assert older is not None
    older.new_message = "another way"
    older.fork()
    registry.flush()
    EntityStore(data).fold()
    current, lineage = older.id, older.lineage_id

    transcripts = "select thread_id, dataset, thread_key, model, n_messages, system_prompt from transcripts"
    assert query(data, transcripts) == [(current, None, None, "gpt-4.1-mini", 2, "Be.")]
    said = query(data, "select role, content, n_tokens from transcript(?)", versions[-1].id)
    assert said == [
        ("system", "Be.", None),
        ("user", "question 0", None),
        ("assistant", "answer 0", 1),
        ("user", "question 1", None),
        ("assistant", "answer 1", 1),
    ]
    tree = query(data, "select depth, id from lineage_tree(?)", lineage)
    assert [version_id for _, version_id in tree] == [*(one.id for one in versions), current]
    assert [depth for depth, _ in tree] == [0, 1, 2, 3, 4, 5, 6, 4]
    assert query(data, "select old_ids(?)", current) == [([one.id for one in versions[:4]],)]
    usage = versions[-1].history[-1].usage
    assert usage is not None
    kind = "select kind, dataset, recorded_by_run_id from provenance(?)"
    assert query(data, kind, usage.id) == [("Usage", None, f"process {os.getpid()}")]
    assert query(data, "select dataset, asset_key from materialization") == [(None, "library")]
    drawn = query(data, "select mermaid(?)", usage.lineage_id)
    assert '["Usage v1' in drawn[0][0]


def answered(pipeline: Make, simulator: Start) -> Pipeline:
    schema = {"title": "Answer", "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    rows = [
        {"thread_key": "turns", "user_turns": ["One", "Two"], "samples": 2, "system_prompt": "Be."},
        {
            "thread_key": "history",
            "messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}],
            "prompt": "3",
        },
        {
            "thread_key": "schema",
            "prompt": "x",
            "response_format": "structured_output",
            "output_schema": json.dumps(schema),
            "temperature": 0.5,
        },
        {"thread_key": "gone", "prompt": "x", "model": "no-such-model"},
    ]
    made = pipeline(rows, url=simulator())
    made.run()
    made.versions()
    made.store.fold()
    return made


def test_every_version_that_a_run_stored_can_be_loaded(pipeline: Make, simulator: Start) -> None:
    made = answered(pipeline, simulator)
    stored = query(made.data, "select id, kind, lineage_id, parent_id, version_no from entity_version")
    store = EntityStore(made.data)

    loaded = {version_id: store.load(version_id) for version_id, *_ in stored}

    found = [(v.id, v.entity_kind, v.lineage_id, v.parent_id, v.version_no) for v in loaded.values() if v]
    assert sorted(found, key=str) == sorted(stored, key=str)
    assert {kind for _, kind, *_ in stored} == {
        "ChatThread", "ChatMessage", "LLMConfig", "SystemPrompt", "StructuredTool"
    }  # fmt: skip
    for thread_id, messages in query(made.data, "select thread_id, messages from transcripts"):
        thread = loaded[thread_id]
        assert isinstance(thread, ChatThread)
        assert [{"role": m.role, "content": m.content} for m in thread.history] == messages


def test_what_a_dataset_holds_stays_as_its_run_left_it(pipeline: Make, simulator: Start) -> None:
    """A program may go on from a dataset's conversation; the dataset's transcripts do not change by that."""
    made = answered(pipeline, simulator)
    before = query(made.data, "select thread_id, n_messages from transcripts order by all")

    with attached(made.data) as registry:
        thread = ChatThread.get(before[0][0])
        assert thread is not None
        thread.new_message = "and then?"
        thread.fork()
        registry.flush()
        EntityStore(made.data).fold()

        assert query(made.data, "select thread_id, n_messages from transcripts order by all") == before
        latest = "select id from thread_latest where lineage_id = ?"
        assert query(made.data, latest, thread.lineage_id) == [(thread.id,)]
        assert registry.get_lineage_ids(thread.lineage_id)[-2:] == [before[0][0], thread.id]
