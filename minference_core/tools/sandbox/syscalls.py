"""
Which calls of the Linux kernel a tool's process may not make, as the program that the kernel checks them by.

Source: linux/arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h (arm64),
include/uapi/linux/{seccomp,filter,audit}.h. Pure: nothing here changes the process.
"""

import struct
from dataclasses import dataclass

__all__ = [
    "INSTRUCTION_SIZE",
    "LANDLOCK_ADD_RULE",
    "LANDLOCK_CREATE_RULESET",
    "LANDLOCK_RESTRICT_SELF",
    "filter_program",
]

# The same on every architecture.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
_CLONE3, _PIDFD_SEND_SIGNAL, _PIDFD_GETFD, _IO_URING_SETUP, _FCHMODAT2 = 435, 424, 438, 425, 452

INSTRUCTION_SIZE = 8

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_CLONE_THREAD = 0x00010000
_X32_BIT = 0x40000000

_Program = list[bytes]


@dataclass(frozen=True, slots=True)
class _Machine:
    """The numbers one architecture gives to the calls in question."""

    audit: int
    clone: int
    signal_one: tuple[int, ...]  # kill, tgkill: their first argument is the process
    prlimit: int
    forbidden: tuple[int, ...]


_MACHINES = {
    "x86_64": _Machine(
        audit=0xC000003E,
        clone=56,
        signal_one=(62, 234),
        prlimit=302,
        forbidden=(
            *(57, 58, 59, 322),  # fork, vfork, execve, execveat
            *(200, 129, 297),  # tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
            *(101, 310, 311),  # ptrace, process_vm_readv, process_vm_writev
            *(160, 272, 308, 165, 166),  # setrlimit, unshare, setns, mount, umount2
            *(248, 249, 250, 321),  # add_key, request_key, keyctl, bpf
            *(90, 91, 268, 92, 93, 94, 260),  # chmod, fchmod, fchmodat, chown, fchown, lchown, fchownat
        ),
    ),
    "aarch64": _Machine(
        audit=0xC00000B7,
        clone=220,
        signal_one=(129, 131),
        prlimit=261,
        forbidden=(
            *(221, 281),  # execve, execveat; there is no fork
            *(130, 138, 240),  # tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
            *(117, 270, 271),  # ptrace, process_vm_readv, process_vm_writev
            *(164, 97, 268, 40, 39),  # setrlimit, unshare, setns, mount, umount2
            *(217, 218, 219, 280),  # add_key, request_key, keyctl, bpf
            *(52, 53, 55, 54),  # fchmod, fchmodat, fchown, fchownat
        ),
    ),
}
_FORBIDDEN_EVERYWHERE = (_PIDFD_SEND_SIGNAL, _PIDFD_GETFD, _IO_URING_SETUP, _FCHMODAT2)


def filter_program(machine: str, pid: int, refused: int, unknown: int) -> bytes | None:
    """
    The filter for an architecture; None if we have no numbers for it.

    Args:
        machine: As `platform.machine()` says it.
        pid: The process, which may send signals to itself.
        refused: The error number of a forbidden call.
        unknown: The error number by which the C library learns to start threads the older way, whose
            flags a filter can see.
    """
    numbers = _MACHINES.get(machine)
    if numbers is None:
        return None
    no, yes = _return(_ERRNO | refused), _return(_ALLOW)
    program = [
        _load(_ARCHITECTURE),
        *_unless_equal(numbers.audit, [no]),
        _load(_NUMBER),
        *([_jump(_AT_LEAST, _X32_BIT, 0, 1), no] if machine == "x86_64" else []),
        *_when(_CLONE3, [_return(_ERRNO | unknown)]),
        *_when(numbers.clone, [_load(_ARGUMENTS), _jump(_ANY_BIT, _CLONE_THREAD, 0, 1), yes, no]),
        *_when(numbers.prlimit, [*_unless_zero(argument=2, then=[no]), yes]),
    ]
    for number in numbers.signal_one:
        program += _when(number, [_load(_ARGUMENTS), *_unless_equal(pid, [no]), yes])
    for number in (*numbers.forbidden, *_FORBIDDEN_EVERYWHERE):
        program += _when(number, [no])
    return b"".join([*program, yes])


def _when(number: int, block: _Program) -> _Program:
    """The block, which ends with a return, for the call of that number; else go on."""
    return [_jump(_EQUAL, number, 0, len(block)), *block]


def _unless_equal(value: int, block: _Program) -> _Program:
    return [_jump(_EQUAL, value, len(block), 0), *block]


def _unless_zero(*, argument: int, then: _Program) -> _Program:
    """For a pointer: both halves of it."""
    low = _ARGUMENTS + 8 * argument
    return [_load(low), *_unless_equal(0, then), _load(low + 4), *_unless_equal(0, then)]


def _load(offset: int) -> bytes:
    return struct.pack("<HBBI", _LOAD, 0, 0, offset)


def _jump(test: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("<HBBI", test, if_true, if_false, value)


def _return(value: int) -> bytes:
    return struct.pack("<HBBI", _RETURN, 0, 0, value)
