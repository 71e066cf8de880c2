"""A PostgreSQL server of a test's own, where Debian's packages have one."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["server", "server_programs"]


def server_programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None where there is none (`apt install postgresql`)."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


@contextmanager
def server() -> Iterator[str]:
    """Start one in a folder of its own; gives the URL of its database."""
    programs = server_programs()
    assert programs is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # PostgreSQL refuses to run as root: `postgres` is whom Debian's package runs it as. It cannot be in
    # one of pytest's folders, which pytest closes to everybody else whenever a worker begins.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    folder = tempfile.mkdtemp(prefix="postgres-")
    data = Path(folder) / "data"
    if user:
        shutil.chown(folder, "postgres", "postgres")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    init = [programs / "initdb", "-D", data, "-U", "minference", "-A", "trust", "--no-sync"]
    subprocess.run([*user, *init], check=True, **quiet)  # type: ignore[call-overload]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    started = [*user, programs / "postgres", "-D", data, "-p", str(port), *options]
    process = subprocess.Popen(started, **quiet)  # type: ignore[call-overload]
    try:
        _wait_for(port)
        yield f"postgresql+psycopg://minference@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
