"""The Dagster UI and daemon as one child, ended with everything it started."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

__all__ = ["is_free", "serve"]

# Dagster's own shutdown takes up to 9 s (measured); a run that drains its engine may take longer.
_GRACE_S = 60.0
_POLL_S = 0.2


def is_free(host: str, port: int) -> bool:
    """Whether somebody could listen there; Dagster would say otherwise in twenty lines, and go on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of one that just ended
        try:
            trial.bind((host, port))
        except OSError:
            return False
    return True


def serve(workspace: Path, home: Path, *, host: str, port: int) -> int:
    """
    Run until told to stop.

    Started in a folder without an `.env`: Dagster puts what it finds there over exported variables, and
    whoever calls this has read it already, with the right precedence.

    Args:
        workspace: The `workspace.yaml` to serve.
        home: `DAGSTER_HOME`, also where the child runs.
        host: Address to listen on.
        port: Port to listen on.

    Returns:
        The exit code: 0 when it was told to stop.
    """
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        str(workspace),
        "--host",
        host,
        "--port",
        str(port),
    ]
    with _told_to_stop() as told:
        child = subprocess.Popen(  # noqa: S603 (our own interpreter, our own arguments)
            command, cwd=home, env=_environment(), start_new_session=True
        )
        while child.poll() is None and not told:
            time.sleep(_POLL_S)
    _end(child)
    return 0 if told else child.returncode


def _environment() -> dict[str, str]:
    # "superseded" warnings about the very command this is.
    return {**os.environ, "PYTHONWARNINGS": "ignore::UserWarning"}


@contextlib.contextmanager
def _told_to_stop() -> Iterator[list[int]]:
    """
    Signals are noted, not raised.

    That the handlers are set also matters to the child: started from a shell script's `&`, this process would
    ignore SIGINT, the child would inherit that, and Dagster would then ignore SIGTERM too.
    """
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """The child first, so that it can end its own children; then whatever is left of its group."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_S)
    if _signal_group(child.pid, signal.SIGTERM):
        while time.monotonic() < deadline and _signal_group(child.pid, 0):
            time.sleep(_POLL_S)
        _signal_group(child.pid, signal.SIGKILL)
    child.wait()


def _signal_group(group: int, number: int) -> bool:
    """Whether there was anyone to signal."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
