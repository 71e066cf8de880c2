"""Entities and their versions, item by item: A1 to A13."""

import copy
import logging
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pydantic import ValidationError

from minference_core.entities import Entity, EntityRegistry
from minference_core.errors import ImmutableVersion

from .samples import Config, Everything, Message, Note, Prompt, Thread, Tidy, Tree


def stored() -> int:
    return int(EntityRegistry.get_registry_status()["total_items"])


def again(entity: Entity) -> Entity:
    """What the registry gives for an entity's id."""
    found = EntityRegistry.get(entity.id)
    assert found is not None
    return found


# ── A1, A2: what is made ──────────────────────────────────────────────────────


def test_a1_a_new_entity_has_an_identity() -> None:
    """A1"""
    before = datetime.now(UTC)
    one, other = Note(text="x"), Note(text="x")

    assert len({one.id, other.id, one.lineage_id, other.lineage_id, one.live_id, other.live_id}) == 6
    assert (one.parent_id, one.old_ids, one.version_no) == (None, [], 1)
    assert before <= one.created_at <= datetime.now(UTC)


def test_a2_making_an_entity_registers_it_and_all_that_is_in_it() -> None:
    """A2"""
    thread = Thread(
        prompt=Prompt(content="p"), history=[Message(content="m")], tools={"t": Prompt(content="tool")}
    )

    assert again(thread) == thread
    assert thread.prompt is not None
    for nested in (thread.prompt, thread.config, thread.history[0], thread.tools["t"]):
        assert again(nested) == nested


def test_a2_the_snapshot_does_not_follow_the_object() -> None:
    """A2"""
    thread = Thread(history=[Message(content="m")])
    snapshot = EntityRegistry.get_cold_snapshot(thread.id)

    thread.history[0].content = "edited"
    thread.history.append(Message())
    thread.tags.add("edited")

    assert isinstance(snapshot, Thread)
    assert [message.content for message in snapshot.history] == ["m"]
    assert snapshot.tags == set()


def test_a2_nested_entities_given_as_dicts_are_entities_too() -> None:
    """A2"""
    thread = Thread.model_validate({"history": [{"content": "m"}], "config": {"temperature": 1}})

    assert isinstance(again(thread.history[0]), Message)
    assert again(thread.config) == thread.config


# ── A3 to A5: forks ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "save",
    [Entity.fork, Entity.register_entity, lambda note: EntityRegistry.register(note)],
    ids=["fork", "register_entity", "register"],
)
def test_a3_an_edited_entity_becomes_its_next_version(save: Callable[..., object]) -> None:
    """A3"""
    note = Note(text="old")
    first, lineage_id, live_id = note.id, note.lineage_id, note.live_id

    note.text = "new"
    assert save(note) is note

    assert (note.id, note.parent_id, note.old_ids) == (note.id, first, [first])
    assert note.id != first
    assert (note.lineage_id, note.live_id, note.version_no) == (lineage_id, live_id, 2)
    texts = [found.text for found in Note.get_many([first, note.id])]
    assert texts == ["old", "new"]


def test_a3_old_ids_are_the_whole_chain() -> None:
    """A3"""
    note = Note()
    ids = [note.id, *(note.fork(text=str(n)).id for n in range(5))]

    assert note.old_ids == ids[:-1]
    assert EntityRegistry.get_lineage_ids(note.lineage_id) == ids


def test_a3_a_chain_is_in_order_of_time() -> None:
    """A3"""
    note = Note()
    times = [note.created_at, *(note.fork(text=str(n)).created_at for n in range(200))]

    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_a4_no_change_is_no_version() -> None:
    """A4"""
    thread = Thread(history=[Message(content="m")], tags={"a"}, meta={"n": [1, {"x": None}]})
    first, count = thread.id, stored()

    thread.fork()
    thread.history[0].content = "m"
    thread.tags = {"a"}
    EntityRegistry.register(thread)

    assert (thread.id, stored()) == (first, count)


def test_a4_an_edit_that_is_taken_back_is_no_version() -> None:
    """A4"""
    note = Note(text="a")
    first = note.id

    note.text = "b"
    note.text = "a"

    assert note.fork().id == first


def test_a4_force_always_makes_a_version() -> None:
    """A4"""
    thread = Thread()
    first = thread.id

    thread.fork(force=True)

    assert thread.parent_id == first
    assert len(EntityRegistry.get_lineage_ids(thread.lineage_id)) == 2


