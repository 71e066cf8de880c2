"""
What the environment says of the providers: keys, addresses, the simulator.

Read when something runs, never on import. Nothing here is logged: an answer names a
variable, or says that it is set, never what is in it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr

from minference_core.engine.limits import Lane, LaneLimits
from minference_core.errors import ConfigError
from minference_core.providers import PROVIDERS

__all__ = [
    "DATA_VARIABLE",
    "LEDGER_VARIABLE",
    "SIMULATOR_VARIABLE",
    "base_url",
    "in_force",
    "key",
    "lanes",
    "ledger_url",
    "limits_of",
    "load_env_file",
    "said",
    "simulator",
]

DATA_VARIABLE = "MINFERENCE_DATA"
LEDGER_VARIABLE = "MINFERENCE_LEDGER_URL"
SIMULATOR_VARIABLE = "MINFERENCE_SIMULATOR"

_LIMIT_VARIABLES = {
    "requests_per_minute": "RPM",
    "tokens_per_minute": "TPM",
    "input_tokens_per_minute": "INPUT_TPM",
    "output_tokens_per_minute": "OUTPUT_TPM",
    "max_in_flight": "MAX_IN_FLIGHT",
}


def key(client: str) -> SecretStr | None:
    """The client's key, or None. An empty variable counts as not set: that is how a shell clears one."""
    found = next((value for name in PROVIDERS[client].key_variables if (value := said(name))), None)
    return SecretStr(found) if found else None


def base_url(client: str) -> str | None:
    """Where the environment points this client, or None for the provider's own address."""
    return said(PROVIDERS[client].url_variable)


def simulator() -> str | None:
    """The address of the simulator that is asked in every provider's place, if one is."""
    return said(SIMULATOR_VARIABLE)


def lanes(limits: Mapping[str, LaneLimits]) -> dict[str, Lane]:
    """
    One lane a client. A missing key is an error later, for the threads that need it.

    Args:
        limits: By client, beside those of the environment; the lower one counts.

    Raises:
        ConfigError: A variable that is to hold a limit holds something else.
    """
    lane = _simulated if simulator() else _lane
    return {client: lane(client, limit) for client, limit in in_force(limits).items()}


def in_force(limits: Mapping[str, LaneLimits]) -> dict[str, LaneLimits]:
    """
    Each client's limits and those of the environment: the lower one counts.

    Raises:
        ConfigError: A variable that is to hold a limit holds something else.
    """
    return {client: limits.get(client, LaneLimits()).lowered_to(limits_of(client)) for client in PROVIDERS}


def limits_of(client: str) -> LaneLimits:
    """
    What the environment says of an account's limits: `OPENAI_RPM` and so on.

    Raises:
        ConfigError: A variable holds something else than a number from 1.
    """
    names = {field: f"{client.upper()}_{ending}" for field, ending in _LIMIT_VARIABLES.items()}
    return LaneLimits(**{field: _number(name) for field, name in names.items()})


def ledger_url(data: Path) -> str:
    """
    Where the ledger is that all processes share.

    Args:
        data: The data folder, which has it unless `MINFERENCE_LEDGER_URL` says otherwise.
    """
    return said(LEDGER_VARIABLE) or f"sqlite:///{data.resolve() / '.ledger' / 'ledger.sqlite'}"


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


def _number(name: str) -> int | None:
    text = said(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ConfigError(f"{name} is {text!r}: set it to a whole number from 1, or leave it empty")
    return int(text)


def said(name: str) -> str | None:
    """What a variable holds; None when it is unset or blank."""
    return os.environ.get(name, "").strip() or None


def _lane(client: str, limits: LaneLimits) -> Lane:
    entry, url = PROVIDERS[client], base_url(client)
    return Lane(
        client=client,
        base_url=url or entry.default_base_url,
        api_key=key(client),
        key_name=entry.key_variables[0],
        # Someone's own server may want none; if it does, it will say so.
        key_required=entry.key_required and url is None,
        limits=limits,
    )


def _simulated(client: str, limits: LaneLimits) -> Lane:
    # The first step of the path says whom the simulator plays. It wants a key, as providers do; a real one
    # has no business there.
    url = f"{simulator()}/{client}"
    return Lane(client=client, base_url=url, api_key=SecretStr("simulator"), limits=limits, simulated=True)
