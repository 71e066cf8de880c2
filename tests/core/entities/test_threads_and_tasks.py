"""Registries of one's own, swapped, bounded and stored; and many threads and tasks at once."""

import asyncio
import contextvars
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import pytest

from minference_core.entities import Entity, EntityRegistry, memory
from minference_core.errors import StoreError

from .samples import Message, Note, Prompt, Thread

THREADS = 8
TASKS = 100


class Shelf:
    """A store in memory; it can be told to fail, and says how often it was written to."""

    def __init__(self) -> None:
        self.versions: dict[UUID, Entity] = {}
        self.saves = 0
        self.broken = False

    def save(self, versions: Sequence[Entity]) -> None:
        if self.broken:
            raise StoreError("the shelf is broken")
        self.saves += 1
        self.versions.update((version.id, version) for version in versions)

    def load(self, version_id: UUID) -> Entity | None:
        return self.versions.get(version_id)

    def lineage(self, lineage_id: UUID) -> list[UUID]:
        return [v.id for v in self._in_order() if v.lineage_id == lineage_id]

    def ids_of(self, kind: type[Entity]) -> list[UUID]:
        return [v.id for v in self._in_order() if isinstance(v, kind)]

    def _in_order(self) -> list[Entity]:
        return sorted(self.versions.values(), key=lambda v: (v.created_at, v.version_no))


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def in_threads(work: Callable[[int], object]) -> list[object]:
    """What it returns for each number, all begun at the same moment, in threads that share this context."""
    start = threading.Barrier(THREADS)
    results: dict[int, Future[object]] = {number: Future() for number in range(THREADS)}

    def run(number: int) -> None:
        start.wait()
        try:
            results[number].set_result(work(number))
        except BaseException as error:  # noqa: BLE001 (raised where the result is asked for)
            results[number].set_exception(error)

    for number in range(THREADS):
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(run, number), daemon=True).start()
    return [result.result(timeout=30) for result in results.values()]


@pytest.fixture
def process_registry() -> Iterator[EntityRegistry]:
    """A registry that is the process's while the test runs."""
    was = contextvars.Context().run(EntityRegistry.current)
    own = EntityRegistry().make_default()
    yield own
    was.make_default()


# ── which registry ────────────────────────────────────────────────────────────


def test_a_registry_of_ones_own_knows_only_its_own(registry: EntityRegistry) -> None:
    outside = Note()

    with EntityRegistry().active() as own:
        inside = Note()
        assert EntityRegistry.current() is own
        assert not EntityRegistry.has_entity(outside.id)

    assert EntityRegistry.current() is registry
    assert not EntityRegistry.has_entity(inside.id)
    assert own.has_entity(inside.id)


def test_a_registry_is_left_when_its_block_raises(registry: EntityRegistry) -> None:
    with pytest.raises(LookupError), EntityRegistry().active():
        raise LookupError

    assert EntityRegistry.current() is registry


def test_a_registry_made_the_default_is_that_of_other_threads(process_registry: EntityRegistry) -> None:
    with ThreadPoolExecutor(1) as pool:
        note = pool.submit(Note).result()

    assert process_registry.has_entity(note.id)
    assert not EntityRegistry.has_entity(note.id)


def test_each_task_can_have_its_own_registry(registry: EntityRegistry) -> None:
    async def work(number: int) -> tuple[list[str], EntityRegistry]:
        with EntityRegistry().active() as own:
            note = Note(text=str(number))
            await asyncio.sleep(0)
            note.fork(text=f"{number} edited")
            await asyncio.to_thread(note.fork, text=f"{number} edited in a thread")
            await asyncio.create_task(asyncio.sleep(0))
            return [found.text for found in Note.list_all()], own

    async def together() -> list[tuple[list[str], EntityRegistry]]:
        return await asyncio.gather(*map(work, range(TASKS)))

    for number, (texts, own) in enumerate(asyncio.run(together())):
        assert texts == [str(number), f"{number} edited", f"{number} edited in a thread"]
        assert own.get_registry_status()["total_items"] == 3
    assert registry.get_registry_status()["total_items"] == 0


