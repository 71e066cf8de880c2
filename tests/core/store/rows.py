"""Rows to fill a store with, for the tests of this folder."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa

from minference_core.store import table, write_segment

MAT = UUID(int=77)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def version(number: int) -> UUID:
    return UUID(int=0x0190_0000_0000_8000_8000_0000_0000_0000 + number)


def messages(*numbers: int) -> pa.Table:
    return table(
        "message_version",
        [
            {
                "id": version(number),
                "lineage_id": version(number),
                "version_no": 0,
                "created_at": NEW_YEAR,
                "content_hash": version(number),
                "mat_id": MAT,
                "role": "user",
                "content": f"message {number}: " + "a sentence that says little. " * 8,
            }
            for number in numbers
        ],
    )


def heads(*numbers: int) -> pa.Table:
    return table(
        "thread_head",
        [
            {
                "lineage_id": version(number),
                "thread_id": version(number),
                "sequence": 1,
                "mat_id": MAT,
                "moved_at": NEW_YEAR,
            }
            for number in numbers
        ],
    )


def put(inbox: Path, name: str, *numbers: int) -> Path:
    """A segment with a message and a head for each number."""
    return write_segment(
        inbox, name, MAT, {"message_version": messages(*numbers), "thread_head": heads(*numbers)}
    )
