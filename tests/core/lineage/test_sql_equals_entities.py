"""Random conversations with branches: what SQL says of them is what the entities themselves say."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minference_core.entities import EntityRegistry
from minference_core.lineage import EntityStore, Questions, versions
from minference_core.requests import ExchangeRecord
from minference_core.specs import read_conversations
from minference_core.threads import ChatMessage, ChatThread, LLMConfig, SystemPrompt
from minference_core.tools import StructuredTool
from tests.conftest import Pipeline, write_specs

from .saved import attached

_START = datetime(2026, 1, 1, tzinfo=UTC)
_TOOL = {"name": "answer", "description": "Answer.", "json_schema": {"type": "object", "properties": {}}}

# What may happen: what, to which of the versions there are (0: the latest), and a number for the words.
WHAT = [
    *("ask", "reply", "reply", "call", "edit", "cut", "config", "prompt", "no prompt", "tools", "draft"),
    *("talk", "talk"),
]
STEPS = st.lists(
    st.tuples(st.sampled_from(WHAT), st.one_of(st.just(0), st.integers(0, 20)), st.integers(0, 40)),
    min_size=4,
    max_size=16,
)


class Told:
    """A conversation as a program would make it: any version can be gone on from."""

    def __init__(self, steps: list[tuple[str, int, int]]) -> None:
        self._minutes = 0
        config = LLMConfig.cold(client="openai", model="gpt-4.1-mini", created_at=_START)
        first = ChatThread.cold(llm_config=config, created_at=_START)
        self.versions: dict[UUID, ChatThread] = {first.id: first}
        for what, where, number in steps:
            before = list(self.versions.values())[-1 - where % len(self.versions)]
            self._minutes += 1
            after = before.evolve(at=self.now, **self._change(what, before, number))
            self.versions.setdefault(after.id, after)

    @property
    def now(self) -> datetime:
        return _START + timedelta(minutes=self._minutes)

    def ancestors(self, version: ChatThread) -> list[UUID]:
        """The version and all it came from, nearest first."""
        chain = [version]
        while chain[-1].parent_id is not None:
            chain.append(self.versions[chain[-1].parent_id])
        return [one.id for one in chain]

    def as_of(self, at: datetime) -> UUID:
        then = (one for one in self.versions.values() if one.created_at <= at)
        return max(then, key=lambda one: (one.created_at, one.version_no, one.id)).id

    def _change(self, what: str, before: ChatThread, number: int) -> dict[str, Any]:
        history = before.history
        match what:
            case "ask":
                return {"history": [*history, self._said("user", f"Question {number}")], "new_message": None}
            case "reply":
                return {"history": [*history, self._said("assistant", f"Answer {number} — 你好")]}
            case "talk":  # so long that no version keeps a list of all its messages
                said = [self._said("user", f"Line {number} {line}") for line in range(65)]
                return {"history": [*history, *said]}
            case "call":
                called = {"tool_name": "answer", "oai_tool_call_id": f"call_{number}"}
                call = self._said("assistant", "", tool_call={"n": number}, **called)
                return {"history": [*history, call, self._said("tool", f'{{"n": {number}}}', **called)]}
            case "edit" if history:
                place = number % len(history)
                edited = history[place].evolve(at=self.now, content=f"Edited {number}")
                return {"history": [*history[:place], edited, *history[place + 1 :]]}
            case "cut":
                return {"history": history[: number % (len(history) + 1)]}
        return self._other_change(what, before, number)

    def _other_change(self, what: str, before: ChatThread, number: int) -> dict[str, Any]:
        match what:
            case "config":
                return {"llm_config": before.llm_config.evolve(at=self.now, temperature=number / 40)}
            case "prompt":
                return {"system_prompt": SystemPrompt.cold(content=f"Rule {number}.", created_at=self.now)}
            case "no prompt":
                return {"system_prompt": None}
            case "tools":
                return {"tools": [StructuredTool.cold(**_TOOL, created_at=self.now)]}
        return {"new_message": f"Draft {number}"}

    def _said(self, role: str, content: str, **more: Any) -> ChatMessage:
        return ChatMessage.cold(role=role, content=content, created_at=self.now, **more)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=7, max_size=7), st.randoms(use_true_random=False))
def test_of_conversations_that_programs_hold(told: list[list[tuple[str, int, int]]], chance: Any) -> None:
    conversations = [Told(steps) for steps in told]
    with tempfile.TemporaryDirectory() as folder:
        with attached(Path(folder)) as registry:
            _save(conversations, registry, chance.choice)
        EntityStore(folder).fold()
        with Questions(folder) as store:
            _assert_same_messages(store, [one for each in conversations for one in each.versions.values()])
            for conversation in conversations:
                version, other = _two_of(conversation, chance)
                _assert_same_history(store, conversation, version)
                _assert_same_transcript(store, version)
                _assert_same_diff(store, version, other)


def _two_of(told: Told, chance: Any) -> tuple[ChatThread, ChatThread]:
    """The longest version, which is stored as what it changed, and any other."""
    there = list(told.versions.values())
    return max(there, key=lambda one: len(one.history)), chance.choice(there)


def _save(conversations: list[Told], registry: EntityRegistry, choose: Callable[..., Any]) -> None:
    """In one session or in several: a version whose parent another one saved keeps all of its messages."""
    for conversation in conversations:
        for version in conversation.versions.values():
            version.register_entity()
            if choose(range(8)) == 0:
                registry.flush()


def _assert_same_messages(store: Questions, threads: list[ChatThread]) -> None:
    """Of every version there is, in one question."""
    found = store.ask(
        "select thread_id, list(message_id order by pos) as ids from thread_message group by thread_id"
    )
    assert dict(found.iter_rows()) == {
        str(thread.id): [str(message.id) for message in thread.history]
        for thread in threads
        if thread.history
    }
    assert store.ask("select count(*) from thread_version").item() == len({one.id for one in threads})


def _assert_same_history(store: Questions, told: Told, version: ChatThread) -> None:
    chains = {one: told.ancestors(each) for one, each in told.versions.items()}
    tree = store.lineage_tree(version.lineage_id)

    assert store.ancestors(version.id).select("depth", "id").rows() == [
        (depth, str(one)) for depth, one in enumerate(chains[version.id])
    ]
    assert store.old_ids(version.id) == [str(one) for one in reversed(chains[version.id][1:])]
    assert {(UUID(row["id"]), row["depth"]) for row in store.descendants(version.id).to_dicts()} == {
        (one, chain.index(version.id)) for one, chain in chains.items() if version.id in chain
    }
    assert {UUID(row["id"]): row["depth"] for row in tree.to_dicts()} == {
        one: len(chain) - 1 for one, chain in chains.items()
    }
    places = {one: place for place, one in enumerate(tree["id"])}
    assert all(places[row["parent_id"]] < places[row["id"]] for row in tree.to_dicts() if row["parent_id"])
    at = version.created_at + timedelta(seconds=30)
    assert store.thread_as_of(version.lineage_id, at)["id"].to_list() == [str(told.as_of(at))]


def _assert_same_transcript(store: Questions, thread: ChatThread) -> None:
    prompt = [("system", thread.system_prompt.content)] if thread.system_prompt else []
    said = [(message.role.value, message.content) for message in thread.history]

    assert store.transcript(thread.id).select("role", "content").rows() == prompt + said


def _assert_same_diff(store: Questions, a: ChatThread, b: ChatThread) -> None:
    found = store.thread_diff(a.id, b.id).to_dicts()
    old, new = (Counter(one.history) for one in (a, b))

    assert {
        row["field"]: (row["old_value"], row["new_value"]) for row in found if row["field"] != "message"
    } == {
        name: (_fields(a)[name], _fields(b)[name])
        for name in _fields(a)
        if _fields(a)[name] != _fields(b)[name]
    }
    for change, column, gone in (("removed", "old_value", old - new), ("added", "new_value", new - old)):
        assert Counter(row[column] for row in found if row["change"] == change) == _lines(gone)


def _fields(thread: ChatThread) -> dict[str, str | None]:
    """Those that the steps change, as the macro words them."""
    config, prompt = thread.llm_config, thread.system_prompt
    return {
        "system_prompt": prompt.content if prompt else None,
        "temperature": None if config.temperature is None else str(config.temperature),
        "tool_ids": f"[{', '.join(str(tool.id) for tool in thread.tools)}]",
        "new_message": thread.new_message,
    }


def _lines(messages: Counter[ChatMessage]) -> Counter[str]:
    found: Counter[str] = Counter()
    for message, count in messages.items():
        found[f"{message.role.value}: {message.content or ''}"] += count
    return found


SPECS = st.lists(
    st.fixed_dictionaries(
        {
            "user_turns": st.lists(st.sampled_from(["One?", "Two?", "Three?"]), min_size=1, max_size=3),
            "samples": st.integers(1, 2),
            "system_prompt": st.sampled_from([None, "Be brief."]),
            "model": st.sampled_from(["gpt-4.1-mini", "gpt-4.1-nano"]),
        }
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(SPECS)
def test_of_what_a_datasets_runs_held(simulator: Callable[..., str], rows: list[dict[str, Any]]) -> None:
    """Turns and samples, a generation of which some fail, a retry of these, and a second generation."""
    with tempfile.TemporaryDirectory() as folder:
        made = Pipeline(data=Path(folder), url=simulator(faults={"400": 0.3}, seed=len(rows)))
        write_specs(made.specs, [{"thread_key": f"t{n}", **row} for n, row in enumerate(rows)])
        made.run()
        made.url = simulator()
        made.retry("bad_request", max_tokens=77)
        made.generation = 1
        made.run(run_id="run-3")
        made.versions()
        made.store.fold()
        walked = list(_walked(made))
        with Questions(folder) as store:
            _assert_same_messages(store, [thread for thread, _ in walked])
            heads = {str(thread.id) for thread, is_head in walked if is_head}
            assert set(store.thread_current()["id"]) == heads
            for thread in {thread.lineage_id: thread for thread, _ in walked}.values():
                _assert_same_transcript(store, thread)
                assert store.ancestors(thread.id).height == thread.version_no


def _walked(made: Pipeline) -> Iterator[tuple[ChatThread, bool]]:
    """Every version that the turn rules make of what is on record, and whether a conversation ends there."""
    with ExchangeRecord(made.exchanges) as record:
        for _, conversation in read_conversations(made.source):
            assert conversation is not None
            own = record.take(conversation.thread.lineage_id)
            threads = [
                version.thread
                for branch in versions._branches(conversation, own)
                for version in versions._walk(branch, own)
            ]
            yield from ((thread, thread is threads[-1]) for thread in threads)