def test_each_thread_can_have_its_own_registry(registry: EntityRegistry) -> None:
    def work(number: int) -> list[str]:
        with EntityRegistry().active():
            note = Note(text=str(number))
            for _ in range(50):
                note.fork(force=True)
            return [found.text for found in Note.list_all()]

    assert in_threads(work) == [[str(number)] * 51 for number in range(THREADS)]
    assert registry.get_registry_status()["total_items"] == 0


def test_what_is_registered_with_another_registry_is_only_there(registry: EntityRegistry) -> None:
    thread = Thread(prompt=Prompt(content="p"))
    count = registry.get_registry_status()["total_items"]
    assert thread.prompt is not None
    other = EntityRegistry()

    thread.prompt.content = "q"
    other.register(thread)

    assert other.has_entity(thread.id)
    assert other.has_entity(thread.prompt.id)
    assert registry.get_registry_status()["total_items"] == count


def test_two_registries_registering_with_each_other_do_not_wait_for_ever() -> None:
    one, two = EntityRegistry(), EntityRegistry()

    def work(number: int) -> None:
        active, other = (one, two) if number % 2 else (two, one)
        with active.active():
            thread = Thread(prompt=Prompt())
            for n in range(100):
                assert thread.prompt is not None
                thread.prompt.content = str(n)
                other.register(thread)

    in_threads(work)


# ── many at once ──────────────────────────────────────────────────────────────


def test_threads_that_make_entities_do_not_disturb_each_other() -> None:
    def work(number: int) -> list[UUID]:
        thread = Thread(name=str(number))
        ids = [thread.id]
        for n in range(100):
            thread.history.append(Message(content=f"{number}.{n}"))
            ids.append(thread.fork().id)
        assert EntityRegistry.get_lineage_ids(thread.lineage_id) == ids
        return ids

    made = in_threads(work)

    assert EntityRegistry.get_registry_status()["entities_by_type"] == {
        "Thread": THREADS * 101,
        "Config": THREADS,
        "Message": THREADS * 100,
    }
    for ids in made:
        assert isinstance(ids, list)
        assert [len(found.history) for found in Thread.get_many(ids)] == list(range(101))


def test_threads_that_register_the_same_edited_entity_make_one_version() -> None:
    thread = Thread()
    for n in range(50):
        thread.history.append(Message(content=str(n)))
        thread.name = str(n)

        in_threads(lambda _: EntityRegistry.register(thread))

    assert thread.version_no == 51
    assert len(EntityRegistry.get_lineage_ids(thread.lineage_id)) == 51


def test_threads_that_force_forks_of_the_same_entity_make_a_chain() -> None:
    note = Note()

    in_threads(lambda _: [note.fork(force=True) for _ in range(50)])

    assert note.version_no == 1 + THREADS * 50
    assert len(note.old_ids) == THREADS * 50
    tree = EntityRegistry.get_lineage_tree_sorted(note.lineage_id)
    assert all(len(node["children"]) <= 1 for node in tree["nodes"].values())


def test_threads_that_read_while_others_write() -> None:
    thread = Thread(history=[Message(content="0")])
    first = thread.id

    def work(number: int) -> None:
        for n in range(50):
            if number == 0:
                thread.history.append(Message(content=str(n)))
                thread.fork()
            copy = Thread.get(first)
            assert copy is not None
            assert len(copy.history) == 1
            EntityRegistry.get_lineage_tree_sorted(thread.lineage_id)
            EntityRegistry.get_registry_status()
            EntityRegistry.list_by_type(Message)

    in_threads(work)


def test_a_hundred_tasks_of_their_own_and_of_the_same_entity() -> None:
    shared = Thread()

    async def work(number: int) -> None:
        own = Note(text=str(number))
        for n in range(5):
            await asyncio.sleep(0)
            own.fork(text=f"{number}.{n}")
            shared.history.append(Message(content=f"{number}.{n}"))
            await asyncio.to_thread(shared.fork) if n == 0 else shared.fork()
        assert own.version_no == 6

    async def together() -> None:
        await asyncio.gather(*map(work, range(TASKS)))

    asyncio.run(together())

    assert len(shared.history) == TASKS * 5
    version = EntityRegistry.get_cold_snapshot(shared.id)
    assert isinstance(version, Thread)
    assert {m.content for m in version.history} == {f"{t}.{n}" for t in range(TASKS) for n in range(5)}


