"""
How a process gives up what a tool's text must not have, for good. Linux only; elsewhere only limits hold.

No privilege is needed for any of it. Called before the first line of the text runs, in a process that
has one thread.
"""

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from minference_core.tools.sandbox import syscalls
from minference_core.tools.sandbox.limits import SandboxLimits

__all__ = ["confine", "die_with_parent"]

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 38, 22
_SECCOMP_MODE_FILTER = 2
_SIGKILL = 9
_MOST_OPEN_FILES = 256

# Landlock's rights (uapi/linux/landlock.h): read, and all that its first three versions know of.
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ALL_BY_VERSION = ((1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1)
_FILE_RIGHTS = _EXECUTE | _READ_FILE | 1 << 1 | 1 << 14

# Where this interpreter and what is installed in it live; started without a site, it has no other folders.
_PYTHON = (sys.base_prefix, sys.base_exec_prefix, *sys.path)
# What Python and libraries in it read of the system; the rest of /etc, /proc and all homes stay out.
_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/opt", "/nix/store"),
    *(
        "/etc/ssl",
        "/etc/pki",
        "/etc/ca-certificates",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/mime.types",
    ),
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf"),
    *("/etc/services", "/etc/protocols", "/etc/passwd", "/etc/group"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu", "/run/systemd/resolve"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def die_with_parent(parent: int) -> None:
    """End this process when the thread that started it ends, even by SIGKILL."""
    if sys.platform == "linux":
        _libc().prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)


def confine(limits: SandboxLimits, folder: Path) -> list[str]:
    """
    Give up everything but `folder`, and keep to the limits.

    Returns:
        What this system could not keep the text from, in words; [] when all holds.
    """
    _limit(limits)
    if sys.platform != "linux":
        return ["reading and writing files", "starting processes"]
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _drop_capabilities(libc)
    missing = []
    if not _restrict_files(libc, [*limits.readable, *_PYTHON, *_SYSTEM], folder):
        missing.append("reading and writing files")
    if not _restrict_calls(libc):
        _try_limit(resource.RLIMIT_NPROC, 0)
        missing.append("starting processes")
    return missing


def _limit(limits: SandboxLimits) -> None:
    if (used := _address_space()) is not None:
        _try_limit(resource.RLIMIT_AS, used + limits.memory_bytes)
    # Twice: the process serves several calls, and is replaced when it has used up the first half.
    _try_limit(resource.RLIMIT_CPU, 2 * limits.cpu_s, spare=5)
    _try_limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    _try_limit(resource.RLIMIT_NOFILE, _MOST_OPEN_FILES)
    _try_limit(resource.RLIMIT_CORE, 0)


def _try_limit(kind: int, value: int, *, spare: int = 0) -> None:
    """Lower a limit; one that is already lower stays."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY and hard < value + spare:
        value, spare = hard, 0
    try:
        resource.setrlimit(kind, (value, value + spare))
    except (OSError, ValueError):  # macOS has no limit of the address space
        return


def _address_space() -> int | None:
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    except OSError:
        return None
    return int(pages) * resource.getpagesize()


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    libc.syscall.restype = ctypes.c_long
    return libc


def _call(libc: ctypes.CDLL, number: int, *arguments: int | bytes | None) -> int:
    """A call that the C library has no function for; numbers in full width, as the kernel reads them."""
    full = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return int(libc.syscall(ctypes.c_long(number), *full))


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Root without root's powers; it may still read what its Python is installed in."""
    version_3, read_anything = 0x20080522, 1 << 2
    header = struct.pack("<II", version_3, 0)
    kept = read_anything if os.geteuid() == 0 else 0
    data = struct.pack("<6I", kept, kept, 0, 0, 0, 0)
    libc.capset(header, data)


def _restrict_files(libc: ctypes.CDLL, readable: Iterable[str], folder: Path) -> bool:
    """Landlock: read these, write only in `folder`, and see nothing of other processes."""
    version = _call(libc, syscalls.LANDLOCK_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    rights = _ALL_BY_VERSION[min(version, len(_ALL_BY_VERSION)) - 1]
    attributes = struct.pack("<Q", rights)
    ruleset = _call(libc, syscalls.LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path in readable:
        _allow(libc, ruleset, path, _READ)
    for path in (*_DEVICES, str(folder)):
        _allow(libc, ruleset, path, rights)
    done = _call(libc, syscalls.LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not on this system
        return
    if not Path(path).is_dir():
        rights &= _FILE_RIGHTS
    rule = struct.pack("<Qi", rights, handle)
    _call(libc, syscalls.LANDLOCK_ADD_RULE, ruleset, 1, rule, 0)
    os.close(handle)


def _restrict_calls(libc: ctypes.CDLL) -> bool:
    """Seccomp: no new processes, no reaching into others, no higher limits."""
    program = syscalls.filter_program(platform.machine(), os.getpid(), errno.EPERM, errno.ENOSYS)
    if program is None:
        return False
    buffer = ctypes.create_string_buffer(program, len(program))
    count = len(program) // syscalls.INSTRUCTION_SIZE
    header = struct.pack("@HP", count, ctypes.addressof(buffer))
    address = ctypes.create_string_buffer(header, len(header))
    done: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(address), 0, 0)
    return done == 0
