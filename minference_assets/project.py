"""Where the project is: its settings, its datasets and, unless something else is said, its data."""

from pathlib import Path

__all__ = ["project_root"]


def project_root(start: Path) -> Path:
    """The folder of `workspace.yaml`: from `start` upward, else where this package is."""
    for folder in (start, *start.parents):
        if (folder / "workspace.yaml").is_file() and (folder / "pyproject.toml").is_file():
            return folder
    return Path(__file__).resolve().parent.parent
