"""
What surrounds a benchmark: servers in processes of their own, and an environment in which nothing counts
that the user has set.

Only the standard library is used here, so that a server starts quickly.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["clean_environment", "serving", "simulator", "stats"]

_OURS = ("MINFERENCE_", "OPENAI_", "ANTHROPIC_", "VLLM_", "LITELLM_", "OPENROUTER_", "OTEL_")


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without keys, addresses, limits and folders, and with what is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | more


@contextmanager
def serving(command: Sequence[str]) -> Iterator[str]:
    """While open, a server is running; gives the address that it prints first."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment()
    )
    assert process.stdout is not None
    with process:
        try:
            line = process.stdout.readline()
            yield next(word for word in line.split() if word.startswith("http")).rstrip(".,;")
        finally:
            process.terminate()


@contextmanager
def simulator(*options: str) -> Iterator[str]:
    """While open, `minference simulate` is running with these options; gives its address."""
    program = str(Path(sys.executable).with_name("minference"))
    with serving([program, "simulate", "--port", "0", *options]) as url:
        yield url


def stats(url: str) -> dict[str, Any]:
    """What the simulator has counted so far."""
    with urllib.request.urlopen(f"{url}/stats", timeout=30) as response:  # noqa: S310 (it is our own server)
        return dict(json.load(response))
