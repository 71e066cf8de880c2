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

    @property
    def anew(self) -> Path:
        """The private file that is to take the place of the present one, while it is made."""
        return self.data / ".store" / "anew.duckdb"

    @property
    def before(self) -> Path:
        """The private file that was replaced, until what replaced it is published."""
        return self.data / ".store" / "before.duckdb"

    @property
    def folder_anew(self) -> Path:
        """For segments that only a private file made anew takes in."""
        return self.data / ".store" / "anew"
