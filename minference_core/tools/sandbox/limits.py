"""What a tool made from text may use."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["SandboxLimits"]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """
    The limits of one tool's process.

    Attributes:
        timeout_s: Seconds of real time for one call, and for the text's first run.
        memory_mb: MiB of address space beyond what the interpreter and pydantic take.
        cpu_s: Seconds of processor time that a call has at least.
        file_mb: MiB that one file it writes may have.
        result_mb: MiB of JSON that a result may have.
        readable: Folders it may read besides Python's own and the system's (Linux).
    """

    timeout_s: float = 30.0
    memory_mb: int = 512
    cpu_s: int = 60
    file_mb: int = 64
    result_mb: int = 16
    readable: tuple[str, ...] = ()

    def said(self) -> dict[str, Any]:
        """As JSON, for the process that keeps to them."""
        return {**asdict(self), "readable": list(self.readable)}

    @classmethod
    def read(cls, said: dict[str, Any]) -> "SandboxLimits":
        """What `said` said."""
        return cls(**{**said, "readable": tuple(said["readable"])})

    @property
    def memory_bytes(self) -> int:
        return self.memory_mb * _MIB

    @property
    def file_bytes(self) -> int:
        return self.file_mb * _MIB

    @property
    def result_bytes(self) -> int:
        return self.result_mb * _MIB
