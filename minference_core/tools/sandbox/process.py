"""
One process that runs one tool's text, seen from the program that asks it.

What the process gives up before it runs the text is `confine.py`; how many there are is `pool.py`.
"""

import atexit
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydantic

from minference_core.errors import ToolFailed, ToolStopped
from minference_core.tools.sandbox.channel import Channel, ChannelClosed, encode
from minference_core.tools.sandbox.limits import SandboxLimits

__all__ = ["ToolProcess"]

log = logging.getLogger(__name__)

_WORKER = Path(__file__).with_name("worker.py")

# A machine under load takes seconds to start an interpreter.
_START_S = 60.0

# All that the process sees of the environment. One thread per library: their pools would take its memory.
# No plugins: looking for them takes a tenth of the time to start, and they are not the text's.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

_alive: set["ToolProcess"] = set()
_warned: set[str] = set()


class ToolProcess:
    """
    A process of its own for a text, which has run in it once this is made.

    Raises:
        ToolFailed: The text cannot be run.
        ToolStopped: It does not come to an end, or takes too much.
    """

    def __init__(self, text: str, limits: SandboxLimits, *, called: str = "the text") -> None:
        self._limits = limits
        self._cpu_s = 0.0
        self._is_sound = True
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="minference-tool-"))
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        try:
            with theirs:
                self._process = _starter().submit(_start, theirs.fileno(), self._folder).result()
            _alive.add(self)
            self._await_start(called)
            loaded = self.ask("load", {"text": text, "limits": limits.said()}, called=called)
        except BaseException:
            self.close()
            raise
        _warn(loaded.get("missing", ()))

    def _await_start(self, called: str) -> None:
        try:
            self._converse(None, time.monotonic() + _START_S, called)
        except TimeoutError:
            raise ToolStopped(called, f"its process did not start within {_START_S:g} s") from None

    @property
    def is_usable(self) -> bool:
        """Whether it can be asked again."""
        is_alive = self._process is not None and self._process.poll() is None
        return is_alive and self._is_sound and self._cpu_s < self._limits.cpu_s

    def ask(
        self, do: str, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """
        Have it do something, and wait for the result.

        Args:
            do: A method of the process's own `serving._Served`, with these arguments.
            called: What a failure says was executed.
            timeout_s: Real time it may take; that of the limits by default.

        Raises:
            ToolFailed: The text raised, or ended its process.
            ToolStopped: It took too much of something.
        """
        timeout_s = self._limits.timeout_s if timeout_s is None else timeout_s
        try:
            request = encode({"do": do, "with": dict(arguments)})
        except ValueError as exc:
            raise ToolFailed(called, f"its arguments cannot be handed over: {exc}") from exc
        self._is_sound = False  # until the whole answer is there
        try:
            reply = self._converse(request, time.monotonic() + timeout_s, called)
        except TimeoutError:
            raise ToolStopped(called, f"no result after {timeout_s:g} s: it was stopped") from None
        return self._result(reply, called)

    def kill(self) -> None:
        """End it, with all it started; it has no say in it. Any thread may do so."""
        self._is_sound = False
        if self._process is None:
            return
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End it and clean up; for whoever made it, when nobody is waiting for an answer."""
        self.kill()
        self.let_go()
        self.remove_folder()
        _alive.discard(self)

    def remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def let_go(self) -> None:
        """Close the line to it; after a fork it is the parent's process."""
        self._channel.close()

    def _converse(self, request: bytes | None, deadline: float, called: str) -> dict[str, Any]:
        try:
            if request is not None:
                self._channel.send(request, max(1e-6, deadline - time.monotonic()))
            return self._channel.receive(deadline)
        except ChannelClosed:
            raise self._ended(called) from None
        except ValueError as exc:
            raise ToolFailed(called, f"its process sent something else than an answer: {exc}") from exc

    def _result(self, reply: dict[str, Any], called: str) -> dict[str, Any]:
        """The text may have written the reply itself, so nothing in it is taken for granted."""
        used, threads = reply.get("cpu_s", 0.0), reply.get("left_threads", 0)
        self._cpu_s = float(used) if isinstance(used, int | float) else self._limits.cpu_s
        self._is_sound = threads == 0 and "stopped" not in reply
        if "error" in reply:
            failure = ToolStopped if "stopped" in reply else ToolFailed
            raise failure(called, str(reply["error"]))
        result = reply.get("result")
        if not isinstance(result, dict):
            self._is_sound = False
            raise ToolFailed(called, "its process sent something else than an answer")
        return result

    def _ended(self, called: str) -> ToolFailed:
        code = self._exit_code()
        if code is None:
            return ToolFailed(called, "its process closed the line")
        if code == -signal.SIGXCPU:
            return ToolStopped(called, f"it used more than {self._limits.cpu_s} s of processor time")
        if code < 0:
            return ToolStopped(called, f"its process was killed by {signal.Signals(-code).name}")
        return ToolFailed(called, f"its process ended without an answer (exit code {code})")

    def _exit_code(self) -> int | None:
        """How it ended; the line may close a moment before the process is gone."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(timeout=1)
        return None


def _start(handle: int, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**_ENVIRONMENT, "HOME": str(folder), "TMPDIR": str(folder)}
    if (libraries := os.environ.get("LD_LIBRARY_PATH")) is not None:
        environment["LD_LIBRARY_PATH"] = libraries  # some interpreters do not start without it
    return subprocess.Popen(  # noqa: S603 (our own interpreter and file)
        [sys.executable, "-ISB", str(_WORKER), str(handle), str(os.getpid()), *_packages()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=folder,
        pass_fds=(handle,),
        start_new_session=True,
    )


def _packages() -> list[str]:
    """Where the packages of this interpreter are installed, pydantic's folder above all."""
    installed = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return list(dict.fromkeys([str(Path(pydantic.__file__).parents[1]), *installed]))


class _Starter:
    """
    The thread that starts all processes, for as long as this process lives.

    Linux ends a process when the *thread* that started it ends, and threads of a pool come and go.
    """

    threads: ThreadPoolExecutor | None = None
    lock = threading.Lock()


def _starter() -> ThreadPoolExecutor:
    with _Starter.lock:
        if _Starter.threads is None:
            _Starter.threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="minference-sandbox")
        return _Starter.threads


def _warn(missing: object) -> None:
    """Once for each thing this system cannot keep a text from."""
    for what in missing if isinstance(missing, list) else ():
        if what not in _warned:
            _warned.add(what)
            log.warning("this system does not keep tools made from text from %s", what)


def _kill_all() -> None:
    for process in list(_alive):  # not `close`: a thread may still be waiting for an answer
        process.kill()
        process.remove_folder()


def _after_fork() -> None:
    _Starter.threads = None
    _Starter.lock = threading.Lock()
    for process in _alive:
        process.let_go()
    _alive.clear()


atexit.register(_kill_all)
os.register_at_fork(after_in_child=_after_fork)
