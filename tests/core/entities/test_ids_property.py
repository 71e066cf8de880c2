"""
An id means one thing for ever: whatever is done, every id ever seen returns what it first returned.

The machine edits, forks, branches, copies and makes mistakes; after each step all that it has seen is
compared byte for byte.
"""

import json
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import Field, PrivateAttr, ValidationError

from minference_core import ids
from minference_core.entities import Entity, EntityRegistry

from .samples import (
    Colour,
    Config,
    Everything,
    Frozen,
    Level,
    Message,
    Mood,
    Plain,
    Point,
    Prompt,
    Thread,
    Tidy,
    Tree,
)

INSTANT = datetime(2026, 11, 16, tzinfo=UTC)

words = st.text(max_size=8) | st.sampled_from(["", "a", "b", "\ud800", "\x00", "é"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def said(version: Entity) -> bytes:
    """All that a version says, in one spelling."""
    return ids.canonical_json(
        [version.entity_record, json.loads(json.dumps(version.entity_dump(), default=repr))]
    )


class Histories(RuleBasedStateMachine):
    """One thread and all its branches, edited in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = ExitStack()
        self.registry.enter_context(EntityRegistry().active())
        self.seen: dict[UUID, bytes] = {}
        self.warm: list[Thread] = []

    @initialize()
    def begin(self) -> None:
        self.warm = [Thread(prompt=Prompt(content="p"), history=[Message(content="m")])]

    def teardown(self) -> None:
        self.registry.close()

    def pick(self, data: st.DataObject) -> Thread:
        return data.draw(st.sampled_from(self.warm), label="thread")

    # ── edits that are good ───────────────────────────────────────────────────

    @rule(data=st.data(), name=words | st.none())
    def set_a_field(self, data: st.DataObject, name: str | None) -> None:
        self.pick(data).name = name

    @rule(data=st.data(), meta=st.dictionaries(words, json_values, max_size=3))
    def set_a_dict(self, data: st.DataObject, meta: dict[str, Any]) -> None:
        self.pick(data).meta = meta

    @rule(data=st.data(), key=words, value=json_values)
    def edit_a_dict(self, data: st.DataObject, key: str, value: object) -> None:
        self.pick(data).meta[key] = value

    @rule(data=st.data(), tags=st.sets(words, max_size=3))
    def set_tags(self, data: st.DataObject, tags: set[str]) -> None:
        self.pick(data).tags ^= tags

    @rule(data=st.data(), text=words)
    def say(self, data: st.DataObject, text: str) -> None:
        self.pick(data).history.append(Message(content=text))

    @rule(data=st.data())
    def move_a_message(self, data: st.DataObject) -> None:
        history = self.pick(data).history
        history.reverse()
        if len(history) > 2:
            history.pop()

    @rule(data=st.data(), text=words)
    def edit_a_message(self, data: st.DataObject, text: str) -> None:
        thread = self.pick(data)
        if thread.history:
            thread.history[-1].content = text

    @rule(data=st.data(), temperature=st.floats(0, 2))
    def edit_the_config(self, data: st.DataObject, temperature: float) -> None:
        self.pick(data).config.temperature = temperature

    @rule(data=st.data(), stop=words)
    def edit_a_list_in_the_config(self, data: st.DataObject, stop: str) -> None:
        self.pick(data).config.stop.append(stop)

    @rule(data=st.data(), key=words, text=words)
    def edit_a_tool(self, data: st.DataObject, key: str, text: str) -> None:
        tools = self.pick(data).tools
        tools.setdefault(key, Prompt()).content = text

    @rule(data=st.data())
    def share_parts(self, data: st.DataObject) -> None:
        one, other = self.pick(data), self.pick(data)
        one.prompt, one.config = other.prompt, other.config
        one.history = other.history

    @rule(data=st.data())
    def take_parts_of_a_version(self, data: st.DataObject) -> None:
        one, other = self.pick(data), self.pick(data).cold_snapshot
        assert other is not None
        one.prompt = other.prompt
        one.meta = other.meta
        one.tags = other.tags

    @rule(data=st.data())
    def forget_the_prompt(self, data: st.DataObject) -> None:
        self.pick(data).prompt = None

    # ── versions ──────────────────────────────────────────────────────────────

    @rule(data=st.data(), force=st.booleans())
    def fork(self, data: st.DataObject, *, force: bool) -> None:
        thread = self.pick(data)
        before, was = thread.id, thread.cold_snapshot
        assert was is not None
        changed = thread.has_modifications(was)
        thread.fork(force=force)
        version = EntityRegistry.get_cold_snapshot(thread.id)
        assert version is not None
        assert said(version) == said(thread)
        if changed or force:
            assert thread.parent_id == before
        assert thread.fork().id == thread.id

    @rule(data=st.data(), name=words, temperature=st.floats(0, 2))
    def fork_with_changes(self, data: st.DataObject, name: str, temperature: float) -> None:
        thread = self.pick(data)
        thread.fork(name=name, config=Config(temperature=temperature))
        assert (thread.name, thread.config.temperature) == (name, temperature)

    @rule(data=st.data())
    def register_what_is_inside(self, data: st.DataObject) -> None:
        thread = self.pick(data)
        for message in thread.history:
            EntityRegistry.register(message)

    @rule(data=st.data())
    def branch_from_any_version(self, data: st.DataObject) -> None:
        thread = self.pick(data)
        version = data.draw(st.sampled_from(EntityRegistry.get_lineage_ids(thread.lineage_id)))
        branch = Thread.get(version)
        assert branch is not None
        assert branch.id == version
        self.warm.append(branch)
        del self.warm[:-4]

    @rule(data=st.data())
    def copy(self, data: st.DataObject) -> None:
        self.warm.append(self.pick(data).model_copy())
        del self.warm[:-4]

    # ── edits that are refused ────────────────────────────────────────────────

    @rule(data=st.data())
    def make_mistakes(self, data: st.DataObject) -> None:
        thread = self.pick(data)
        state = thread.entity_dump()
        count = EntityRegistry.get_registry_status()["total_items"]
        for bad in ({"name": 5}, {"history": [5]}, {"nonsense": 1}, {"name": "good", "meta": 5}):
            with pytest.raises(ValidationError):
                thread.fork(**bad)
        with pytest.raises(ValidationError):
            thread.config.temperature = 3.0
        assert thread.entity_dump() == state
        assert EntityRegistry.get_registry_status()["total_items"] == count

    @rule(data=st.data())
    def make_a_mistake_inside(self, data: st.DataObject) -> None:
        thread = self.pick(data)
        thread.fork()
        count = EntityRegistry.get_registry_status()["total_items"]
        thread.config.stop.append(5)  # type: ignore[arg-type]
        with pytest.raises(ValidationError):
            thread.fork()
        thread.config.stop.pop()
        assert EntityRegistry.get_registry_status()["total_items"] == count

    # ── what must hold ────────────────────────────────────────────────────────

    @invariant()
    def every_id_returns_what_it_always_did(self) -> None:
        for kind in (Thread, Message, Config, Prompt):
            for found in EntityRegistry.list_by_type(kind):
                assert self.seen.setdefault(found.id, said(found)) == said(found)
        for version_id, content in self.seen.items():
            version = EntityRegistry.get_cold_snapshot(version_id)
            assert version is not None
            assert said(version) == content

    @invariant()
    def histories_hang_together(self) -> None:
        for thread in self.warm:
            lineage = [Thread.get(one) for one in EntityRegistry.get_lineage_ids(thread.lineage_id)]
            times = [version.created_at for version in lineage if version is not None]
            assert times == sorted(times)
            chain = Thread.get_many(thread.old_ids)
            assert [version.parent_id for version in chain] == [None, *thread.old_ids[:-1]][: len(chain)]
            assert thread.parent_id == (thread.old_ids[-1] if chain else None)
            assert [version.version_no for version in chain] == list(range(1, thread.version_no))


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


# ── values of every type ──────────────────────────────────────────────────────

everything = st.fixed_dictionaries(
    {},
    optional={
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "whole": st.integers(),
        "flag": st.booleans(),
        "price": st.decimals(allow_nan=False, allow_infinity=False, places=2),
        "at": st.datetimes(timezones=st.just(UTC)),
        "ref": st.uuids(),
        "colour": st.sampled_from(Colour),
        "level": st.sampled_from(Level),
        "mood": st.sampled_from(Mood),
        "raw": words.filter(lambda text: text != "\ud800").map(lambda text: text.encode(errors="replace")),
        "pair": st.tuples(st.integers(), words),
        "point": st.builds(Point, st.integers(), st.integers()),
        "names": st.frozensets(words, max_size=3),
        "tags": st.sets(words, max_size=3),
        "by_number": st.dictionaries(st.integers(), words, max_size=3),
        "plain": st.builds(Plain, size=st.integers(), parts=st.lists(st.integers(), max_size=3)),
        "frozen": st.builds(Frozen, parts=st.dictionaries(words, st.integers(), max_size=3)),
        "nested": st.dictionaries(
            words, st.lists(st.dictionaries(words, json_values, max_size=2), max_size=2), max_size=2
        ),
        "anything": json_values,
    },
)


@settings(max_examples=100, deadline=None)
@given(everything, everything)
def test_values_of_every_type_keep_their_type_and_their_content(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    with EntityRegistry().active():
        thing = Everything(**first)
        before, content = thing.id, said(thing)
        copy = Everything.get(before)
        assert copy is not None
        assert copy == thing
        assert {n: type(v) for n, v in copy.entity_content()} == {
            n: type(v) for n, v in thing.entity_content()
        }
        assert copy.fork().id == before

        copy.fork(**second)
        thing.plain.parts.append(9)
        thing.frozen.parts["x"] = 9

        for version in (EntityRegistry.get(before), EntityRegistry.get_cold_snapshot(before)):
            assert version is not None
            assert said(version) == content
        assert EntityRegistry.get(copy.id) == copy


def test_a_time_without_a_zone_is_refused_before_it_can_do_harm() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Prompt(created_at=datetime(2026, 11, 16))  # noqa: DTZ001


@settings(max_examples=100, deadline=None)
@given(json_values, json_values)
def test_two_values_have_one_id_only_if_they_are_the_same_json(one: object, other: object) -> None:
    first = Everything.cold(lineage_id=ids.lineage_id(INSTANT, "x"), created_at=INSTANT)
    ids_of = [first.evolve(at=INSTANT, anything={"v": value}).id for value in (one, other)]

    assert (ids_of[0] == ids_of[1]) == (ids.canonical_json(one) == ids.canonical_json(other))


def test_a_number_is_not_another_type_of_number_though_they_are_equal() -> None:
    class Defaults(Entity):
        anything: Any = 1

    made = [
        Defaults.cold(lineage_id=ids.lineage_id(INSTANT, "x"), anything=value).id for value in (1, True, 1.0)
    ]

    assert len(set(made)) == 3


def test_a_default_that_is_an_entity_can_be_edited_and_is_registered_only_for_who_has_it() -> None:
    class Holder(Entity):
        made: Prompt = Field(default_factory=lambda: Prompt(content="made"))

    holder = Holder()
    first, content = holder.id, said(holder)
    holder.made.content = "edited"
    holder.fork()

    assert EntityRegistry.get_registry_status()["total_items"] == 4
    version = EntityRegistry.get_cold_snapshot(first)
    assert version is not None
    assert said(version) == content
    assert set(holder.entity_record) == {"made"}


def test_keys_that_are_one_key_in_json_are_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        Everything(anything={1: "a", "1": "b"})


def test_the_same_history_gives_the_same_ids() -> None:
    def history() -> list[UUID]:
        with EntityRegistry().active():
            born = {"created_at": INSTANT}
            thread = Thread(
                lineage_id=ids.lineage_id(INSTANT, "thread"),
                config=Config(lineage_id=ids.lineage_id(INSTANT, "config"), **born),
                **born,
            )
            for n in range(5):
                thread.history.append(Message(lineage_id=ids.lineage_id(INSTANT, n), content=str(n), **born))
                thread.config.temperature = n / 10
                thread.tags ^= {"a", "b", str(n)}
                thread.fork(force=True)
            return EntityRegistry.get_lineage_ids(thread.lineage_id)

    assert history() == history()
    assert len(set(history())) == 6


def test_a_set_gives_the_same_id_in_every_process() -> None:
    """Hashing of text differs from process to process; no id may depend on it."""
    code = (
        "from tests.core.entities.test_ids_property import *;"
        "print(Thread.cold(lineage_id=ids.lineage_id(INSTANT, 'x'), tags=set('abcdefgh'),"
        " meta={'b': 1, 'a': 2}, config=Config.cold(lineage_id=ids.lineage_id(INSTANT, 'c'))).id)"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(made) == 1


# ── hidden ways to change a version ───────────────────────────────────────────


def test_a_model_inside_a_version_is_not_that_of_the_warm_object() -> None:
    thing = Everything(plain=Plain(parts=[1]), frozen=Frozen(parts={"a": 1}))
    first = thing.id

    thing.plain.size = 5
    thing.plain.parts.append(2)
    thing.frozen.parts["b"] = 2

    version = Everything.get(first)
    assert version is not None
    assert (version.plain, version.frozen) == (Plain(parts=[1]), Frozen(parts={"a": 1}))
    assert thing.fork().parent_id == first


def test_the_containers_of_a_model_inside_a_version_cannot_be_changed() -> None:
    cold = Everything(plain=Plain(parts=[1]), frozen=Frozen(parts={"a": 1})).cold_snapshot
    assert cold is not None

    with pytest.raises(TypeError):
        cold.plain.parts.append(2)
    with pytest.raises(TypeError):
        cold.frozen.parts["b"] = 2


@pytest.mark.parametrize("value", [bytearray(b"a"), [bytearray(b"a")], {"k": bytearray(b"a")}])
def test_a_value_that_can_change_is_not_shared_with_a_version(value: Any) -> None:
    thing = Everything(anything=value)
    first, dump = thing.id, thing.entity_dump()

    held = thing.anything
    inner = held["k"] if isinstance(held, dict) else held[0] if isinstance(held, list) else held
    inner.extend(b"edited")

    version = Everything.get(first)
    assert version is not None
    assert version.entity_dump() == dump
    assert thing.fork().parent_id == first


def test_an_entity_in_a_tuple_or_a_union() -> None:
    message, prompt = Message(content="m"), Prompt(content="p")
    thing = Everything(many=(message,), one_or_other=prompt)
    first = thing.id

    message.content = "edited"
    prompt.content = "edited"
    thing.fork()

    old, new = Everything.get(first), Everything.get(thing.id)
    assert old is not None
    assert new is not None
    assert isinstance(old.one_or_other, Prompt)
    assert isinstance(new.one_or_other, Prompt)
    assert (old.many[0].content, old.one_or_other.content) == ("m", "p")
    assert (new.many[0].content, new.one_or_other.content) == ("edited", "edited")


def test_an_entity_that_replaces_another_is_seen_though_it_says_the_same() -> None:
    thread = Thread(prompt=Prompt(content="p"))
    first = thread.id

    thread.prompt = Prompt(content="p")

    assert thread.fork().parent_id == first


def test_private_attributes_are_not_shared_by_copies() -> None:
    class Secretive(Entity):
        text: str = ""
        _notes: list[str] = PrivateAttr(default_factory=list)

    one = Secretive()
    other = one.model_copy()
    other._notes.append("mine")

    assert one._notes == []


def test_fields_with_aliases_can_be_versioned() -> None:
    class Aliased(Entity):
        size: int = Field(default=0, alias="theSize")

    thing = Aliased(theSize=3)
    first = thing.id

    thing.fork(size=4)

    assert [version.size for version in Aliased.get_many([first, thing.id])] == [3, 4]


def test_decimals_and_times_are_compared_by_what_they_say() -> None:
    thing = Everything(price=Decimal("1.0"), at=INSTANT)
    first = thing.id

    assert thing.fork(price=Decimal("2.0")).parent_id == first
    assert thing.fork(at=INSTANT + timedelta(seconds=1)).old_ids == [first, *thing.old_ids[1:]]


def test_validators_that_normalise_make_one_version() -> None:
    tidy = Tidy(names=["A"])
    assert tidy.names == ["a"]

    tidy.names += ["B"]
    ids_seen = [tidy.fork().id for _ in range(3)]

    assert len(set(ids_seen)) == 1
    assert Tidy.get(tidy.id) == tidy


def test_deep_nesting_is_refused_in_order() -> None:
    """Hundreds of entities inside each other are more than Python's stack holds; nothing may be half done."""
    leaf = Tree(name="leaf")
    tree = leaf
    for _ in range(60):
        tree = Tree(inside=[tree])
    first = tree.id
    leaf.name = "edited"

    assert tree.fork().parent_id == first
    assert tree.entity_dump() != Tree().entity_dump()
