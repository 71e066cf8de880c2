"""
Publishing: the private store becomes the file that users open.

The copy is made beside the published file and renamed over it, so a reader finds a whole file, old or
new, and a session that is open keeps the one it opened.
"""

import os
from pathlib import Path

from minference_core.store.files import copy, fsync
from minference_core.store.place import Place

__all__ = ["publish", "published_state"]


def publish(private: Path, published: Path) -> None:
    """
    Replace `published` by a copy of `private`, which nobody may have open.

    Called under the fold lock, so whatever an earlier call left unfinished is nobody's.
    """
    for leftover in published.parent.glob(f".{published.name}.*.tmp"):
        leftover.unlink()
    aside = published.with_name(f".{published.name}.{os.getpid()}.tmp")
    copy(private, aside)
    fsync(aside)
    # The log of a session that writes in the published file is of the file that goes now: DuckDB would
    # refuse to open the new one beside it. Removed first, so that no reader meets the two together.
    published.with_name(f"{published.name}.wal").unlink(missing_ok=True)
    aside.replace(published)
    fsync(published.parent)


def published_state(place: Place) -> str | None:
    """What was published last, as `Database.state` says it; None if nothing is."""
    # It is noted beside the file: that may be open elsewhere, for writing too, and DuckDB would refuse to
    # open it.
    if not (place.published.exists() and place.mark.exists()):
        return None
    return place.mark.read_text().partition("\n")[0]