def test_a5_fork_makes_the_changes_first() -> None:
    """A5"""
    note = Note(text="a")
    first = note.id

    assert note.fork(text="b") is note

    assert (note.text, note.parent_id) == ("b", first)
    assert again(note) == note


def test_a5_forking_a_cold_version_gives_a_warm_one_and_leaves_it_alone() -> None:
    """A5"""
    note = Note(text="a")
    cold = note.cold_snapshot
    assert cold is not None

    branch = cold.fork(text="b")

    assert (cold.text, branch.text, branch.is_cold) == ("a", "b", False)
    assert branch.parent_id == cold.id
    assert note.text == "a"


# ── bad edits ─────────────────────────────────────────────────────────────────


BAD_EDITS: dict[str, Callable[[], object]] = {
    "out of bounds": lambda: setattr(Config(), "temperature", 9.0),
    "wrong type": lambda: setattr(Note(), "text", 5),
    "no such field": lambda: setattr(Note(), "nonsense", 5),
    "fork": lambda: Config().fork(temperature=9.0),
    "fork: no such field": lambda: Config().fork(nonsense=9.0),
    "fork: one of two": lambda: Config().fork(model="good", temperature=9.0),
    "does not fit together": lambda: setattr(Tidy(), "low", 50),
    "bookkeeping": lambda: setattr(Note(), "lineage_id", uuid4()),
    "id": lambda: setattr(Note(), "id", uuid4()),
    "fork: bookkeeping": lambda: Note().fork(parent_id=uuid4()),
    "deleted": lambda: delattr(Note(), "text"),
}


@pytest.mark.parametrize("edit", BAD_EDITS.values(), ids=BAD_EDITS.keys())
def test_a_bad_edit_is_refused(edit: Callable[..., object]) -> None:
    with pytest.raises((ValidationError, ImmutableVersion)):
        edit()


def test_a_refused_fork_leaves_everything_as_it_was() -> None:
    config = Config(model="small")
    first, count = config.id, stored()

    with pytest.raises(ValidationError):
        config.fork(model="large", temperature=9.0)

    assert (config.model, config.temperature, config.id, stored()) == ("small", 0.0, first, count)
    assert config.fork().id == first


def test_a_value_that_no_id_can_be_made_of_is_refused_as_a_whole() -> None:
    thing = Everything()
    first, count = thing.id, stored()

    with pytest.raises(ValueError, match="JSON"):
        thing.fork(whole=5, number=float("nan"))

    assert (thing.whole, thing.number, stored()) == (0, 0.0, count)
    assert thing.fork().id == first


def test_an_edit_refused_by_the_whole_model_is_undone() -> None:
    tidy = Tidy(low=1, high=5)

    with pytest.raises(ValidationError, match="low must not be above high"):
        tidy.low = 6

    assert (tidy.low, tidy.total, tidy.fork().version_no) == (1, 6, 1)


def test_a_bad_edit_inside_a_list_is_refused_when_registered() -> None:
    config = Config()
    first, count = config.id, stored()

    config.stop.append(5)  # type: ignore[arg-type]

    with pytest.raises(ValidationError, match="stop"):
        config.fork()
    assert (config.id, stored()) == (first, count)


def test_what_validation_makes_of_an_edit_is_what_the_object_has_and_is_made_once() -> None:
    tidy = Tidy(names=["a"])

    tidy.names.append("B")
    tidy.fork()
    tidy.fork()

    assert (tidy.names, tidy.version_no) == (["a", "b"], 2)
    assert tidy.fork(low=3).total == 13


def test_a_message_appended_as_a_dict_becomes_a_message_once() -> None:
    thread = Thread()

    thread.history.append({"content": "m"})  # type: ignore[arg-type]
    thread.fork()
    thread.fork()

    assert thread.version_no == 2
    assert isinstance(thread.history[0], Message)


# ── A6 to A10: reading ────────────────────────────────────────────────────────


def test_a6_reading_gives_independent_warm_copies() -> None:
    """A6"""
    thread = Thread(history=[Message(content="m")], meta={"deep": {"list": [1]}}, tags={"a"})
    one, other = EntityRegistry.get(thread.id, Thread), EntityRegistry.get(thread.id, Thread)
    assert one is not None
    assert other is not None

    one.history[0].content = "edited"
    one.history.append(Message())
    one.meta["deep"]["list"].append(2)
    one.tags.add("b")
    one.fork()

    assert len({thread.live_id, one.live_id, other.live_id}) == 3
    for untouched in (thread, other, again(thread)):
        assert isinstance(untouched, Thread)
        assert [message.content for message in untouched.history] == ["m"]
        assert (untouched.meta, untouched.tags) == ({"deep": {"list": [1]}}, {"a"})
    assert one.parent_id == thread.id


