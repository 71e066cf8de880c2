"""
Which versions of which functions this process was told it may run.

The calls a user makes are `registry.py`; what a version is, `versions.py`.
"""

import threading
from collections.abc import Callable
from typing import Any

from minference_core import ids
from minference_core.errors import ToolError, ToolNotOptedIn
from minference_core.tools.versions import Version

__all__ = ["Catalogue"]


class Catalogue:
    """
    Functions by name: the current version of each, and all earlier ones; for any thread.

    Attributes:
        functions: The current function of each name. A name that is not here is unknown, whatever else
            is: taking it out takes the permission back.
    """

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Any]] = {}
        self._current: dict[str, Version] = {}
        self._versions: dict[str, dict[str, Version]] = {}
        self._apart: dict[tuple[str, str], Version] = {}
        self._lock = threading.RLock()

    def add(self, name: str, version: Version, *, replace: bool = False) -> Version:
        """
        Make a version the current one of its name.

        Args:
            replace: Also when there is one.

        Returns:
            The version, or the equal one that was there before.

        Raises:
            ToolError: The name is taken.
        """
        with self._lock:
            if not replace:
                self.refuse_if_taken(name)
            known = self._versions.setdefault(name, {})
            while (other := known.get(version.fingerprint)) is not None:
                if other.is_same(version):
                    version = other
                    break
                # Alike in all that a fingerprint tells, and another function all the same.
                version.fingerprint = str(ids.hash_uuid("another", version.fingerprint))
            known[version.fingerprint] = version
            self._current[name] = version
            self.functions[name] = version.function
            return version

    def offer(self, name: str, version: Version) -> Version:
        """
        Add a version, unless it is the current one already.

        Raises:
            ToolError: Another function has that name.
        """
        with self._lock:
            current = self.current(name)
            if current is not None and current.is_same(version):
                return current
            return self.add(name, version)

    def keep_apart(self, name: str, version: Version) -> None:
        """
        Let a version run for the tools that are made of it, without making it the function of that name:
        each dataset has its own, and they are none of the names that a program registers or clears.
        """
        with self._lock:
            self._apart[name, version.fingerprint] = version

    def refuse_if_taken(self, name: str) -> None:
        """
        Raises:
            ToolError: The name is taken.
        """
        if name in self.functions:
            raise ToolError(
                f"Function '{name}' already registered. "
                f"Use update() to replace it, or another name for this one."
            )

    def remove(self, name: str) -> None:
        """
        Forget all versions of a function.

        Raises:
            ToolError: There is none of that name.
        """
        with self._lock:
            if name not in self.functions:
                raise ToolError(f"Function '{name}' not found in registry.")
            del self.functions[name]
            self._current.pop(name, None)
            self._versions.pop(name, None)

    def clear(self) -> None:
        with self._lock:
            self.functions.clear()
            self._current.clear()
            self._versions.clear()

    def current(self, name: str) -> Version | None:
        """The current version of a name; None if it is unknown."""
        with self._lock:
            return self._current.get(name) if name in self.functions else None

    def all_current(self) -> dict[str, Version]:
        """The current version of every name, in the order they were registered."""
        with self._lock:
            return {name: self._current[name] for name in self.functions if name in self._current}

    def version(self, name: str, fingerprint: str | None, text: str | None = None) -> Version:
        """
        The version that a tool was made of, or the very text it shows, where that was opted in.

        Raises:
            ToolNotOptedIn: This process was not told to run it.
        """
        with self._lock:
            if (apart := self._apart.get((name, fingerprint or ""))) is not None:
                return apart
            if name not in self.functions:
                raise ToolNotOptedIn(
                    f"Function '{name}' not found in registry: this process was not told to run it. "
                    f"{_remedy(name)}"
                )
            known = self._versions.get(name, {})
            version = known.get(fingerprint or "") or next(
                (each for each in known.values() if text is not None and each.is_text(text)), None
            )
        if version is None:
            raise ToolNotOptedIn(
                f"Function '{name}' is registered in another version than the tool's, which must not run "
                f"in its place. {_remedy(name)}"
            )
        return version


def _remedy(name: str) -> str:
    return (
        f"Register the function as '{name}' (CallableRegistry.register or CallableTool.from_callable), "
        f"or let its text run in a process of its own (CallableTool.from_source)."
    )
