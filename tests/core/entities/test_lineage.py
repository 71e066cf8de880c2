"""Lineages, trees and diffs, item by item: LN1 to LN5. The drawings are in test_mermaid.py."""

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest

from minference_core.entities import Entity, EntityRegistry
from minference_core.entities.tree import build_tree, sorted_tree

from .samples import Everything, Frozen, Message, Mood, Note, Plain, Prompt, Thread, Tree


def cold(entity: Entity) -> Any:
    assert entity.cold_snapshot is not None
    return entity.cold_snapshot


def versions(lineage_id: UUID) -> list[Entity]:
    found = map(EntityRegistry.get_cold_snapshot, EntityRegistry.get_lineage_ids(lineage_id))
    return [version for version in found if version is not None]


# ── LN1 to LN4: lineages and trees ────────────────────────────────────────────


def test_ln1_a_lineage_is_its_versions_oldest_first() -> None:
    """LN1"""
    note = Note()
    ids = [note.id, *(note.fork(text=str(n)).id for n in range(3))]

    assert EntityRegistry.get_lineage_ids(note.lineage_id) == ids
    assert EntityRegistry.get_lineage_ids(uuid4()) == []


def test_ln1_a_lineage_is_in_order_however_it_came_into_a_registry() -> None:
    """LN1"""
    note = Note()
    ids = [note.id, *(note.fork(text=str(n)).id for n in range(3))]
    other = EntityRegistry()

    for version in reversed(versions(note.lineage_id)):
        other.register(version)

    assert other.get_lineage_ids(note.lineage_id) == ids


def test_ln2_a_tree_has_every_version_in_its_place() -> None:
    """LN2"""
    note = Note(text="0")
    root = note.id
    left = note.fork(text="1").id
    leaf = note.fork(text="2").id
    branch = cold(Note.get(root) or note).fork(text="other")  # from the root again

    tree = EntityRegistry.build_lineage_tree(note.lineage_id)

    assert list(tree) == [root, left, branch.id, leaf]
    assert [tree[version]["depth"] for version in (root, left, branch.id, leaf)] == [0, 1, 1, 2]
    assert tree[root]["children"] == [left, branch.id]
    assert (tree[left]["children"], tree[leaf]["children"]) == ([leaf], [])
    assert tree[leaf]["parent_id"] == left
    assert tree[leaf]["data"] == {"text": "2"}
    assert tree[leaf]["entity"] is EntityRegistry.get_cold_snapshot(leaf)
    assert tree[leaf]["created_at"] == note.created_at
    assert tree[root]["diff_from_parent"] is None
    assert tree[leaf]["diff_from_parent"] == {"text": {"type": "modified", "old": "1", "new": "2"}}


def test_ln3_the_sorted_tree() -> None:
    """LN3"""
    note = Note()
    ids = [note.id, *(note.fork(text=str(n)).id for n in range(9))]

    tree = EntityRegistry.get_lineage_tree_sorted(note.lineage_id)

    assert list(tree["nodes"]) == tree["sorted_ids"] == ids
    assert tree["edges"] == list(pairwise(ids))
    assert tree["root"] == ids[0]
    assert list(tree["diffs"]) == ids[1:]


def test_ln3_an_unknown_lineage_is_an_empty_tree() -> None:
    """LN3"""
    empty: dict[str, Any] = {"nodes": {}, "edges": [], "root": None, "sorted_ids": [], "diffs": {}}

    assert EntityRegistry.get_lineage_tree_sorted(uuid4()) == empty
    assert EntityRegistry.build_lineage_tree(uuid4()) == {}


def test_ln3_a_forced_fork_is_a_version_that_changed_nothing() -> None:
    """LN3"""
    note = Note()
    note.fork(force=True)

    tree = EntityRegistry.get_lineage_tree_sorted(note.lineage_id)

    assert (len(tree["nodes"]), len(tree["edges"]), tree["diffs"]) == (2, 1, {note.id: {}})


