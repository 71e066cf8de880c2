"""What a person needs to know when it does not work: is everything here that should be?"""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from minference_assets import settings
from minference_assets.loading import load_definitions
from minference_assets.project import project_root
from minference_assets.runs import datasets_of
from minference_core.errors import ConfigError
from minference_core.providers import PROVIDERS
from minference_core.requests import token_counter

__all__ = ["Finding", "examine"]

_PACKAGES = ("minference", "dagster", "duckdb", "polars", "pyarrow", "pydantic", "httpx", "pyreqwest")
_LITTLE_SPACE = 1_000_000_000  # bytes; the store is copied each time it is published


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `ok` is False when something must be done about it."""

    name: str
    ok: bool
    text: str


def examine(home: Path) -> Iterator[Finding]:
    """
    Look at everything, change nothing.

    Args:
        home: `DAGSTER_HOME`.
    """
    yield Finding("python", sys.version_info >= (3, 11), f"{platform.python_version()} at {sys.executable}")
    yield Finding("versions", ok=True, text=", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    data = settings.data_folder()
    yield _writable("data folder", data, f"set {settings.DATA_VARIABLE} to a folder you may write")
    yield _writable("DAGSTER_HOME", home, "set DAGSTER_HOME to a folder you may write")
    yield _dagster_yaml(home)
    yield _definitions()
    yield from _providers()
    yield _vocabulary()
    yield _space(data)


def _dagster_yaml(home: Path) -> Finding:
    file = home / "dagster.yaml"
    ours = project_root(Path.cwd()) / ".dagster" / "dagster.yaml"
    if file.exists() or ours.exists():
        return Finding("dagster.yaml", ok=True, text=f"{file}" + ("" if file.exists() else " (will be made)"))
    return Finding("dagster.yaml", ok=False, text=f"neither {file} nor {ours} is there: get one of them back")


def _definitions() -> Finding:
    try:
        datasets = datasets_of(load_definitions())
    except ConfigError as error:
        return Finding("definitions load", ok=False, text=str(error))
    return Finding("definitions load", ok=True, text=", ".join(sorted(datasets)) or "no dataset yet")


def _providers() -> Iterator[Finding]:
    """Names only: a key is never shown, not even in part."""
    configured = settings.configured_providers()
    for client, entry in PROVIDERS.items():
        said = [
            name for name in (*entry.key_variables, entry.url_variable) if os.environ.get(name, "").strip()
        ]
        yield Finding(client, ok=True, text=f"{', '.join(said)} set" if said else "nothing set")
    if not configured:
        yield Finding("providers", ok=True, text="none is configured: runs ask the local simulator")


def _vocabulary() -> Finding:
    """The counter does not say how it counts; a text on which the two ways disagree does."""
    text = "internationalization " * 100
    by_bytes = token_counter()([text]) == -(-len(text) // 4)
    how = "as bytes / 4: no tiktoken vocabulary is in its cache" if by_bytes else "with tiktoken"
    return Finding("tokens", ok=True, text=f"estimated {how}")


def _writable(name: str, folder: Path, remedy: str) -> Finding:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(nearest, os.W_OK):
        return Finding(name, ok=False, text=f"{folder} cannot be written: {remedy}")
    return Finding(name, ok=True, text=f"{folder}" + ("" if folder.exists() else " (will be made)"))


def _space(folder: Path) -> Finding:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    text = f"{free / 1e9:.1f} GB free"
    return Finding("disk", free > _LITTLE_SPACE, text if free > _LITTLE_SPACE else f"{text}: make room")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"
