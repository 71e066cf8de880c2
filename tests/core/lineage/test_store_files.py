"""The entity store and its files: older, damaged, killed, shared."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import pytest
from filelock import FileLock

from minference_core.entities import Entity, EntityRegistry
from minference_core.errors import StoreError
from minference_core.lineage import EntityStore
from minference_core.lineage.rows import entity_row
from minference_core.store import table
from minference_core.threads import ChatMessage, ChatThread, LLMConfig, SystemPrompt
from tests.core.lineage.kinds import Leaf, RareLeaf, Twig
from tests.core.lineage.saved import ROOT, assert_same, attached, cold, converse, in_a_new_process, query
from tests.core.store.schema_1 import make_store


def test_a_store_of_schema_1_is_read_as_it_is_and_becomes_a_present_one(data: Path) -> None:
    config = cold(LLMConfig(client="openai", model="gpt-4.1-mini", top_p=0.5))
    prompt = cold(SystemPrompt(content="old"))
    mat_id = uuid4()
    old = [entity_row(one, mat_id, beside=False) for one in (config, prompt)]
    make_store(data, {name: table(name, [row]) for name, row in old})
    published = (data / "minference.duckdb").stat().st_ino
    store = EntityStore(data)

    assert_same(store.load(config.id), config)
    assert store.load(uuid4()) is None
    assert store.ids_of(SystemPrompt) == [prompt.id]
    assert (data / "minference.duckdb").stat().st_ino == published

    twig = cold(Twig(name="new"))
    store.save([twig])

    assert_same(EntityStore(data).load(twig.id), twig)
    assert_same(EntityStore(data).load(prompt.id), prompt)
    assert query(data, "select count(*) from entity_version") == [(3,)]
    assert query(data, "select count(*) from transcripts") == [(0,)]


def test_an_empty_folder_has_nothing_and_is_not_made(data: Path) -> None:
    store = EntityStore(data)

    assert store.load(uuid4()) is None
    assert store.lineage(uuid4()) == []
    assert store.ids_of(Entity) == []
    assert not data.exists()


def test_saving_again_changes_nothing(data: Path) -> None:
    versions = [cold(Twig()), cold(SystemPrompt(content="x"))]
    for _ in range(2):
        store = EntityStore(data)
        for _ in range(2):
            store.save(versions)
            store.fold()

    assert query(data, "select count(*) from entity_version") == [(2,)]
    assert query(data, "select count(*) from materialization") == [(2,)]  # sessions
    assert query(data, "select count(*) from segment") == [(2,)]


def test_what_no_file_can_hold_is_named_and_everything_else_is_saved(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = cold(SystemPrompt(content="good")), cold(SystemPrompt(content="half: \ud800"))
    mine = cold(Twig(texts={"x": "\udc00"}))

    EntityStore(data).save([bad, mine, good])

    assert f"all was saved but SystemPrompt {bad.id}, StoredTwig {mine.id} " in caplog.text
    assert_same(EntityStore(data).load(good.id), good)


@pytest.mark.parametrize(
    ("table_name", "change", "complaint"),
    [
        ("message_version", "content = 'other'", "ChatMessage .* does not make that version: it is damaged"),
        ("message_version", "role = 'nobody'", "ChatMessage .* does not make that version: it is damaged"),
        ("message_version", "id = uuid()", "is made of .* which is not in the store"),
        ("thread_version", "keep_n = 1 where keep_n > 1", "ChatThread .* does not make that version"),
        ("thread_version", "name = 'x'", "ChatThread .* does not make that version"),
    ],
)
def test_a_damaged_row_is_reported(
    registry: EntityRegistry, data: Path, table_name: str, change: str, complaint: str
) -> None:
    last = converse(40)[-1]
    registry.detach()
    EntityStore(data).fold()
    with duckdb.connect(str(data / "minference.duckdb")) as connection:
        connection.execute(f"update {table_name} set {change}")  # noqa: S608 (a test's own)

    with pytest.raises(StoreError, match=complaint):
        EntityStore(data).load(last.id)


def test_a_damaged_row_stands_in_the_way_of_no_other(data: Path) -> None:
    leaves = [cold(Leaf(text=text)) for text in "abc"]
    store = EntityStore(data)
    store.save(leaves)
    store.fold()
    with duckdb.connect(str(data / "minference.duckdb")) as connection:
        connection.execute("update other_version set record = '{}' where id = ?", [leaves[1].id])
    other = EntityStore(data)
    assert other.ids_of(Leaf) == [leaf.id for leaf in leaves]

    assert_same(other.load(leaves[0].id), leaves[0])
    with pytest.raises(StoreError, match=str(leaves[1].id)):
        other.load(leaves[1].id)
    assert_same(other.load(leaves[2].id), leaves[2])


def test_a_file_that_is_damaged_is_a_clear_error(data: Path) -> None:
    store = EntityStore(data)
    store.save([cold(Twig())])
    store.fold()
    (data / "minference.duckdb").write_bytes(b"no database" * 4096)

    with pytest.raises(StoreError, match="cannot be read"):
        EntityStore(data).load(uuid4())


def test_who_only_saves_folds_now_and_then(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minference_core.lineage.entity_store._FOLD_AT", 8)
    store = EntityStore(data)
    for number in range(8):
        assert len(list((data / "inbox").glob("*"))) == number
        store.save([cold(Leaf(text=str(number)))])

    assert list((data / "inbox").iterdir()) == []
    assert query(data, "select count(*) from other_version") == [(8,)]


def test_ids_of_a_class_are_those_of_its_subclasses_too_oldest_first(
    registry: EntityRegistry, data: Path
) -> None:
    leaves = [Leaf(text="a"), RareLeaf(text="b"), Leaf(text="c")]
    leaves[0].fork(text="d")
    Twig()
    registry.flush()
    store = EntityStore(data)

    first = cold(leaves[0]).parent_id
    assert store.ids_of(Leaf) == [first, leaves[1].id, leaves[2].id, leaves[0].id]
    assert store.ids_of(RareLeaf) == [leaves[1].id]


def test_five_thousand_versions_are_saved_and_read_in_seconds(data: Path) -> None:
    made = [cold(ChatMessage(role="user", content=f"message {n} " * 20)) for n in range(5_000)]
    store = EntityStore(data)

    began = time.perf_counter()
    store.save(made)
    saved = time.perf_counter()
    other = EntityStore(data)
    found = [other.load(version_id) for version_id in other.ids_of(ChatMessage)]
    read = time.perf_counter()

    assert found == made
    assert saved - began < 3
    assert read - saved < 10


# ── several at once ───────────────────────────────────────────────────────────


def test_what_was_saved_survives_a_kill(data: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from minference_core.entities import EntityRegistry
from minference_core.lineage import EntityStore
from tests.core.lineage.saved import converse
EntityRegistry.attach(EntityStore(Path(sys.argv[1])))
for _ in range(3):
    print(converse(3)[-1].id, flush=True)
    EntityRegistry.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    said = in_a_new_process(script, data, killed_by=signal.SIGKILL)
    assert not (data / "minference.duckdb").exists()

    store = EntityStore(data)

    for version_id in said.split():
        thread = store.load(UUID(version_id))
        assert isinstance(thread, ChatThread)
        assert [message.content for message in thread.history[-2:]] == ["question 2", "answer 2"]


def test_two_registries_share_a_folder(data: Path) -> None:
    with attached(data) as one:
        last = converse(2)[-1]
        one.flush()
        with attached(data) as other:
            mine = ChatThread.get(last.id)
            assert mine is not None
            mine.name = "other's"
            mine.fork()
            other.flush()
        assert one.get_lineage_ids(last.lineage_id)[-1] == mine.id
        assert_same(one.get_cold_snapshot(mine.id), cold(mine))


def test_processes_and_threads_share_a_folder(data: Path) -> None:
    script = """
