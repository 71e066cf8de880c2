"""What an export is, in words a program can read: enough to make the same one again."""

import json
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from minference_core.errors import ConfigError, ExportError
from minference_core.export.files import sha256_of

__all__ = [
    "FileEntry",
    "Manifest",
    "Selected",
    "StoreState",
    "read_manifest",
    "store_state",
    "write_manifest",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Selected(_Part):
    """What was asked for, as it was given: see `Selection`."""

    dataset: str | None
    partitions: list[str]
    finished: bool
    valid: bool
    where: str | None
    sql: str | None


class StoreState(_Part):
    """Which store, and how far it had come: it only ever gains segments."""

    id: str | None
    schema_version: str | None
    segments: int


class FileEntry(_Part):
    """One file, beside the manifest."""

    file: str
    split: str | None
    rows: int
    sha256: str


class Manifest(_Part):
    """
    What an export is. It names no time and no folder: the same export has the same manifest.

    Attributes:
        format: One of `FORMATS`.
        reasoning: Whether what the models thought is in it.
        splits: Their shares.
        left_out: Conversations that are not in it, by reason.
        versions: The list of its versions: which thread version each row is, in order.
    """

    format: str
    reasoning: bool
    splits: dict[str, float]
    selected: Selected
    store: StoreState
    code_version: str
    conversations: int
    messages: int
    reply_tokens: int
    left_out: dict[str, int]
    versions: FileEntry
    files: list[FileEntry]


def read_manifest(file: Path) -> Manifest:
    """
    Raises:
        ConfigError: There is no manifest there.
        ExportError: The list of versions beside it is not the one it names.
    """
    try:
        manifest = Manifest.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise ConfigError(f"{file} is no manifest of an export: {error}") from error
    listed = file.with_name(manifest.versions.file)
    if not listed.exists() or sha256_of(listed) != manifest.versions.sha256:
        raise ExportError(
            f"{listed} is not the list of versions that {file.name} names: put it back beside it"
        )
    return manifest


def write_manifest(file: Path, manifest: Manifest) -> None:
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


def store_state(connection: duckdb.DuckDBPyConnection) -> StoreState:
    known = dict(connection.execute("select key, value from store_info").fetchall())
    segments = connection.execute("select count(*) from segment").fetchall()[0][0]
    return StoreState(id=known.get("store_id"), schema_version=known.get("schema_version"), segments=segments)