def test_a7_an_unknown_id_or_another_type_is_none() -> None:
    """A7"""
    note = Note()
    EntityRegistry.clear_logs()

    assert EntityRegistry.get(uuid4()) is None
    assert EntityRegistry.get(note.id, Prompt) is None
    assert EntityRegistry.get(note.id, Entity) == note
    assert "is a Note, not a Prompt" in EntityRegistry.get_logs()


def test_a8_get_many_skips_what_is_missing_and_keeps_the_order() -> None:
    """A8"""
    a, b = Note(text="a"), Note(text="b")

    assert EntityRegistry.get_many([b.id, uuid4(), a.id], Note) == [b, a]
    assert EntityRegistry.get_many([b.id, a.id], Prompt) == []


def test_a9_list_by_type_gives_copies_of_all_versions() -> None:
    """A9"""

    class Special(Note):
        pass

    note = Note(text="1")
    note.fork(text="2")
    Special(text="3")
    Prompt()

    assert [found.text for found in EntityRegistry.list_by_type(Note)] == ["1", "2", "3"]
    assert len(EntityRegistry.list_by_type(Special)) == 1
    assert not any(found.is_cold for found in EntityRegistry.list_by_type(Note))


def test_a10_the_class_finds_its_own() -> None:
    """A10"""
    note = Note(text="1")

    assert Note.get(note.id) == note
    assert Note.get_many([note.id]) == [note]
    assert Note.list_all() == [note]
    assert (Prompt.get(note.id), Prompt.get_many([note.id]), Prompt.list_all()) == (None, [], [])


# ── A11: what is a change ─────────────────────────────────────────────────────


