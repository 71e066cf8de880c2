"""
The limits of an account by the server's own windows: a process by itself, four that share, Anthropic's two.

One request of ten takes more than a second's worth of tokens, which is more than the server's bucket holds.
"""

import json
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from minference_core.specs import SpecDefaults
from tests.conftest import Row, write_specs
from tests.e2e.processes import get_ready, kill, log_lines, start
from tests.e2e.sharing import DONE, Sharing, ask

pytestmark = pytest.mark.slow

# Of 20,000 tokens a second, a large request takes one second and a fifth; all of them together some ten.
RPM, TPM = 1_800, 1_200_000
SMALL, LARGE, LARGE_ONE_IN = 400, 24_000, 10
# Anthropic counts what is read apart from what is written: half a second's worth of each.
INPUT_TPM, OUTPUT_TPM = 120_000, 480_000
REQUESTS = 80


@dataclass(frozen=True, slots=True)
class Scene:
    """So many processes that share one account at one server."""

    client: str
    model: str
    processes: int
    large: int  # tokens
    small: int
    prompt: str  # of the large ones
    limits: Mapping[str, int]  # by the simulator's names


SCENES = {
    "one process": Scene(
        "openai", "gpt-4.1-mini", 1, LARGE, SMALL, "", {"requests_per_minute": RPM, "tokens_per_minute": TPM}
    ),
    "four processes": Scene(
        "openai", "gpt-4.1-mini", 4, LARGE, SMALL, "", {"requests_per_minute": RPM, "tokens_per_minute": TPM}
    ),
    "two processes at Anthropic": Scene(
        "anthropic", "claude-haiku-4-5", 2, 9_000, 200, "word " * 2_300,
        {"input_tokens_per_minute": INPUT_TPM, "output_tokens_per_minute": OUTPUT_TPM},
    ),
}  # fmt: skip
VARIABLES = {
    "requests_per_minute": "RPM",
    "tokens_per_minute": "TPM",
    "input_tokens_per_minute": "INPUT_TPM",
    "output_tokens_per_minute": "OUTPUT_TPM",
}
