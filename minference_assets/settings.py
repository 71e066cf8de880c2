"""
What the environment says: where the data is, which providers are configured.

Read when something runs, never on import. Nothing here is logged: an answer names a
variable, or says that it is set, never what is in it.
"""

import os
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr

from minference_assets.project import project_root
from minference_core.providers import PROVIDERS

__all__ = [
    "DATA_VARIABLE",
    "SIMULATOR_VARIABLE",
    "base_url",
    "configured_providers",
    "data_folder",
    "key",
    "load_env_file",
    "simulator",
]

DATA_VARIABLE = "MINFERENCE_DATA"
SIMULATOR_VARIABLE = "MINFERENCE_SIMULATOR"


def key(client: str) -> SecretStr | None:
    """The client's key, or None. An empty variable counts as not set: that is how a shell clears one."""
    found = next((value for name in PROVIDERS[client].key_variables if (value := _value(name))), None)
    return SecretStr(found) if found else None


def base_url(client: str) -> str | None:
    """Where the environment points this client, or None for the provider's own address."""
    return _value(PROVIDERS[client].url_variable)


def simulator() -> str | None:
    """The address of the simulator that is asked in every provider's place, if one is."""
    return _value(SIMULATOR_VARIABLE)


def configured_providers() -> list[str]:
    """The clients that have a key or a base URL; where there is none, the simulator is asked."""
    return [client for client in PROVIDERS if key(client) or base_url(client)]


def data_folder() -> Path:
    """`MINFERENCE_DATA`, else `data` in the project, as for `DAGSTER_HOME`; absolute either way."""
    said = _value(DATA_VARIABLE)
    return Path(said).expanduser().resolve() if said else project_root(Path.cwd()) / "data"


def load_env_file(folder: Path) -> list[str]:
    """
    Take over what `.env` in `folder` says and the environment does not.

    Returns:
        The names taken over.
    """
    file = folder / ".env"
    if not file.is_file():
        return []
    missing = {
        name: value
        for name, value in dotenv_values(file).items()
        if value is not None and name not in os.environ
    }
    os.environ.update(missing)
    return sorted(missing)


def _value(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None