def test_ln4_an_old_version_can_be_forked_again() -> None:
    """LN4"""
    thread = Thread(history=[Message(content="m")])
    first = thread.id
    one, other = Thread.get(first), Thread.get(first)
    assert one is not None
    assert other is not None

    one.history[0].content = "one"
    one.fork()
    other.fork(name="other")

    tree = EntityRegistry.get_lineage_tree_sorted(thread.lineage_id)
    assert tree["edges"] == [(first, one.id), (first, other.id)]
    assert (one.lineage_id, other.lineage_id) == (thread.lineage_id, thread.lineage_id)
    assert other.history[0].content == "m"
    assert one.name is None
    assert (one.old_ids, other.old_ids) == ([first], [first])


def test_versions_without_their_parents_are_roots_and_none_is_lost() -> None:
    note = Note(text="0")
    for n in range(1, 6):
        note.fork(text=str(n))
    all_versions = versions(note.lineage_id)
    without = [version for version in all_versions if version.version_no not in (1, 4)]

    tree = sorted_tree(without[::-1])

    ids = [version.id for version in without]
    assert tree["sorted_ids"] == ids
    assert tree["edges"] == [(ids[0], ids[1]), (ids[2], ids[3])]
    assert tree["root"] == ids[0]
    assert [tree["nodes"][version]["depth"] for version in ids] == [0, 1, 0, 1]
    assert tree["nodes"][ids[2]]["parent_id"] == all_versions[3].id
    assert list(tree["diffs"]) == [ids[1], ids[3]]


def test_two_roots_of_one_lineage() -> None:
    note = Note(text="0")
    second = Note.cold(text="1", lineage_id=note.lineage_id, created_at=note.created_at + timedelta(hours=1))
    first = cold(note)

    tree = sorted_tree([second, first])

    assert (tree["root"], tree["edges"], tree["sorted_ids"]) == (first.id, [], [first.id, second.id])


def test_versions_of_the_same_instant_are_in_order_of_descent() -> None:
    first = Note.cold(text="0")
    second = first.evolve(at=first.created_at, text="1")
    third = second.evolve(at=first.created_at, text="2")

    tree = sorted_tree([third, second, first])

    assert tree["sorted_ids"] == [first.id, second.id, third.id]


def test_the_same_version_twice_is_one_node() -> None:
    note = cold(Note())

    assert list(build_tree([note, note])) == [note.id]


def test_five_thousand_versions_in_one_line_take_no_time_and_no_stack() -> None:
    note = Note()
    for n in range(5_000):
        note.fork(text=str(n))

    started = time.process_time()
    tree = EntityRegistry.get_lineage_tree_sorted(note.lineage_id)
    seconds = time.process_time() - started

    assert (len(tree["nodes"]), len(tree["edges"]), len(tree["diffs"])) == (5_001, 5_000, 5_000)
    assert tree["nodes"][note.id]["depth"] == 5_000
    assert len(note.old_ids) == 5_000
    assert seconds < 2


def test_what_versions_share_their_dumps_share() -> None:
    history = tuple(Message.cold(content=str(n)) for n in range(400))
    version = Thread.cold(history=history)
    chain = [version]
    for n in range(200):
        version = version.evolve(at=version.created_at, name=str(n))
        chain.append(version)

    started = time.process_time()
    tree = build_tree(chain)
    seconds = time.process_time() - started

    dumps = [node["data"]["history"] for node in tree.values()]
    assert len({id(message) for messages in dumps for message in messages}) == 400
    assert seconds < 1


# ── LN5: diffs ────────────────────────────────────────────────────────────────


def after(edit: Callable[[Thread], object]) -> dict[str, Any]:
    """What an edit of a certain thread makes of it."""
    thread = Thread(
        prompt=Prompt(content="p"),
        history=[Message(content="1"), Message(content="2")],
        tools={"a": Prompt(content="tool")},
        meta={"a": 1, "b": [1, {"c": 2}]},
        tags={"x", "y"},
    )
    first = cold(thread)
    edit(thread)
    return thread.fork().compute_diff(first).field_diffs


