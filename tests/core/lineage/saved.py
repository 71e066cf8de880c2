"""What the tests of the entity store do over and over."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from minference_core import ids
from minference_core.entities import Entity, EntityRegistry
from minference_core.lineage import EntityStore
from minference_core.store import SCHEMAS, connect
from minference_core.threads import (
    ChatThread,
    Conversation,
    LLMConfig,
    Reply,
    SystemPrompt,
    TokenUsage,
    apply,
    next_request,
)

ROOT = Path(__file__).parents[3]


@contextmanager
def attached(data: Path) -> Iterator[EntityRegistry]:
    """A registry of one's own on a data folder, empty, as a new process would have it; the current one."""
    registry = EntityRegistry()
    registry.attach(EntityStore(data))
    try:
        with registry.active():
            yield registry
    finally:
        registry.detach()


def cold(entity: Entity) -> Any:
    version = entity.cold_snapshot
    assert version is not None
    return version


def said(entity: Entity) -> bytes:
    """All of a version, byte for byte: what it says, where it comes from, and what is beside that."""
    values = ((name, getattr(entity, name)) for name in sorted(entity.beside_the_content))
    beside = [(name, str(value.id) if isinstance(value, Entity) else str(value)) for name, value in values]
    history = (entity.id, entity.lineage_id, entity.parent_id, entity.version_no, str(entity.created_at))
    return ids.canonical_json([entity.entity_kind, entity.entity_record, beside]) + repr(history).encode()


def assert_same(found: Entity | None, saved: Entity) -> None:
    assert found is not None
    assert said(found) == said(saved)
    assert found == saved
    assert found.is_cold


def query(data: Path, sql: str, *asked: object) -> list[Any]:
    with connect(data / "minference.duckdb") as connection:
        return connection.execute(sql, list(asked)).fetchall()


def contents(data: Path) -> dict[str, list[str]]:
    """Every row of every table, as text, but for when a segment was taken in."""
    with connect(data / "minference.duckdb") as connection:
        return {name: _rows(connection, name) for name in SCHEMAS}


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    columns = ", ".join(column for column in SCHEMAS[name].names if column != "folded_at")
    return sorted(map(repr, connection.execute(f"select {columns} from {name}").fetchall()))  # noqa: S608


def in_a_new_process(script: str, *arguments: object, given: str = "", killed_by: int = 0) -> str:
    """What a Python script prints; it must end well, or by the signal it is to be killed by."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == -killed_by, done.stderr
    return done.stdout


def converse(turns: int, *, flush: Callable[[], None] = lambda: None) -> list[ChatThread]:
    """A conversation by the turn rules, registered version by version, as the library holds it."""
    thread = ChatThread(
        llm_config=LLMConfig(client="openai", model="gpt-4.1-mini"), system_prompt=SystemPrompt(content="Be.")
    )
    versions = [cold(thread)]
    for turn in range(turns):
        at = datetime.now(UTC)
        thread.new_message = f"question {turn}"
        thread.fork()
        asked = Conversation(thread_key="", sample=0, generation=0, thread=cold(thread))
        sent = next_request(asked, at=at)
        assert sent is not None
        usage = TokenUsage(prompt_tokens=turn, completion_tokens=1)
        after = apply(sent, Reply(text=f"answer {turn}", finish="stop", usage=usage, model="m"), at=at)
        for version in (sent.thread, after.thread):
            version.register_entity()
            thread.follow(version)
        versions += [asked.thread, sent.thread, after.thread]
        flush()
    return versions
