"""What the registry holds of a function: one version of it, from this process or made from text."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from minference_core.tools.fingerprint import fingerprint, source_of, token
from minference_core.tools.interface import Interface, RegistryInfo
from minference_core.tools.running import arun, run

__all__ = ["PlainVersion", "Version"]


class Version(Protocol):
    """
    One version of a function.

    Attributes:
        function: What `CallableRegistry.get` gives.
        text: Its source; None if there is none.
        fingerprint: What tells it from other versions, in every process.
    """

    fingerprint: str

    @property
    def text(self) -> str | None: ...

    @property
    def function(self) -> Callable[..., Any]: ...

    def info(self, name: str) -> RegistryInfo: ...

    def is_same(self, other: object) -> bool:
        """Whether both do the same, so that one may stand for the other."""
        ...

    def is_text(self, text: str) -> bool:
        """Whether this is that text, run as a text."""
        ...

    def run(
        self, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]: ...

    async def arun(
        self, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]: ...


class PlainVersion:
    """
    A function of this process.

    Raises:
        ToolError: It is none that can be called with JSON.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self._interface = Interface(function, name)
        self.token = token(self._interface)
        self.fingerprint = fingerprint(self._interface)
        self.text = source_of(function)

    def info(self, name: str) -> RegistryInfo:
        return self._interface.info(name)

    def is_same(self, other: object) -> bool:
        """The same object, or one defined again with equal code, defaults and closure."""
        return isinstance(other, PlainVersion) and (
            self.function is other.function or self.token == other.token
        )

    def is_text(self, text: str) -> bool:
        return False

    def run(
        self, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]:
        return run(self._interface, arguments, called=called, timeout_s=timeout_s)

    async def arun(
        self, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]:
        return await arun(self._interface, arguments, called=called, timeout_s=timeout_s)
