"""Copies that share their blocks where the file system has that, and no more of them than are needed."""

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from minference_core.store import Store
from minference_core.store import files as store_files
from minference_core.store.files import copy
from minference_core.store.publish import publish
from minference_core.store.segments import Segment, read_segment

from .rows import put
from .test_fold import numbers

_TEXT = b"all of it\n" * 1000


def reflinks(folder: Path) -> bool:
    (folder / "given").write_bytes(_TEXT)
    return copy(folder / "given", folder / "made")


def test_where_blocks_cannot_be_shared_every_byte_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, "not here")

    monkeypatch.setattr(store_files, "ioctl", refuse)
    (tmp_path / "given").write_bytes(_TEXT)

    assert not copy(tmp_path / "given", tmp_path / "made")
    assert (tmp_path / "made").read_bytes() == _TEXT


def test_a_copy_that_shares_blocks_is_one_of_its_own(tmp_path: Path) -> None:
    if not reflinks(tmp_path):
        pytest.skip("this file system has no reflinks")
    (tmp_path / "given").write_bytes(b"other")

    assert (tmp_path / "made").read_bytes() == _TEXT


def test_what_comes_while_others_are_taken_in_is_published_with_them(
    store: Store, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(inbox, "one", 1)
    late, published = [2, 3], list[int]()

    def read_while_another_writes(folder: Path) -> Segment:
        if late:
            number = late.pop()
            put(inbox, f"late-{number}", number)
        return read_segment(folder)

    def count(private: Path, target: Path) -> None:
        published.append(1)
        publish(private, target)

    monkeypatch.setattr("minference_core.store.fold.read_segment", read_while_another_writes)
    monkeypatch.setattr("minference_core.store.fold.publish", count)

    assert store.fold().segments == 3
    assert numbers(store) == [1, 2, 3]
    assert published == [1]


def test_who_waits_for_anothers_fold_finds_its_own_published(data: Path, store: Store, inbox: Path) -> None:
    """A run that ends has its data in the published file, whoever put it there."""
    store.fold()
    lock = FileLock(data / ".store" / "fold.lock", fallback_to_soft=False, thread_local=False)
    lock.acquire()
    reports = []
    waiters = []
    for number in range(4):
        put(inbox, f"run-{number}", number)
        waiters.append(threading.Thread(target=lambda: reports.append(Store(data, ()).fold(wait_s=30))))
        waiters[-1].start()

    lock.release()
    for waiter in waiters:
        waiter.join()

    assert numbers(store) == [0, 1, 2, 3]
    assert sorted(report.published for report in reports) == [False, False, False, True]


def test_who_only_saves_leaves_it_waiting_while_the_last_publishing_is_recent(
    data: Path, store: Store, inbox: Path
) -> None:
    store.fold()
    put(inbox, "one", 1)

    store.fold_unless_recent()
    assert numbers(store) == []

    long_ago = time.time() - 60
    os.utime(data / ".store" / "published", (long_ago, long_ago))
    store.fold_unless_recent()
    assert numbers(store) == [1]


def test_publishing_that_takes_long_is_done_less_often(data: Path, store: Store, inbox: Path) -> None:
    store.fold()
    mark = data / ".store" / "published"
    state, _, _ = mark.read_text().partition("\n")
    mark.write_text(f"{state}\n20.0")
    a_minute_ago = time.time() - 60
    os.utime(mark, (a_minute_ago, a_minute_ago))
    put(inbox, "one", 1)

    store.fold_unless_recent()
    assert numbers(store) == []

    store.catch_up(wait_s=0)  # whoever asks is never left without
    assert numbers(store) == [1]


def test_who_waits_does_not_wait_for_the_lock_once_its_own_is_published(
    data: Path, store: Store, inbox: Path
) -> None:
    """Else it would wait for as long as others keep the holder busy."""
    put(inbox, "mine", 1)
    reports = []
    with FileLock(data / ".store" / "fold.lock", fallback_to_soft=False, thread_local=False) as lock:
        waiter = threading.Thread(target=lambda: reports.append(Store(data, ()).fold(wait_s=30)))
        waiter.start()
        time.sleep(0.3)
        lock.release()
        store.fold()
        lock.acquire()
        waiter.join()

    assert [report.busy for report in reports] == [False]
    assert numbers(store) == [1]
