"""What to type next, as short as it can be from where one is now."""

import os
import shutil
import sys
from pathlib import Path

__all__ = ["path_from_here", "typed_as"]


def typed_as() -> str:
    """What to type for this very command where one is now: the virtual environment may not be active."""
    here = Path(sys.argv[0]).absolute()
    found = shutil.which("minference")
    if found is not None and Path(found).absolute() == here:
        return "minference"
    return path_from_here(here)


def path_from_here(path: Path) -> str:
    """Relative, unless that is the longer of the two."""
    return min(os.path.relpath(path), str(path), key=len)