import sys
from pathlib import Path
from uuid import UUID
from minference_core.entities import EntityRegistry
from minference_core.lineage import EntityStore
from minference_core.threads import ChatThread
from tests.core.lineage.saved import converse
EntityRegistry.attach(EntityStore(Path(sys.argv[1])))
for _ in range(4):
    last = converse(2)[-1].id
    EntityRegistry.flush()
    EntityRegistry.clear()
    assert len(ChatThread.get(last).history) == 4
    print(last, flush=True)
"""
    command = [sys.executable, "-c", script, str(data)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(2)
    ]
    store = EntityStore(data)
    with attached(data) as registry, ThreadPoolExecutor(4) as pool:
        while any(process.poll() is None for process in running):
            mine = converse(2)
            registry.flush()
            assert all(pool.map(store.load, [version.id for version in mine]))
        ended = [process.communicate() for process in running]
        assert [errors for _, errors in ended] == ["", ""]
        theirs = [UUID(line) for said, _ in ended for line in said.split()]
        assert len(theirs) == 8
        assert all(registry.get_many(theirs, ChatThread))
        assert len(registry.get_many(theirs)) == 8


def test_what_another_process_is_just_folding_is_waited_for(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EntityStore(data)
    first, second = cold(Twig(name="published")), cold(Twig(name="waiting"))
    store.save([first])
    store.fold()
    store.save([second])
    other = EntityStore(data)

    with FileLock(data / ".store" / "fold.lock"):
        assert_same(other.load(first.id), first)
        monkeypatch.setattr("minference_core.lineage.entity_store._WAIT_FOR_FOLD_S", 0.05)
        with pytest.raises(StoreError, match="another process has been writing"):
            other.load(second.id)
        with pytest.raises(StoreError, match="try again"):
            other.lineage(second.lineage_id)

    assert_same(other.load(second.id), second)
