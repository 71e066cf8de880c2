"""A PostgreSQL server of a test's own, where Debian's packages have one."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Server", "server", "server_programs"]

_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}


def server_programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None where there is none (`apt install postgresql`)."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


class Server:
    """One in a folder of its own."""

    def __init__(self, programs: Path, folder: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://minference@127.0.0.1:{self._port}/postgres"
        # PostgreSQL refuses to run as root: `postgres` is whom Debian's package runs it as. It cannot be in
        # one of pytest's folders, which pytest closes to everybody else whenever a worker begins.
        self._user: list[str] = []
        if os.geteuid() == 0:
            self._user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(folder, "postgres", "postgres")
        self._programs, self._data = programs, Path(folder) / "data"
        init = [programs / "initdb", "-D", self._data, "-U", "minference", "-A", "trust", "--no-sync"]
        subprocess.run([*self._user, *init], check=True, **_QUIET)  # type: ignore[call-overload]
        self.start()

    def start(self) -> None:
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        started = [
            *self._user,
            self._programs / "postgres",
            "-D",
            self._data,
            "-p",
            str(self._port),
            *options,
        ]
        self._process = subprocess.Popen(started, **_QUIET)  # type: ignore[call-overload]
        _wait_for(self._port)

    def stop(self) -> None:
        """At once, whoever is connected."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


@contextmanager
def server() -> Iterator[Server]:
    """Start one, and end it."""
    programs = server_programs()
    assert programs is not None
    folder = tempfile.mkdtemp(prefix="postgres-")
    try:
        started = Server(programs, folder)
        try:
            yield started
        finally:
            started.stop()
    finally:
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
