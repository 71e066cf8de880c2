import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from minference_core.errors import DiskError, StoreError
from minference_core.store import FoldReport, Store, connect, table, write_segment
from minference_core.store.publish import publish
from minference_core.store.segments import waiting

from .rows import MAT, NEW_YEAR, heads, put, version

VIEW = "create or replace view spoken as select content from message_version"


def numbers(store: Store) -> list[int]:
    rows = connect(store.published).execute("select id from message_version order by id").fetchall()
    return [row[0].int - version(0).int for row in rows]


def test_what_waits_is_taken_in_published_and_removed(store: Store, inbox: Path) -> None:
    put(inbox, "one", 1, 2)
    put(inbox, "two", 3)

    report = store.fold()

    assert report == FoldReport(
        segments=2, already=0, added={"message_version": 3, "thread_head": 3}, published=True, busy=False
    )
    assert numbers(store) == [1, 2, 3]
    assert list(inbox.iterdir()) == []


def test_the_first_fold_publishes_even_an_empty_store(store: Store) -> None:
    assert store.fold() == FoldReport(published=True)
    assert numbers(store) == []


def test_the_same_segment_again_adds_nothing_and_publishes_nothing(store: Store, inbox: Path) -> None:
    put(inbox, "one", 1, 2)
    store.fold()
    before = store.published.stat()

    put(inbox, "one", 1, 2)
    report = store.fold()

    assert report == FoldReport(already=1)
    assert store.published.stat().st_ino == before.st_ino
    assert list(inbox.iterdir()) == []


def test_another_segment_adds_only_rows_that_are_not_there(store: Store, inbox: Path) -> None:
    put(inbox, "one", 2, 4, 6)
    store.fold()

    put(inbox, "two", 1, 2, 3, 4, 9)
    report = store.fold()

    assert report.added == {"message_version": 3, "thread_head": 3}
    assert numbers(store) == [1, 2, 3, 4, 6, 9]


def test_a_segment_is_recorded_with_its_materialization(store: Store, inbox: Path) -> None:
    put(inbox, "one", 1, 2)
    store.fold()

    rows = connect(store.published).execute("select segment_id, mat_id, n_rows from segment").fetchall()

    assert rows == [("one", MAT, 4)]


def test_a_damaged_segment_is_kept_aside_and_its_neighbours_are_taken_in(store: Store, inbox: Path) -> None:
    put(inbox, "one", 1)
    damaged = put(inbox, "two", 2) / "message_version.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    put(inbox, "three", 3)

    with pytest.raises(StoreError, match=r"\.rejected-two .*Materialize their partitions again"):
        store.fold()

    assert numbers(store) == [1, 3]
    assert [path.name for path in inbox.iterdir()] == [".rejected-two"]
    assert store.fold() == FoldReport()


def test_json_that_is_none_rejects_its_whole_segment(store: Store, inbox: Path) -> None:
    config = {
        **dict.fromkeys(("id", "lineage_id", "content_hash", "mat_id"), MAT),
        "version_no": 0,
        "created_at": NEW_YEAR,
        "client": "openai",
        "model": "m",
        "max_tokens": 1,
        "response_format": "text",
        "params": "{not json",
    }
    tables = {"llm_config_version": table("llm_config_version", [config]), "thread_head": heads(1)}
    write_segment(inbox, "one", MAT, tables)

    with pytest.raises(StoreError, match=r"\.rejected-one"):
        store.fold()

    assert connect(store.published).execute("select count(*) from thread_head").fetchall() == [(0,)]


def test_new_definitions_are_installed_and_published_without_any_segment(data: Path, store: Store) -> None:
    store.fold()

    report = Store(data, (VIEW,)).fold()

    assert report.published
    assert connect(store.published).execute("from spoken").fetchall() == []
    assert not Store(data, (VIEW,)).fold().published


def test_a_missing_published_file_is_published_again(store: Store, inbox: Path) -> None:
    put(inbox, "one", 1)
    store.fold()
    store.published.unlink()

    assert store.fold().published
    assert numbers(store) == [1]


def test_a_fold_elsewhere_is_left_to_finish(data: Path, store: Store, inbox: Path) -> None:
    put(inbox, "one", 1)
    (data / ".store").mkdir(parents=True)

    with FileLock(data / ".store" / "fold.lock"):
        assert store.fold() == FoldReport(busy=True)
        assert store.fold(wait_s=0.05).busy

    assert store.fold().segments == 1


