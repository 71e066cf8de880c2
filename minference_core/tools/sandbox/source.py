"""
A function that is text: the program only ever sees what it takes, gives and answers.

See `confine.py` for what the text cannot do, and `CallableTool.from_source` for what it can.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from minference_core.errors import ToolError, ToolFailed
from minference_core.tools.fingerprint import source_fingerprint
from minference_core.tools.interface import RegistryInfo, to_json
from minference_core.tools.sandbox.limits import SandboxLimits
from minference_core.tools.sandbox.pool import pool

__all__ = ["SourceFunction", "SourceVersion"]


class SourceVersion:
    """
    One text, opted in: a version of a registered function.

    Args:
        name: The function in it, if there are several.

    Raises:
        ToolError: It is not the text of a function with type hints; its first run failed.
    """

    def __init__(self, text: str, name: str | None, limits: SandboxLimits) -> None:
        self.text = text
        self.limits = limits
        try:
            described = pool().ask((text, limits), "describe", {"name": name}, called="the text")
            self._info = RegistryInfo(**described["info"])
        except ToolFailed as exc:
            raise ToolError(f"Failed to parse function: {exc.reason}") from exc
        except (KeyError, TypeError) as exc:
            raise ToolError("Failed to parse function: its process described none") from exc
        self.entry = self._info.name
        self.fingerprint = source_fingerprint(text, self.entry)
        self.function = SourceFunction(self, described.get("parameters"))

    def info(self, name: str) -> RegistryInfo:
        return replace(deepcopy(self._info), name=name)

    def is_same(self, other: object) -> bool:
        """Whether both run the same function of the same text."""
        return isinstance(other, SourceVersion) and self.fingerprint == other.fingerprint

    def is_text(self, text: str) -> bool:
        return text == self.text

    def run(
        self, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """
        Raises:
            ToolFailed: It raised, ended its process, or its arguments or result do not fit.
            ToolStopped: It took too long or too much; its process was killed.
        """
        request = self._request(arguments, called)
        return pool().ask((self.text, self.limits), "call", request, called=called, timeout_s=timeout_s)

    async def arun(
        self, arguments: Mapping[str, Any], *, called: str, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """As `run`; cancelling it kills the process."""
        request = self._request(arguments, called)
        return await pool().aask(
            (self.text, self.limits), "call", request, called=called, timeout_s=timeout_s
        )

    def _request(self, arguments: Mapping[str, Any], called: str) -> dict[str, Any]:
        try:
            return {"entry": self.entry, "arguments": to_json(arguments)}
        except ToolError as exc:
            raise ToolFailed(called, f"its arguments are no JSON: {exc}") from exc


class SourceFunction:
    """Calls the text like any function; what it gives is JSON, an object where it is a model."""

    def __init__(self, version: SourceVersion, parameters: list[str] | None) -> None:
        self._version = version
        self._parameters = parameters
        self.__name__ = self.__qualname__ = version.entry
        self.__doc__ = version.info(version.entry).doc

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self._parameters is None:
            model = given[0] if given else next(iter(named.values()), {})
            arguments = model.model_dump(mode="json") if isinstance(model, BaseModel) else dict(model)
        elif len(given) > len(self._parameters):
            raise TypeError(f"{self.__name__}() takes {len(self._parameters)} arguments, not {len(given)}")
        else:
            arguments = {**dict(zip(self._parameters, given, strict=False)), **named}
        result = self._version.run(arguments, called=self.__name__)
        return result["result"] if set(result) == {"result"} else result
