"""`entity_tracer`, item by item: C1 to C4."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any, assert_type

import pytest

from minference_core.entities import EntityRegistry
from minference_core.entities.tracer import entity_tracer

from .samples import Message, Note, Thread


def texts(note: Note) -> list[str]:
    """What a note said, version by version."""
    return [found.text for found in Note.get_many(EntityRegistry.get_lineage_ids(note.lineage_id))]


@entity_tracer
def edit(note: Note, text: str = "edited") -> Note:
    """Say something else."""
    note.text = text
    return note


@entity_tracer
async def edit_later(note: Note, text: str = "edited") -> Note:
    await asyncio.sleep(0)
    note.text = text
    await asyncio.sleep(0)
    return note


# ── C1, C3 ────────────────────────────────────────────────────────────────────


def test_c1_what_a_function_edits_is_a_version_when_it_returns() -> None:
    """C1"""
    note = Note(text="first")

    edit(note)

    assert texts(note) == ["first", "edited"]


def test_c1_what_was_edited_before_is_a_version_of_its_own() -> None:
    """C1"""
    note = Note(text="first")

    note.text = "by the caller"
    edit(note, text="by the function")

    assert texts(note) == ["first", "by the caller", "by the function"]


def test_c1_coroutine_functions() -> None:
    """C1"""
    note = Note(text="first")
    note.text = "by the caller"

    assert asyncio.run(edit_later(note)) is note

    assert texts(note) == ["first", "by the caller", "edited"]
    assert inspect.iscoroutinefunction(edit_later)


def test_c1_each_step_of_an_inner_function_is_a_version() -> None:
    """C1"""
    note = Note(text="first")

    @entity_tracer
    def twice(note: Note) -> None:
        edit(note, "once")
        edit(note, "twice")
        note.text = "at last"

    twice(note)

    assert texts(note) == ["first", "once", "twice", "at last"]


def test_c1_nothing_edited_nothing_versioned() -> None:
    """C1"""
    note = Note(text="first")

    assert entity_tracer(lambda note: note.text)(note) == "first"

    assert texts(note) == ["first"]


def test_c3_the_result_is_the_very_object() -> None:
    """C3"""
    note, other = Note(), object()

    assert edit(note) is note
    assert entity_tracer(lambda _: other)(note) is other


# ── C2: where entities are looked for ─────────────────────────────────────────


@pytest.mark.parametrize(
    "hold", [lambda n: [n], lambda n: (n,), lambda n: {n}, lambda n: {"k": n}, lambda n: n]
)
@pytest.mark.parametrize("by_name", [False, True])
def test_c2_arguments_and_one_level_inside_them(hold: Callable[[Note], Any], *, by_name: bool) -> None:
    """C2"""
    note = Note(text="first")

    @entity_tracer
    def work(held: object) -> None:
        note.text = "edited"

    if by_name:
        work(held=hold(note))
    else:
        work(hold(note))

    assert texts(note) == ["first", "edited"]


def test_c2_entities_inside_entities() -> None:
    """C2"""
    thread = Thread(history=[Message(content="m")])

    @entity_tracer
    def work(thread: Thread) -> None:
        thread.history[0].content = "edited"
        thread.history.append(Message(content="new"))

    work(thread)

    assert thread.version_no == 2
    assert thread.history[0].version_no == 2


def test_c2_what_a_function_puts_into_a_list_and_what_it_takes_out() -> None:
    """C2"""
    gone, added = Note(text="gone"), Note(text="added")

    @entity_tracer
    def work(notes: list[Note]) -> None:
        notes.pop().text = "edited"
        added.text = "edited"
        notes.append(added)

    work([gone])

    assert texts(gone) == ["gone", "edited"]
    assert texts(added) == ["added", "edited"]


def test_c2_arguments_are_not_used_up() -> None:
    """C2"""
    notes = [Note(), Note()]

    assert entity_tracer(list)(iter(notes)) == notes


def test_versions_are_left_alone() -> None:
    note = Note()
    cold = note.cold_snapshot
    other = EntityRegistry()

    with other.active():
        entity_tracer(lambda _: None)(cold)

    assert other.get_registry_status()["total_items"] == 0


# ── C4: switched off ──────────────────────────────────────────────────────────


def test_c4_switched_off_it_is_a_plain_call() -> None:
    """C4"""
    note = Note(text="first")
    assert EntityRegistry.is_tracing_enabled()

    EntityRegistry.set_tracing_enabled(False)
    edit(note)
    asyncio.run(edit_later(note, "later"))

    assert not EntityRegistry.is_tracing_enabled()
    assert texts(note) == ["first"]

    EntityRegistry.set_tracing_enabled(True)
    edit(note, "at last")
    assert texts(note) == ["first", "later", "at last"]


def test_c4_one_registry_switched_off_is_not_all() -> None:
    """C4"""
    with EntityRegistry().active():
        EntityRegistry.set_tracing_enabled(False)

    assert EntityRegistry.is_tracing_enabled()


# ── everything else about a function ──────────────────────────────────────────


def test_when_the_function_raises_its_edits_wait_for_the_next_registration() -> None:
    note = Note(text="first")

    @entity_tracer
    def fail(note: Note) -> None:
        note.text = "half done"
        raise LookupError

    with pytest.raises(LookupError):
        fail(note)

    assert texts(note) == ["first"]
    note.fork()
    assert texts(note) == ["first", "half done"]


def test_methods() -> None:
    class Editor:
        @entity_tracer
        def edit(self, note: Note) -> None:
            note.text = "by a method"

        @classmethod
        @entity_tracer
        def edit_too(cls, note: Note) -> None:
            note.text = "by a class method"

        @staticmethod
        @entity_tracer
        def edit_as_well(note: Note) -> None:
            note.text = "by a static method"

    class Diary(Note):
        @entity_tracer
        def write(self, text: str) -> "Diary":
            self.text = text
            return self

    note, diary = Note(text="first"), Diary(text="first")
    Editor().edit(note)
    Editor.edit_too(note)
    Editor.edit_as_well(note)

    assert texts(note) == ["first", "by a method", "by a class method", "by a static method"]
    assert diary.write("dear diary") is diary
    assert texts(diary) == ["first", "dear diary"]


def test_generators() -> None:
    note = Note(text="first")

    @entity_tracer
    def steps(note: Note) -> Iterator[str]:
        for text in ("one", "two"):
            note.text = text
            yield text

    note.text = "before"

    assert list(steps(note)) == ["one", "two"]
    assert texts(note) == ["first", "before", "two"]


def test_asynchronous_generators_still_generate() -> None:
    note = Note(text="first")

    @entity_tracer
    async def steps(note: Note) -> Any:
        note.text = "one"
        yield note

    async def consume() -> list[Note]:
        return [step async for step in steps(note)]

    assert asyncio.run(consume()) == [note]
    assert texts(note.register_entity()) == ["first", "one"]


def test_it_looks_like_the_function_it_traces() -> None:
    assert (edit.__name__, edit.__doc__) == ("edit", "Say something else.")
    assert str(inspect.signature(edit)).startswith("(note: ")


def test_types_are_kept() -> None:
    assert_type(edit(Note(), text="x"), Note)
    asyncio.run(edit_later(Note()))
    with pytest.raises(TypeError):
        edit(Note(), nonsense=1)  # type: ignore[call-arg]