# ── a bound ───────────────────────────────────────────────────────────────────


def test_a_bounded_registry_forgets_the_least_recently_used_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with EntityRegistry(max_versions=10).active() as bounded, caplog.at_level(logging.WARNING):
        notes = [Note(text=str(n)) for n in range(9)]
        bounded.get(notes[0].id)
        notes += [Note(text=str(n)) for n in range(9, 50)]

        assert bounded.get_registry_status()["total_items"] == 10
        assert bounded.get(notes[1].id) is None
        assert [note.id for note in bounded.list_by_type(Note)] == [note.id for note in notes[-10:]]
        assert bounded.get_lineage_ids(notes[0].lineage_id) == []
        assert len(caplog.records) == 1


def test_what_was_used_last_is_forgotten_last() -> None:
    with EntityRegistry(max_versions=3).active() as bounded:
        first, *_ = (Note(text=str(n)) for n in range(3))
        bounded.get(first.id)
        Note()

        assert bounded.has_entity(first.id)


def test_a_forgotten_version_does_not_keep_an_object_from_being_edited() -> None:
    with EntityRegistry(max_versions=1).active() as bounded:
        note, parents = Note(text="0"), []
        for n in range(1, 5):
            parents.append(note.id)
            note.fork(text=str(n))

        assert note.version_no == 5
        assert note.old_ids == parents[-1:]
        assert bounded.get_lineage_tree_sorted(note.lineage_id)["root"] == note.id


def test_a_bound_must_leave_room() -> None:
    with pytest.raises(ValueError, match="max_versions=0"):
        EntityRegistry(max_versions=0)


def test_a_bounded_registry_with_a_store_forgets_nothing(shelf: Shelf) -> None:
    with EntityRegistry(max_versions=5).active() as bounded:
        bounded.attach(shelf)
        thread = Thread()
        ids = [thread.id]
        for n in range(30):
            thread.history.append(Message(content=str(n)))
            ids.append(thread.fork().id)

        assert bounded.get_registry_status()["total_items"] <= 5
        assert bounded.get_lineage_ids(thread.lineage_id) == ids
        assert [len(found.history) for found in Thread.get_many(ids)] == list(range(31))
        assert len(bounded.list_by_type(Thread)) == 31
        assert thread.old_ids == ids[:-1]
        assert len(bounded.get_lineage_tree_sorted(thread.lineage_id)["edges"]) == 30
        assert bounded.get_registry_status()["total_items"] <= 5


# ── a store ───────────────────────────────────────────────────────────────────


def test_attaching_writes_what_is_there_and_reads_what_is_not(shelf: Shelf) -> None:
    note = Note(text="here")
    with EntityRegistry().active():
        there = Note(text="there")
        assert there.cold_snapshot is not None
        shelf.save([there.cold_snapshot])

    EntityRegistry.attach(shelf)

    assert note.id in shelf.versions
    assert Note.get(there.id) == there
    assert {found.text for found in Note.list_all()} == {"here", "there"}