def test_ln5_a_field() -> None:
    """LN5"""
    assert after(lambda t: setattr(t, "name", "n")) == {"name": {"type": "modified", "old": None, "new": "n"}}


def test_ln5_a_nested_field() -> None:
    """LN5"""
    ids = []

    def edit(thread: Thread) -> None:
        assert thread.prompt is not None
        ids.append(thread.prompt.id)
        thread.prompt.content = "q"
        ids.append(thread.prompt.register_entity().id)

    assert after(edit) == {
        "prompt": {
            "type": "entity_modified",
            "old": ids[0],
            "new": {
                "entity_id": ids[1],
                "changes": {"content": {"type": "modified", "old": "p", "new": "q"}},
            },
        }
    }


def test_ln5_an_entity_deep_inside() -> None:
    """LN5"""
    tree = Tree(inside=[Tree(inside=[Tree(name="leaf")])])
    first = cold(tree)
    tree.inside[0].inside[0].name = "new"

    [change] = tree.fork().compute_diff(first).field_diffs["inside"]["new"]["changes"]

    assert change == {
        "index": 0,
        "type": "entity_modified",
        "changes": {
            "inside": {
                "type": "list_modified",
                "old": {"length": 1},
                "new": {
                    "length": 1,
                    "changes": [
                        {
                            "index": 0,
                            "type": "entity_modified",
                            "changes": {"name": {"type": "modified", "old": "leaf", "new": "new"}},
                        }
                    ],
                },
            }
        },
    }


def test_ln5_one_item_of_a_list() -> None:
    """LN5"""
    assert after(lambda t: setattr(t.history[1], "content", "x")) == {
        "history": {
            "type": "list_modified",
            "old": {"length": 2},
            "new": {
                "length": 2,
                "changes": [
                    {
                        "index": 1,
                        "type": "entity_modified",
                        "changes": {"content": {"type": "modified", "old": "2", "new": "x"}},
                    }
                ],
            },
        }
    }


def test_ln5_an_addition_to_a_list_can_be_seen() -> None:
    """LN5"""
    one, two = {"role": "user", "content": "1"}, {"role": "user", "content": "2"}

    assert after(lambda t: t.history.append(Message(role="assistant", content="3"))) == {
        "history": {
            "type": "list_modified",
            "old": {"length": 2, "items": [one, two]},
            "new": {"length": 3, "items": [one, two, {"role": "assistant", "content": "3"}]},
        }
    }


def test_ln5_plain_items_of_a_list() -> None:
    """LN5"""
    first = Everything.cold(anything=["a", "b", ["c", "d"]])
    second = first.evolve(at=first.created_at, anything=["a", "x", ["c", "y"]])

    assert second.compute_diff(first).field_diffs == {
        "anything": {
            "type": "list_modified",
            "old": {"length": 3},
            "new": {
                "length": 3,
                "changes": [
                    {"index": 1, "type": "modified", "old": "b", "new": "x"},
                    {
                        "index": 2,
                        "type": "list_modified",
                        "old": {"length": 2},
                        "new": {
                            "length": 2,
                            "changes": [{"index": 1, "type": "modified", "old": "d", "new": "y"}],
                        },
                    },
                ],
            },
        }
    }


def test_ln5_dicts_and_sets() -> None:
    """LN5"""

    def edit(thread: Thread) -> None:
        thread.tools["a"].content = "x"
        thread.meta["b"][1]["c"] = 3
        thread.tags.add("w")

    assert after(edit) == {
        "tools": {
            "type": "modified",
            "old": {"a": {"content": "tool", "name": None}},
            "new": {"a": {"content": "x", "name": None}},
        },
        "meta": {
            "type": "modified",
            "old": {"a": 1, "b": [1, {"c": 2}]},
            "new": {"a": 1, "b": [1, {"c": 3}]},
        },
        "tags": {"type": "modified", "old": ["x", "y"], "new": ["w", "x", "y"]},
    }


