"""What makes a file or a folder's entries survive a power failure."""

import os
from pathlib import Path

__all__ = ["fsync"]


def fsync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