def test_what_is_registered_is_written_within_a_second(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_FLUSH_AFTER_S", 0.05)
    EntityRegistry.attach(shelf)
    for n in range(100):
        Note(text=str(n))
    assert len(shelf.versions) < 100

    wait_until(lambda: len(shelf.versions) == 100)

    assert shelf.saves < 10


def test_what_a_registry_that_is_gone_had_to_write_is_written(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_FLUSH_AFTER_S", 0.05)

    def work() -> None:
        with EntityRegistry().active() as own:
            own.attach(shelf)
            Note()

    work()
    gc.collect()

    wait_until(lambda: len(shelf.versions) == 1)


def test_flush_writes_now_and_nothing_twice(shelf: Shelf) -> None:
    EntityRegistry.attach(shelf)
    thread = Thread(prompt=Prompt())

    EntityRegistry.flush()
    assert {v.entity_kind for v in shelf.versions.values()} == {"Thread", "Prompt", "Config"}
    saves = shelf.saves
    EntityRegistry.flush()
    EntityRegistry.register(thread)
    EntityRegistry.flush()

    assert shelf.saves == saves


def test_after_detaching_nothing_more_is_written(shelf: Shelf) -> None:
    EntityRegistry.attach(shelf)
    before = Note()
    EntityRegistry.detach()
    after = Note()
    EntityRegistry.flush()

    assert list(shelf.versions) == [before.id]
    assert EntityRegistry.has_entity(before.id)
    assert EntityRegistry.has_entity(after.id)


def test_attaching_another_store_moves_on(shelf: Shelf) -> None:
    other = Shelf()
    EntityRegistry.attach(shelf)
    one = Note()
    EntityRegistry.attach(other)
    two = Note()
    EntityRegistry.flush()

    assert list(shelf.versions) == [one.id]
    assert set(other.versions) == {one.id, two.id}


def test_clearing_forgets_the_memory_and_not_the_store(shelf: Shelf) -> None:
    EntityRegistry.attach(shelf)
    note = Note(text="kept")

    EntityRegistry.clear()

    assert EntityRegistry.get_registry_status()["total_items"] == 0
    assert Note.get(note.id) == note
    assert EntityRegistry.get_lineage_ids(note.lineage_id) == [note.id]


def test_a_store_that_fails_loses_nothing(shelf: Shelf) -> None:
    EntityRegistry.attach(shelf)
    shelf.broken = True
    note = Note(text="1")
    with pytest.raises(StoreError):
        EntityRegistry.flush()
    note.fork(text="2")
    with pytest.raises(StoreError):
        EntityRegistry.detach()

    shelf.broken = False
    EntityRegistry.flush()

    assert list(shelf.versions) == [*note.old_ids, note.id]


def test_a_store_that_fails_once_is_written_to_again_without_being_asked(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "_FLUSH_AFTER_S", 0.02)
    EntityRegistry.attach(shelf)
    shelf.broken = True
    Note()
    wait_until(lambda: bool(caplog.records))

    shelf.broken = False

    wait_until(lambda: len(shelf.versions) == 1)


def test_a_full_registry_whose_store_fails_still_makes_versions(shelf: Shelf) -> None:
    with EntityRegistry(max_versions=1).active() as bounded:
        bounded.attach(shelf)
        note = Note(text="0")
        Note()
        shelf.broken = True

        note.fork(text="1")

        with pytest.raises(StoreError):
            bounded.flush()
        shelf.broken = False
        assert (note.text, note.version_no) == ("1", 2)
        assert note.fork().version_no == 2
        bounded.flush()
        assert bounded.get_lineage_ids(note.lineage_id) == [*note.old_ids, note.id]


def test_threads_that_write_to_a_store_lose_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_FLUSH_AT", 20)
    monkeypatch.setattr(memory, "_FLUSH_AFTER_S", 0.001)

    with EntityRegistry(max_versions=50).active() as bounded:
        bounded.attach(shelf)

        def work(number: int) -> list[UUID]:
            note = Note()
            ids = [note.id]
            for n in range(100):
                ids.append(note.fork(text=f"{number}.{n}").id)
                assert bounded.has_entity(ids[n])
            return ids

        made = in_threads(work)
        bounded.flush()

    for ids in made:
        assert isinstance(ids, list)
        assert set(ids) <= set(shelf.versions)


def test_clearing_while_others_write_loses_nothing(shelf: Shelf) -> None:
    EntityRegistry.attach(shelf)

    def work(number: int) -> list[UUID]:
        if number == 0:
            for _ in range(100):
                EntityRegistry.clear()
            return []
        return [Note(text=f"{number}.{n}").id for n in range(200)]

    made = in_threads(work)
    EntityRegistry.flush()

    for ids in made:
        assert isinstance(ids, list)
        assert set(ids) <= set(shelf.versions)


def wait_until(done: Callable[[], bool], *, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.005)
