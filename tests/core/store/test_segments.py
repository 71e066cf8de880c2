import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from minference_core.errors import StoreError
from minference_core.store import SEGMENT_ROWS, write_segment
from minference_core.store.segments import read_segment, sweep, waiting

from .rows import MAT, heads, messages, put, version


def test_a_segment_is_one_folder_with_a_file_for_each_table(inbox: Path) -> None:
    folder = put(inbox, "sales-2026-01-01", 1, 2)

    assert folder == inbox / "sales-2026-01-01"
    assert sorted(path.name for path in folder.iterdir()) == [
        "message_version.parquet",
        "segment.json",
        "thread_head.parquet",
    ]
    assert [path.name for path in inbox.iterdir()] == ["sales-2026-01-01"]


def test_rows_are_kept_once_and_in_key_order(inbox: Path) -> None:
    put(inbox, "one", 3, 1, 2, 3)

    segment = read_segment(inbox / "one")

    assert segment.mat_id == MAT
    assert segment.rows == 6
    for name, key in (("message_version", "id"), ("thread_head", "lineage_id")):
        [piece] = segment.pieces(name)
        assert piece.column(key).to_pylist() == [version(n) for n in (1, 2, 3)]


def test_writing_a_segment_that_waits_already_changes_nothing(inbox: Path) -> None:
    folder = put(inbox, "one", 1)
    before = (folder / "message_version.parquet").stat().st_ino

    assert put(inbox, "one", 1) == folder

    assert (folder / "message_version.parquet").stat().st_ino == before
    assert waiting(inbox) == [folder]


@pytest.mark.parametrize("name", ["", "../out", ".hidden", "a/b", "x" * 300])
def test_a_name_that_is_no_folder_name_is_refused(inbox: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be called"):
        write_segment(inbox, name, MAT, {})


def test_rows_the_store_cannot_take_are_refused_before_anything_is_written(inbox: Path) -> None:
    without_id = messages(1).set_column(0, "id", pa.array([None], pa.uuid()))
    too_many = pa.concat_tables([heads(1)] * (SEGMENT_ROWS + 1))

    for tables, complaint in (
        ({"nonsense": heads(1)}, "no table nonsense"),
        ({"thread_head": messages(1)}, "not rows of thread_head"),
        ({"message_version": without_id}, "null values"),
        ({"thread_head": too_many}, "write several"),
    ):
        with pytest.raises(StoreError, match=complaint):
            write_segment(inbox, "one", MAT, tables)

    assert waiting(inbox) == []


def test_a_damaged_segment_says_which_it_is(inbox: Path) -> None:
    folder = put(inbox, "one", 1, 2)
    pq.write_table(messages(1), folder / "message_version.parquet")

    with pytest.raises(StoreError, match=r"segment one cannot be read: .*has 1 rows, not 2"):
        read_segment(folder)


def test_what_dead_writers_left_goes_after_an_hour(inbox: Path) -> None:
    for name, age_s in ((".tmp-dead", 3700), (".tmp-alive", 60)):
        (inbox / name).mkdir(parents=True)
        (inbox / name / "thread_head.parquet").write_bytes(b"half")
        os.utime(inbox / name, (time.time() - age_s,) * 2)

    sweep(inbox)

    assert [path.name for path in inbox.iterdir()] == [".tmp-alive"]


def test_a_damaged_page_is_found_when_it_is_read(inbox: Path) -> None:
    file = put(inbox, "one", *range(100)) / "message_version.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0xFF
    file.write_bytes(content)

    with pytest.raises(StoreError, match=r"segment one cannot be read: message_version"):
        list(read_segment(inbox / "one").pieces("message_version"))


def test_long_texts_are_read_in_pieces(inbox: Path) -> None:
    """A fold's memory must not depend on how much is said in a segment."""
    rows = messages(*range(40))
    content = pa.array(["x" * 2_000_000] * 40)
    rows = rows.set_column(rows.schema.get_field_index("content"), "content", content)
    write_segment(inbox, "one", MAT, {"message_version": rows})

    pieces = [piece.num_rows for piece in read_segment(inbox / "one").pieces("message_version")]

    assert sum(pieces) == 40
    assert max(pieces) <= 20
