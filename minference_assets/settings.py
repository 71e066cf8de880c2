"""
What the environment says: where the data is, which providers are configured.

Read when something runs, never on import.
"""

from pathlib import Path

from minference_assets.project import project_root
from minference_core.engine.environment import (
    DATA_VARIABLE,
    SIMULATOR_VARIABLE,
    base_url,
    key,
    ledger_url,
    limits_of,
    load_env_file,
    said,
    simulator,
)
from minference_core.providers import PROVIDERS

__all__ = [
    "DATA_VARIABLE",
    "SIMULATOR_VARIABLE",
    "base_url",
    "configured_providers",
    "data_folder",
    "key",
    "ledger_url",
    "limits_of",
    "load_env_file",
    "simulator",
]


def configured_providers() -> list[str]:
    """The clients that have a key or a base URL; where there is none, the simulator is asked."""
    return [client for client in PROVIDERS if key(client) or base_url(client)]


def data_folder() -> Path:
    """`MINFERENCE_DATA`, else `data` in the project, as for `DAGSTER_HOME`; absolute either way."""
    folder = said(DATA_VARIABLE)
    return Path(folder).expanduser().resolve() if folder else project_root(Path.cwd()) / "data"
