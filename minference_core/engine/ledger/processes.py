"""The processes that share a ledger, and whether one of them is known to have died."""

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process"]

_NAMESPACE = Path("/proc/self/ns/pid")


class Process(NamedTuple):
    """A process, and the machine and container whose processes can see it."""

    pid: int
    host: str

    @classmethod
    def own(cls) -> "Process":
        """This one: asked for anew each time, as a process that is forked is another."""
        return cls(os.getpid(), _here())

    @classmethod
    def in_name(cls, name: str) -> "Process | None":
        """The process in a name that `name` gave; None in any other."""
        host, _, rest = name.rpartition("/")
        pid, _, _ = rest.partition("-")
        return cls(int(pid), host) if host and pid.isdecimal() else None

    def name(self, unique: str) -> str:
        """A name for something of this process."""
        return f"{self.host}/{self.pid}-{unique}"

    def is_here(self) -> bool:
        """Whether it is, or was, one that could be seen from here."""
        return self.host == _here()

    def is_running(self) -> bool:
        """Whether it is there; that can only be said of one that `is_here`."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


@lru_cache(maxsize=1)
def _here() -> str:
    """Containers may share their host's name, but not the numbers of their processes."""
    name = socket.gethostname()
    try:
        return f"{name} {_NAMESPACE.readlink()}"
    except OSError:
        return name
