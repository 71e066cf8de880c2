"""
From one schema of the store to the next: numbered SQL files, run on an older file when it is opened.

A new file is made from `sql/schema.sql` at once; a test holds the two ways together. A change of the
schema is a new file in `sql/migrations/`, the same in `schema.sql` and `tables.py`, and a higher number
here. A file that was released is never edited.
"""

from importlib import resources

__all__ = ["SCHEMA_VERSION", "steps_from"]

SCHEMA_VERSION = 5


def steps_from(version: int) -> list[str]:
    """What leads from that schema to the present one, in order; [] from the present one."""
    folder = resources.files(__package__).joinpath("sql/migrations")
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    return [file.read_text(encoding="utf-8") for file in files if int(file.name[:4]) > version]
