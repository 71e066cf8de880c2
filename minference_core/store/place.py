"""Where the files of a store are."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """The store in one data folder: its inbox, its private file, its published file."""

    data: Path

    @property
    def inbox(self) -> Path:
        return self.data / "inbox"

    @property
    def published(self) -> Path:
        """The file that users open; there after the first fold."""
        return self.data / "minference.duckdb"

    @property
    def private(self) -> Path:
        return self.data / ".store" / "store.duckdb"

    @property
    def lock(self) -> Path:
        """Held by whoever opens the private file."""
        return self.data / ".store" / "fold.lock"

    @property
    def mark(self) -> Path:
        """What is published, as `Database.state` says it, and how many seconds that took."""
        return self.data / ".store" / "published"
