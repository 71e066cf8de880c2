"""Where thread specs come from: a dataset's partition, its folder and its defaults."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue

from minference_core import ids
from minference_core.errors import SpecError
from minference_core.specs.amendments import NO_AMENDMENTS, Amendments
from minference_core.specs.tools import NO_TOOLS, ToolSet, tools_of
from minference_core.threads import OwnPrice

__all__ = ["EPOCH", "Partition", "SpecDefaults", "SpecSource", "spec_files"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Partition:
    """
    One key of a dataset.

    `instant` (UTC) is the start of its day, `EPOCH` for a named one: it is when everything in it is
    said to be born, so that making the partition again makes the same ids.
    """

    dataset: str
    key: str
    instant: datetime = EPOCH


class SpecDefaults(BaseModel):
    """
    What a dataset says for every row whose column is absent or null; same names as the columns.

    Attributes:
        tools_module: The Python module that lists the dataset's tools; no column, so no row can name one.
        prices: The user's own, by model; no column either.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    client: str | None = None
    model: str | None = None
    system_prompt: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    reasoning_effort: str | None = None
    response_format: str | None = None
    tools: tuple[str, ...] | None = None
    forced_output: str | None = None
    output_schema: str | dict[str, JsonValue] | None = None
    samples: int | None = None
    max_steps: int | None = None
    max_repairs: int | None = None
    use_cache: bool | None = None
    api: str | None = None
    extra_body: str | dict[str, JsonValue] | None = None
    tools_module: str | None = None
    prices: dict[str, OwnPrice] | None = None


@dataclass(frozen=True, slots=True)
class SpecSource:
    """
    A partition's spec files, and how its rows are to be read.

    `generation` says which answers count, `amendments` of which conversations others do, `sequence` how
    often that or the specs have changed (`generations.py`).
    """

    partition: Partition
    folder: Path
    defaults: SpecDefaults
    generation: int = 0
    sequence: int = 0
    amendments: Amendments = NO_AMENDMENTS

    def fingerprint(self) -> str:
        """The same while neither a file, a default nor an amendment changes."""
        files = [[path.name, path.stat().st_size, _digest(path)] for path in spec_files(self.folder)]
        defaults = self.defaults.model_dump(mode="json", exclude_none=True)
        tools = [self.tools.fingerprint] if self.defaults.tools_module else []
        amended = self.amendments.fingerprint
        more = tools if amended is None else [*tools, amended]
        return str(ids.hash_uuid("specs", files, defaults, self.generation, *more))

    @property
    def prices(self) -> Mapping[str, OwnPrice]:
        """The user's own, by model."""
        return self.defaults.prices or {}

    @property
    def tools(self) -> ToolSet:
        """
        The dataset's tools.

        Raises:
            ConfigError: Its module cannot be imported, or lists something else.
        """
        return tools_of(self.defaults.tools_module) if self.defaults.tools_module else NO_TOOLS


def spec_files(folder: Path) -> list[Path]:
    """
    The partition's files, in the order they are read.

    Raises:
        SpecError: The folder is missing or holds no Parquet file.
    """
    if not folder.is_dir():
        raise SpecError(f"{folder} does not exist: put the partition's Parquet files there")
    files = sorted(path for path in folder.glob("*.parquet") if not path.name.startswith("."))
    if not files:
        raise SpecError(f"{folder} holds no .parquet file: put the partition's thread specs there")
    return files


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