def test_ln5_an_entity_comes_and_goes() -> None:
    """LN5"""
    prompt = {"content": "p", "name": None}
    with_one, without = Thread(prompt=Prompt(content="p")), Thread()

    assert with_one.compute_diff(without).field_diffs == {
        "prompt": {"type": "modified", "old": None, "new": prompt}
    }
    assert without.compute_diff(with_one).field_diffs == {
        "prompt": {"type": "modified", "old": prompt, "new": None}
    }


def test_ln5_an_entity_replaced_by_another() -> None:
    """LN5"""
    old, new = Prompt(content="p"), Prompt(content="q")

    assert Thread(prompt=new).compute_diff(Thread(prompt=old)).field_diffs["prompt"] == {
        "type": "entity_modified",
        "old": old.id,
        "new": {
            "entity_id": new.id,
            "changes": {"content": {"type": "modified", "old": "p", "new": "q"}},
        },
    }


def test_ln5_an_entity_replaced_by_one_of_another_class() -> None:
    """LN5"""
    before = Everything(one_or_other=Prompt(content="same", name="n"))
    now = Everything(one_or_other=Message(content="same", role="tool"))

    changes = now.compute_diff(before).field_diffs["one_or_other"]["new"]["changes"]

    assert changes == {
        "role": {"type": "added", "old": None, "new": "tool"},
        "name": {"type": "removed", "old": "n", "new": None},
    }


def different_values() -> dict[str, tuple[Any, Any]]:
    return {
        "a number's type": (1, True),
        "deep in a dict": ({"a": [1]}, {"a": [1.0]}),
        "list and None": ([1], None),
        "dict and list": ({}, []),
        "text and number": ("1", 1),
        "a plain model": (Plain(parts=[1]), Plain(parts=[2])),
        "a frozen model": (Frozen(size=1), Frozen(size=2)),
        "an enum": (Mood.GLAD, Mood.SAD),
    }


@pytest.mark.parametrize(("old", "new"), different_values().values(), ids=different_values().keys())
def test_ln5_values_that_differ(old: object, new: object) -> None:
    """LN5"""
    before, now = Everything(anything=old), Everything(anything=new)

    assert list(now.compute_diff(before).field_diffs) == ["anything"]
    assert list(before.compute_diff(now).field_diffs) == ["anything"]


@pytest.mark.parametrize(
    "value", [[1, [2]], (1, 2), {"b": 1, "a": {"c": None}}, {3, 1, 2}, Plain(parts=[1]), Mood.SAD, "", 0, 1.5]
)
def test_ln5_values_that_do_not_differ(value: object) -> None:
    """LN5"""
    assert Everything(anything=value).compute_diff(Everything(anything=value)).field_diffs == {}


def test_ln5_ids_lineage_and_times_are_no_difference() -> None:
    """LN5"""
    one = Thread(prompt=Prompt(content="p"), history=[Message(content="m")])
    other = Thread(prompt=Prompt(content="p"), history=[Message(content="m")])
    first = cold(one)
    one.history[0].fork(force=True)
    one.fork(force=True)

    assert one.compute_diff(other).field_diffs == {}
    assert one.compute_diff(first).field_diffs == {}


def test_ln5_fields_are_in_the_order_they_are_declared() -> None:
    """LN5"""

    def edit(thread: Thread) -> None:
        thread.tags.clear()
        thread.meta.clear()
        thread.history.clear()
        thread.name = "n"

    diffs = after(edit)

    assert list(diffs) == ["name", "history", "meta", "tags"]


def test_a_diff_does_not_change_when_the_object_is_edited_later() -> None:
    thread = Thread()
    first = cold(thread)
    thread.history.append(Message(content="1"))
    thread.meta["a"] = [1]

    diff = thread.compute_diff(first)
    thread.history[0].content = "later"
    thread.meta["a"].append(2)

    assert diff.field_diffs["history"]["new"]["items"] == [{"role": "user", "content": "1"}]
    assert diff.field_diffs["meta"]["new"] == {"a": [1]}