EDITS: dict[str, Callable[[Thread], object]] = {
    "a field": lambda t: setattr(t, "name", "n"),
    "a nested field": lambda t: setattr(t.config, "temperature", 0.5),
    "a nested list": lambda t: t.config.stop.append("."),
    "an entity in a list": lambda t: setattr(t.history[0], "content", "x"),
    "an append": lambda t: t.history.append(Message()),
    "a removal": lambda t: t.history.clear(),
    "an order": lambda t: t.history.reverse(),
    "an entity in a dict": lambda t: setattr(t.tools["a"], "content", "x"),
    "a dict": lambda t: t.meta.update(a=2),
    "deep in a dict": lambda t: t.meta["b"]["c"].append(3),
    "a number's type": lambda t: t.meta.update(a=True),
    "deep in a dict, a number's type": lambda t: t.meta["b"]["c"].__setitem__(0, 1.0),
    "a set": lambda t: t.tags.add("b"),
    "None to an entity": lambda t: setattr(t, "prompt", Prompt()),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_a11_every_edit_is_seen(edit: Callable[..., object]) -> None:
    """A11"""
    thread = Thread(
        history=[Message(content="1"), Message(content="2")],
        tools={"a": Prompt()},
        meta={"a": 1, "b": {"c": [1]}},
        tags={"a"},
    )
    first = thread.cold_snapshot
    assert first is not None
    dump = first.entity_dump()

    edit(thread)

    assert thread.has_modifications(first)
    assert not Entity.compare_entities(thread, dump)
    assert thread.fork().parent_id == first.id
    assert Entity.compare_entities(first, dump)
    assert not thread.has_modifications(again(thread))


def test_a11_ids_and_times_are_no_change() -> None:
    """A11"""
    note = Note(text="x")
    first = note.cold_snapshot
    assert first is not None

    note.fork(force=True)

    assert not note.has_modifications(first)
    assert not note.has_modifications(Note(text="x"))
    assert Entity.compare_entities(note, {"text": "x"})


def test_a11_a_dump_is_plain_values_and_can_leave_out_fields() -> None:
    """A11"""
    thread = Thread(name="n", prompt=Prompt(content="p", name="q"), tags={"b", "a"})

    dump = thread.entity_dump(exclude=["name", "history", "tools", "config"])

    assert dump == {"prompt": {"content": "p"}, "meta": {}, "tags": ["a", "b"]}


# ── A12, A13: the registry ────────────────────────────────────────────────────


def test_a12_the_status_counts_what_is_there() -> None:
    """A12"""
    assert EntityRegistry.get_registry_status()["oldest_item"] is None
    note = Note()
    note.fork(text="2")
    Prompt()

    status = EntityRegistry.get_registry_status()

    assert (
        status["total_items"] == status["total_versions"] == status["version_history"]["version_count"] == 3
    )
    assert status["entities_by_type"] == {"Note": 2, "Prompt": 1}
    assert status["total_lineages"] == 2
    assert status["oldest_item"] == status["version_history"]["first_version"]
    assert status["newest_item"] == status["version_history"]["latest_version"]
    assert status["oldest_item"] <= status["newest_item"]


def test_a13_housekeeping() -> None:
    """A13"""
    note = Note()
    stamp = EntityRegistry.get_timestamp(note.id)
    orchestrator = object()
    EntityRegistry.set_inference_orchestrator(orchestrator)

    assert EntityRegistry.has_entity(note.id)
    assert not EntityRegistry.has_entity(uuid4())
    assert stamp is not None
    assert EntityRegistry.get_timestamp(uuid4()) is None
    assert EntityRegistry.get_cold_snapshot(note.id) is note.cold_snapshot
    assert EntityRegistry.get_inference_orchestrator() is orchestrator
    assert EntityRegistry.is_tracing_enabled()

    EntityRegistry.clear()

    assert not EntityRegistry.has_entity(note.id)
    assert EntityRegistry.get_lineage_ids(note.lineage_id) == []


def test_a13_the_log_can_be_read_quietened_and_cleared() -> None:
    """A13"""
    note = Note()
    try:
        EntityRegistry.set_log_level(logging.CRITICAL)
        EntityRegistry.clear_logs()
        EntityRegistry.get(note.id, Prompt)
        assert EntityRegistry.get_logs() == ""
    finally:
        EntityRegistry.set_log_level(logging.NOTSET)


def test_a13_registering_an_id_or_something_else() -> None:
    """A13"""
    note = Note(text="x")

    assert EntityRegistry.register(note.id) == note
    assert EntityRegistry.register(uuid4()) is None
    with pytest.raises(ValueError, match="Entity must be"):
        EntityRegistry.register("a string")  # type: ignore[call-overload]


def test_registering_again_after_clear_brings_the_version_back() -> None:
    thread = Thread(prompt=Prompt(content="p"))
    assert thread.prompt is not None
    EntityRegistry.clear()

    EntityRegistry.register(thread)

    assert again(thread) == thread
    assert EntityRegistry.has_entity(thread.prompt.id)


# ── versions do not change ────────────────────────────────────────────────────


WAYS_TO_CHANGE_A_VERSION: dict[str, Callable[[Thread], object]] = {
    "a field": lambda t: setattr(t, "name", "n"),
    "a nested field": lambda t: setattr(t.config, "temperature", 1.0),
    "append": lambda t: t.history.append(Message()),
    "item": lambda t: t.history.__setitem__(0, Message()),
    "plus": lambda t: t.history.__iadd__([Message()]),
    "del": lambda t: t.history.__delitem__(0),
    "sort": lambda t: t.history.sort(key=str),
    "a dict": lambda t: t.meta.update(a=2),
    "a dict's or": lambda t: t.meta.__ior__({"a": 2}),
    "a list in a dict": lambda t: t.meta["l"].append(2),
    "an entity in a dict": lambda t: setattr(t.tools["a"], "content", "x"),
    "a set": lambda t: t.tags.add("b"),
}


@pytest.mark.parametrize("change", WAYS_TO_CHANGE_A_VERSION.values(), ids=WAYS_TO_CHANGE_A_VERSION.keys())
def test_a_version_cannot_be_changed(change: Callable[..., object]) -> None:
    thread = Thread(history=[Message()], tools={"a": Prompt()}, meta={"a": 1, "l": [1]}, tags={"a"})
    version = EntityRegistry.get_cold_snapshot(thread.id)
    assert version is not None
    dump = version.entity_dump()

    with pytest.raises(ImmutableVersion):
        change(version)
    assert version.entity_dump() == dump


def test_lists_are_not_shared_between_objects() -> None:
    messages = [Message(content="1")]
    one, other = Thread(history=messages), Thread(history=messages)

    messages.append(Message(content="2"))
    one.history.append(Message(content="3"))
    other.history = one.history
    one.history.append(Message(content="4"))

    assert [len(thread.fork().history) for thread in (one, other)] == [3, 2]


def test_a_cold_list_given_to_a_warm_object_can_be_edited_there() -> None:
    cold = Thread(history=[Message(content="1")]).cold_snapshot
    assert cold is not None
    thread = Thread()

    thread.history = cold.history
    thread.history.append(Message(content="2"))

    assert (len(thread.fork().history), len(cold.history)) == (2, 1)


def test_an_entity_shared_by_two_holders_is_one_entity() -> None:
    prompt = Prompt(content="p")
    one, other = Thread(prompt=prompt), Thread(prompt=prompt)

    prompt.content = "edited"
    one.fork()
    other.fork()

    assert one.prompt is other.prompt is prompt
    assert one.entity_record["prompt"] == other.entity_record["prompt"] == str(prompt.id)
    assert prompt.version_no == 2


def test_the_same_edit_of_the_same_version_is_the_same_version() -> None:
    note = Note(text="a")
    one, other = EntityRegistry.get(note.id, Note), EntityRegistry.get(note.id, Note)
    assert one is not None
    assert other is not None

    one.fork(text="b")
    other.fork(text="b")

    assert one == other
    assert one.cold_snapshot is other.cold_snapshot
    assert len(EntityRegistry.get_lineage_ids(note.lineage_id)) == 2


def test_an_entity_inside_itself_is_refused() -> None:
    tree = Tree(name="root", inside=[Tree(name="leaf")])
    first = tree.id

    tree.inside[0].inside.append(tree)
    with pytest.raises(ValueError, match="nested in itself"):
        tree.fork()

    assert tree.id == first
    tree.inside[0].inside.clear()
    assert tree.fork().id == first


def test_entities_in_entities_in_entities() -> None:
    leaf = tree = Tree(name="leaf")
    for n in range(40):
        tree = Tree(name=str(n), inside=[tree])
    first = tree.id

    leaf.name = "edited"
    tree.fork()

    def names(found: Entity | None) -> list[str]:
        assert isinstance(found, Tree)
        return [found.name, *(names(found.inside[0]) if found.inside else [])]

    assert names(EntityRegistry.get(first))[-1] == "leaf"
    assert names(again(tree))[-1] == "edited"


# ── copies ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, Entity.model_copy])
def test_a_copy_is_another_object_at_the_same_version(duplicate: Callable[..., Thread]) -> None:
    thread = Thread(history=[Message(content="m")])

    other = duplicate(thread)
    other.history[0].content = "edited"
    other.fork()

    assert other.live_id != thread.live_id
    assert other.parent_id == thread.id
    assert thread.history[0].content == "m"


def test_a_copy_with_changes_is_validated() -> None:
    config = Config()

    assert config.model_copy(update={"model": "large"}).fork().parent_id == config.id
    with pytest.raises(ValidationError):
        config.model_copy(update={"temperature": 9.0})


def test_a_pickled_warm_object_keeps_its_unsaved_edits() -> None:
    thread = Thread(name="a", history=[Message(content="m")])
    thread.name = "b"
    thread.history[0].content = "edited"

    other = pickle.loads(pickle.dumps(thread))  # noqa: S301

    assert (other.id, other.name, other.is_cold) == (thread.id, "b", False)
    assert other.live_id != thread.live_id
    assert other.fork().parent_id == thread.id
    assert other.history[0].version_no == 2
    assert other.entity_dump() == thread.entity_dump()


def test_a_pickled_version_is_the_same_version() -> None:
    thread = Thread(name="a", history=[Message(content="m")], meta={"a": [1]}, tags={"x"})
    cold = thread.cold_snapshot

    other = pickle.loads(pickle.dumps(cold))  # noqa: S301

    assert (other, other.id, other.is_cold) == (cold, thread.id, True)
    with pytest.raises(ImmutableVersion):
        other.history[0].content = "x"
    with pytest.raises(ImmutableVersion):
        other.meta["a"].append(2)


def test_equality_is_of_content_and_history_and_hashing_survives_edits() -> None:
    note = Note(text="a")
    held = {note}

    note.text = "b"
    note.fork()

    assert note in held
    assert note == again(note)
    assert note != Note(text="b")


def test_json_of_an_entity_read_again_is_the_same_version() -> None:
    thread = Thread(history=[Message(content="m")], tags={"a"})
    thread.fork(name="n")

    other = Thread.model_validate_json(thread.model_dump_json())

    assert other == thread
    assert (other.id, other.old_ids) == (thread.id, thread.old_ids)