def test_a_segment_that_arrives_during_the_fold_is_not_left_behind(
    store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(inbox, "one", 1)
    late = [2]

    def publish_while_another_writes(private: Path, published: Path) -> None:
        publish(private, published)
        while late:
            put(inbox, "late", late.pop())

    monkeypatch.setattr("minference_core.store.fold.publish", publish_while_another_writes)

    assert store.fold().segments == 2
    assert numbers(store) == [1, 2]


def test_a_segment_waits_until_it_is_published(
    store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that finds an empty inbox must find everything in the published file."""
    put(inbox, "one", 1)

    def full(private: Path, published: Path) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("minference_core.store.fold.publish", full)
        with pytest.raises(DiskError, match="no space"):
            store.fold()

    assert [path.name for path in inbox.iterdir()] == ["one"]
    assert store.fold() == FoldReport(already=1, published=True)
    assert numbers(store) == [1]
    assert list(inbox.iterdir()) == []


def test_leftovers_of_a_crash_are_swept(data: Path, store: Store, inbox: Path) -> None:
    for leftover in (inbox / ".tmp-old-1-aa", inbox / ".rejected-old"):
        leftover.mkdir(parents=True)
        os.utime(leftover, (time.time() - 7200,) * 2)
    (data / ".minference.duckdb.1.tmp").write_bytes(b"half a copy")

    store.fold()

    assert sorted(path.name for path in data.iterdir()) == [".store", "inbox", "minference.duckdb"]
    assert [path.name for path in inbox.iterdir()] == [".rejected-old"]
    assert sorted(path.name for path in (data / ".store").iterdir()) == [
        "fold.lock",
        "published",
        "store.duckdb",
    ]


def test_a_private_file_that_is_open_elsewhere_is_a_clear_error(data: Path, store: Store) -> None:
    store.fold()
    with (
        Session(data / ".store" / "store.duckdb"),
        pytest.raises(StoreError, match="close whatever has it open"),
    ):
        store.fold()


def test_a_store_of_another_schema_is_refused(data: Path, store: Store) -> None:
    store.fold()
    with duckdb.connect(data / ".store" / "store.duckdb") as connection:
        connection.execute("update store_info set value = '9' where key = 'schema_version'")

    with pytest.raises(StoreError, match="schema 9"):
        store.fold()


class Session:
    """Somebody's DuckDB session in another process, open for writing, with a table of its own."""

    def __init__(self, path: Path) -> None:
        script = """
import duckdb, sys
session = duckdb.connect(sys.argv[1])
session.execute("create table scratch as select 1 as a")
print("open", flush=True)
for line in sys.stdin:
    print(session.execute(line).fetchall(), flush=True)
"""
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "open\n"

    def ask(self, query: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(query + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def test_a_session_that_writes_in_the_published_file_stops_nobody(
    data: Path, store: Store, inbox: Path
) -> None:
    """Its log must not be read into the file that replaces the one it has open."""
    put(inbox, "one", 1)
    store.fold()

    with Session(store.published) as session:
        assert (data / "minference.duckdb.wal").exists()
        assert numbers(store) == [1]

        put(inbox, "two", 2)
        assert store.fold().published
        assert not (data / "minference.duckdb.wal").exists()
        assert numbers(store) == [1, 2]

        session.ask("insert into scratch values (2)")
        assert session.ask("select count(*) from scratch") == "[(2,)]"
        assert session.ask("select count(*) from message_version") == "[(1,)]"
        assert numbers(store) == [1, 2]

    assert numbers(store) == [1, 2]
    assert sorted(path.name for path in data.iterdir()) == [".store", "inbox", "minference.duckdb"]


def test_a_session_that_begins_to_write_after_the_file_was_replaced_stops_nobody(
    data: Path, store: Store, inbox: Path
) -> None:
    put(inbox, "one", 1)
    store.fold()

    with Session(store.published) as session:
        session.ask("checkpoint")  # its log now counts on from where the next file will be
        put(inbox, "two", 2)
        store.fold()
        session.ask("insert into message_version select * replace (uuid() as id) from message_version")
        assert (data / "minference.duckdb.wal").exists()
        assert numbers(store) == [1, 2]

    assert numbers(store) == [1, 2]


def test_one_process_sees_what_was_published_since(store: Store, inbox: Path) -> None:
    put(inbox, "one", 1)
    store.fold()
    first = connect(store.published)

    put(inbox, "two", 2)
    store.fold()

    assert first.execute("select count(*) from message_version").fetchall() == [(1,)]
    assert numbers(store) == [1, 2]


def test_reading_is_read_only(store: Store) -> None:
    store.fold()

    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        connect(store.published).execute("delete from message_version")


def test_nothing_published_yet_is_a_clear_error(store: Store) -> None:
    with pytest.raises(StoreError, match="materialize a partition first"):
        connect(store.published)


def test_what_is_no_duckdb_file_is_a_clear_error(data: Path) -> None:
    data.mkdir()
    (data / "minference.duckdb").write_bytes(b"not a database, but long enough to be looked at" * 500)

    with pytest.raises(StoreError, match="cannot be read"):
        connect(data / "minference.duckdb")
    assert [path.name for path in data.iterdir()] == ["minference.duckdb"]


def test_waiting_lists_only_whole_segments(inbox: Path) -> None:
    put(inbox, "one", 1)
    (inbox / ".tmp-two").mkdir()
    (inbox / "note.txt").write_text("not ours")

    assert [folder.name for folder in waiting(inbox)] == ["one"]
